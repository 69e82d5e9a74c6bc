// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// user runs the programs: nobody special, and what charts and manifests ask for.
	user = "65532:65532"
	// home is where the code of the images is.
	home = "https://github.com/kbind-dev/kube-bind"
	// registry is where charts and manifests look for the images.
	registry = "ghcr.io/kbind-dev"
	// programs are those that there are images of, with commas.
	programs = "kube-bind-backend,konnector"
)

// imageOf is what the image of a program is called, in the registry too: upstream's names, which people have in their values.
func imageOf(program string) string { return strings.TrimPrefix(program, "kube-bind-") }

// builder builds images.
type builder struct {
	// source is the folder of the Go module, and out where all is written to.
	source, out, version string
	// lister is the program cyclonedx-gomod, or empty.
	lister    string
	created   time.Time
	platforms []v1.Platform
}

// image writes the layout of one program's image, and returns the digest of its index.
func (b *builder) image(ctx context.Context, name string) (v1.Hash, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range b.platforms {
		binary, err := b.compile(ctx, name, platform)
		if err != nil {
			return v1.Hash{}, err
		}
		if err := b.list(ctx, name, binary, platform); err != nil {
			return v1.Hash{}, err
		}
		image, err := b.pack(name, binary, platform)
		if err != nil {
			return v1.Hash{}, fmt.Errorf("packing %s: %w", platform, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	index = mutate.Annotations(index, b.annotations(name)).(v1.ImageIndex)
	folder := filepath.Join(b.out, "images", imageOf(name))
	if err := os.RemoveAll(folder); err != nil {
		return v1.Hash{}, err
	}
	at, err := layout.Write(folder, empty.Index)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("making the layout %s: %w", folder, err)
	}
	// By the second, containerd ("kind load image-archive") knows what the image is called.
	named := layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": b.version,
		"io.containerd.image.name":          registry + "/" + imageOf(name) + ":" + b.version,
	})
	if err := at.AppendIndex(index, named); err != nil {
		return v1.Hash{}, fmt.Errorf("writing the layout %s: %w", folder, err)
	}
	return index.Digest()
}

// flags have nothing in a program tell where and from which checkout it was built.
func flags() []string { return []string{"-trimpath", "-buildvcs=false"} }

func linkerFlags(version string) string { return "-s -w -buildid= -X main.version=" + version }

// compile builds a program for a platform, the same whenever and wherever.
func (b *builder) compile(ctx context.Context, name string, platform v1.Platform) (string, error) {
	file, err := filepath.Abs(filepath.Join(b.out, "bin", platform.OS+"_"+platform.Architecture, name))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"build"}, flags(), []string{"-ldflags", linkerFlags(b.version), "-o", file, "./cmd/" + name})...)
	cmd.Dir = b.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+platform.OS, "GOARCH="+platform.Architecture)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("compiling for %s: %w", platform, err)
	}
	return file, nil
}

// list writes down which modules a binary is made of. It has neither a random number nor the time, so that it is always the same.
func (b *builder) list(ctx context.Context, name, binary string, platform v1.Platform) error {
	if b.lister == "" {
		return nil
	}
	folder := filepath.Join(b.out, "sbom")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file := filepath.Join(folder, fmt.Sprintf("%s_%s_%s.cdx.json", name, platform.OS, platform.Architecture))
	cmd := exec.CommandContext(ctx, b.lister, "bin", "-json", "-std", "-noserial", "-notimestamp", "-version", b.version, "-output", file, binary)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("listing what %s is made of: %w: %s", binary, err, text)
	}
	return nil
}

// pack makes an image of a binary.
func (b *builder) pack(name, binary string, platform v1.Platform) (v1.Image, error) {
	raw, err := layer(name, binary, b.created)
	if err != nil {
		return nil, err
	}
	content, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{Layer: content, History: v1.History{Created: v1.Time{Time: b.created}, CreatedBy: "hack/images"}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = platform.OS, platform.Architecture, v1.Time{Time: b.created}
	config.Config = v1.Config{Entrypoint: []string{"/" + name}, User: user, WorkingDir: "/", Labels: b.annotations(name)}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		return nil, err
	}
	return mutate.Annotations(image, b.annotations(name)).(v1.Image), nil
}

// annotations tell what an image is, by the names of https://github.com/opencontainers/image-spec/blob/main/annotations.md.
func (b *builder) annotations(name string) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":    imageOf(name),
		"org.opencontainers.image.version":  b.version,
		"org.opencontainers.image.source":   home,
		"org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.created":  b.created.Format(time.RFC3339),
	}
}

// layer is the file system of an image: the binary, which everybody may run and nobody write, and an empty /tmp.
func layer(name, binary string, created time.Time) ([]byte, error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range []*tar.Header{
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777, ModTime: created},
		{Name: name, Typeflag: tar.TypeReg, Mode: 0o555, Size: int64(len(content)), ModTime: created},
	} {
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("writing %s: %w", h.Name, err)
		}
	}
	if _, err := w.Write(content); err != nil {
		return nil, fmt.Errorf("writing %s: %w", name, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("ending the layer: %w", err)
	}
	return out.Bytes(), nil
}
