// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kube-bind.io/kube-bind/deploy/konnector"
)

// known are the images that are built, as the registry has them.
func known() []string {
	var out []string
	for _, program := range strings.Split(programs, ",") {
		out = append(out, registry+"/"+imageOf(program))
	}
	return out
}

// Charts and kubectl bind ask for the images that are built, and for no others; each image has a chart that asks for it.
func TestChartsAskForTheImagesThatAreBuilt(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "deploy", "charts", "*", "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var values struct{ Image struct{ Repository string } }
		if err := yaml.Unmarshal(raw, &values); err != nil {
			t.Fatal(err)
		}
		asked[values.Image.Repository] = file
		if !slices.Contains(known(), values.Image.Repository) {
			t.Errorf("%s asks for %q; built are %q", file, values.Image.Repository, known())
		}
	}
	for _, image := range known() {
		if asked[image] == "" {
			t.Errorf("no chart asks for %s", image)
		}
	}
	if asked[konnector.Repository] == "" {
		t.Errorf("kubectl bind deploys %s, which no chart does", konnector.Repository)
	}
}

// Nowhere else is an image of ours called otherwise: in pages, manifests, the release, or the code.
func TestImagesAreCalledTheSameEverywhere(t *testing.T) {
	root := filepath.Join("..", "..")
	list, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	image := regexp.MustCompile(regexp.QuoteMeta(registry) + `/[a-z0-9-]+`)
	found := 0
	for _, name := range strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		switch filepath.Ext(name) {
		case ".go", ".md", ".yaml", ".yml", ".json", ".tpl", ".txt", ".sh":
		default:
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, used := range image.FindAllString(string(content), -1) {
			found++
			if !slices.Contains(known(), used) {
				t.Errorf("%s has %s; built are %q", name, used, known())
			}
		}
	}
	if found < len(known()) {
		t.Errorf("images are named %d times", found)
	}
}
