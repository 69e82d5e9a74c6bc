// SPDX-License-Identifier: Apache-2.0

// Package charts has the Helm chart of the backend, for programs that have Helm install it.
package charts

import (
	"embed"
	"io/fs"
)

// Names that begin with _ have to be asked for.
//
//go:embed all:backend
var backend embed.FS

// Backend are the files of the backend's chart.
func Backend() (fs.FS, error) { return fs.Sub(backend, "backend") }
