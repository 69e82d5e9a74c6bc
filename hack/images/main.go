// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	out := flags.String("o", "dist", "folder to write images/IMAGE and sbom/PROGRAM_OS_ARCH.cdx.json to")
	version := flags.String("version", "v0.0.0", "version that the programs say they are")
	platforms := flags.String("platforms", "linux/amd64,linux/arm64", "platforms, with commas")
	names := flags.String("images", programs, "programs of cmd, with commas")
	lister := flags.String("sbom", "", "cyclonedx-gomod, which lists what is in each binary; without it there are no lists")
	epoch := flags.Int64("epoch", 0, "time that the images are said to be made at, in seconds since 1970")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown arguments %q", flags.Args())
	}
	b := &builder{source: ".", out: *out, version: *version, lister: *lister, created: time.Unix(*epoch, 0).UTC()}
	for _, text := range strings.Split(*platforms, ",") {
		p, err := v1.ParsePlatform(text)
		if err != nil || p.OS == "" || p.Architecture == "" {
			return fmt.Errorf("%q is no platform such as linux/amd64", text)
		}
		b.platforms = append(b.platforms, *p)
	}
	for _, name := range strings.Split(*names, ",") {
		digest, err := b.image(ctx, name)
		if err != nil {
			return fmt.Errorf("building the image of %s: %w", name, err)
		}
		fmt.Printf("%s/%s@%s\n", registry, imageOf(name), digest)
	}
	return nil
}
