// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "charts:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("charts", flag.ContinueOnError)
	source := flags.String("charts", filepath.Join("deploy", "charts"), "folder with the charts")
	out := flags.String("o", filepath.Join("dist", "charts"), "folder to write NAME-VERSION.tgz to")
	version := flags.String("version", "v0.0.0", "version of the images that the charts install")
	epoch := flags.Int64("epoch", 0, "time that the files are said to be of, in seconds since 1970")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown arguments %q", flags.Args())
	}
	found, err := filepath.Glob(filepath.Join(*source, "*", chartutil.ChartfileName))
	if err != nil {
		return fmt.Errorf("looking for charts: %w", err)
	}
	if len(found) == 0 {
		return fmt.Errorf("there are no charts in %s", *source)
	}
	for _, file := range found {
		archive, err := pack(filepath.Dir(file), *out, *version, time.Unix(*epoch, 0).UTC())
		if err != nil {
			return fmt.Errorf("packaging %s: %w", filepath.Dir(file), err)
		}
		fmt.Println(archive)
	}
	return nil
}

// pack writes the archive of a chart, and returns its file.
func pack(dir, out, version string, modified time.Time) (string, error) {
	chart, err := loader.LoadDir(dir)
	if err != nil {
		return "", err
	}
	chart.Metadata.Version, chart.Metadata.AppVersion = chartVersion(version), version
	chart.ModTime, chart.SchemaModTime = modified, modified
	for _, files := range [][]*common.File{chart.Raw, chart.Templates, chart.Files} {
		for _, file := range files {
			file.ModTime = modified
		}
	}
	return chartutil.Save(chart, out)
}

// chartVersion is what Helm calls a version, which for it has to be semantic and has no v. What git calls a commit without a tag comes
// before all others, and has a letter first: a number of many digits could begin with 0, which is not allowed.
func chartVersion(version string) string {
	plain := strings.TrimPrefix(version, "v")
	if _, err := semver.StrictNewVersion(plain); err == nil {
		return plain
	}
	return "0.0.0-g" + version
}
