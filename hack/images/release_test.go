// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// A release of kubectl bind is built as the images are, with the tools that make has, so that it is the same each time, too.
func TestReleaseIsBuiltAsImagesAre(t *testing.T) {
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	var release struct {
		Builds []struct {
			Main, Binary        string
			Env, Flags, Ldflags []string
		}
		SBOMs []struct {
			Cmd  string
			Args []string
		} `json:"sboms"`
	}
	if err := yaml.Unmarshal(read(".goreleaser.yaml"), &release); err != nil {
		t.Fatal(err)
	}
	if len(release.Builds) != 1 || len(release.SBOMs) != 1 {
		t.Fatalf("there are %d builds and %d lists of modules", len(release.Builds), len(release.SBOMs))
	}
	build := release.Builds[0]
	if !slices.Equal(build.Flags, flags()) || !slices.Equal(build.Env, []string{"CGO_ENABLED=0"}) {
		t.Errorf("%s is built with %v and %v", build.Binary, build.Env, build.Flags)
	}
	if want := linkerFlags("v{{ .Version }}"); !slices.Equal(build.Ldflags, []string{want}) {
		t.Errorf("%s is linked with %q, want %q", build.Binary, build.Ldflags, want)
	}
	// It is run in the folder of the release, and so found by the PATH.
	lister, makefile := release.SBOMs[0].Cmd, string(read("Makefile"))
	if !strings.Contains(makefile, ":= bin/"+lister+"\n") || !strings.Contains(makefile, "PATH=$(BIN):$$PATH $(GORELEASER) release") {
		t.Errorf("make does not build %s and put it into the PATH", lister)
	}
	for _, flag := range []string{"-noserial", "-notimestamp"} {
		if !slices.Contains(release.SBOMs[0].Args, flag) {
			t.Errorf("the list of modules is made without %s, and so is another one each time", flag)
		}
	}
}
