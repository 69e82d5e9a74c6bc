// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kube-bind.io/kube-bind/deploy/konnector"
	"kube-bind.io/kube-bind/test/charts"
)

const (
	source = "../../deploy/charts"
	epoch  = "1700000000"
)

// packaged runs the command, and returns the folder with what it has written.
func packaged(t *testing.T, version string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "charts")
	if err := run([]string{"-charts", source, "-o", out, "-version", version, "-epoch", epoch}); err != nil {
		t.Fatal(err)
	}
	return out
}

// A packaged chart installs the images of its version, which is also that of the chart.
func TestPackagedChartsInstallTheirVersion(t *testing.T) {
	for version, called := range map[string]string{
		"v1.2.3":                  "1.2.3",
		"v1.2.3-4-g0a1b2c3-dirty": "1.2.3-4-g0a1b2c3-dirty",
		"0123456":                 "0.0.0-g0123456",
	} {
		out := packaged(t, version)
		for _, chart := range []string{charts.Backend, charts.Konnector} {
			r := charts.Release{Chart: chart, Archive: filepath.Join(out, chart+"-"+called+".tgz"), Name: "kube-bind", Namespace: "kube-bind"}
			made, err := r.Render(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			deployment, err := made.Deployment()
			if err != nil {
				t.Fatal(err)
			}
			want := strings.TrimSuffix(konnector.Repository, konnector.Name) + chart + ":" + version
			if image := deployment.Spec.Template.Spec.Containers[0].Image; image != want {
				t.Errorf("%s %s installs %s, want %s", chart, version, image, want)
			}
			if label := deployment.Labels["helm.sh/chart"]; label != chart+"-"+called {
				t.Errorf("%s %s says that it is %s", chart, version, label)
			}
		}
	}
}

// The same commit gives the same archives, whenever it was checked out, and examples are in none.
func TestPackagedChartsAreTheSameEachTime(t *testing.T) {
	for _, chart := range []string{charts.Backend, charts.Konnector} {
		first, second := archive(t, packaged(t, "v1.2.3"), chart), archive(t, packaged(t, "v1.2.3"), chart)
		if !bytes.Equal(first, second) {
			t.Errorf("%s differs from time to time", chart)
		}
		zipped, err := gzip.NewReader(bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		files := 0
		for content := tar.NewReader(zipped); ; files++ {
			header, err := content.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if !header.ModTime.Equal(time.Unix(1700000000, 0)) || strings.Contains(header.Name, "examples") {
				t.Errorf("%s has %s of %s", chart, header.Name, header.ModTime)
			}
		}
		if files == 0 {
			t.Errorf("%s is empty", chart)
		}
	}
}

func archive(t *testing.T, dir, chart string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, chart+"-1.2.3.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A wrong call says what is wrong, instead of packaging nothing.
func TestBadArguments(t *testing.T) {
	for want, args := range map[string][]string{
		"unknown arguments":   {"backend"},
		"there are no charts": {"-charts", t.TempDir(), "-o", t.TempDir()},
	} {
		if err := run(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", args, err, want)
		}
	}
}
