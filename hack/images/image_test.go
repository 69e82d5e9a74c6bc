// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const (
	program = "konnector"
	version = "v1.2.3"
)

// here is what this machine can run.
func here() v1.Platform { return v1.Platform{OS: "linux", Architecture: runtime.GOARCH} }

func build(t *testing.T, source, version string) (*builder, v1.Hash) {
	t.Helper()
	b := &builder{source: source, out: t.TempDir(), version: version, created: time.Unix(1_700_000_000, 0).UTC(), platforms: []v1.Platform{here()}}
	digest, err := b.image(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	return b, digest
}

// elsewhere is a copy of the module in a folder of another name.
func elsewhere(t *testing.T) string {
	t.Helper()
	root, copied := filepath.Join("..", ".."), t.TempDir()
	out, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		to := filepath.Join(copied, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

// The same source makes the same image, in whichever folder it lies and whenever it is built.
func TestReproducible(t *testing.T) {
	_, one := build(t, filepath.Join("..", ".."), version)
	_, two := build(t, elsewhere(t), version)
	if one != two {
		t.Errorf("the digests are %s and %s", one, two)
	}
	if _, other := build(t, filepath.Join("..", ".."), "v1.2.4"); other == one {
		t.Error("another version has the same digest")
	}
}

// An image is a valid OCI layout with one static binary, which runs as nobody special and says its version.
func TestImage(t *testing.T) {
	b, digest := build(t, filepath.Join("..", ".."), version)
	at, err := layout.ImageIndexFromPath(filepath.Join(b.out, "images", program))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(at); err != nil {
		t.Error(err)
	}
	if outer, err := at.IndexManifest(); err != nil || outer.Manifests[0].Annotations["io.containerd.image.name"] != "ghcr.io/kbind-dev/konnector:"+version {
		t.Errorf("containerd would call it %v, %v", outer, err)
	}
	index, err := at.ImageIndex(digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 || !manifest.Manifests[0].Platform.Equals(here()) {
		t.Fatalf("the index has %+v", manifest.Manifests)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(config.Config.Entrypoint, config.Config.User, config.OS, config.Architecture); got != fmt.Sprint([]string{"/" + program}, "65532:65532", "linux", runtime.GOARCH) {
		t.Errorf("the configuration is %s", got)
	}
	binary := extract(t, image)
	out, err := exec.CommandContext(t.Context(), binary, "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), version) {
		t.Errorf("it says %q: %v", out, err)
	}
}

// extract unpacks an image, and returns its program.
func extract(t *testing.T, image v1.Image) string {
	t.Helper()
	stream := mutate.Extract(image)
	defer stream.Close()
	file := filepath.Join(t.TempDir(), program)
	var names []string
	for r := tar.NewReader(stream); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprintf("%s %o %d:%d", h.Name, h.Mode, h.Uid, h.Gid))
		if h.Name != program {
			continue
		}
		content, err := io.ReadAll(r)
		if err := errors.Join(err, os.WriteFile(file, content, 0o700)); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(names, ", "), "tmp/ 1777 0:0, "+program+" 555 0:0"; got != want && got != strings.Replace(want, "tmp/", "tmp", 1) {
		t.Errorf("in the image are %s, want %s", got, want)
	}
	return file
}

// What makes no sense is refused before anything is built.
func TestArguments(t *testing.T) {
	for name, args := range map[string][]string{
		"a platform":    {"-platforms", "linux"},
		"a program":     {"-images", "no-such-program", "-platforms", "linux/amd64"},
		"left over":     {"left", "over"},
		"no such flags": {"-no-such-flag"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(t.Context(), append([]string{"-o", t.TempDir()}, args...)); err == nil {
				t.Error("it is taken")
			}
		})
	}
}
