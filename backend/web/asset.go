// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
)

//go:embed assets/style.css assets/page.js assets/htmx.min.js assets/icon.svg
var assetFiles embed.FS

// assets are files for browsers, by names that change with their content: browsers keep them.
type assets struct {
	// names are those in pages, by those of the files.
	names map[string]string
	// contents by the names in pages.
	contents map[string][]byte
}

func newAssets() (*assets, error) {
	out := &assets{names: map[string]string{}, contents: map[string][]byte{}}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("reading the assets: %w", err)
	}
	for _, entry := range entries {
		content, err := assetFiles.ReadFile("assets/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading an asset: %w", err)
		}
		sum := sha256.Sum256(content)
		kind := path.Ext(entry.Name())
		name := strings.TrimSuffix(entry.Name(), kind) + "-" + hex.EncodeToString(sum[:6]) + kind
		out.names[entry.Name()], out.contents[name] = name, content
	}
	return out, nil
}

// link returns the address of an asset.
func (a *assets) link(file string) (string, error) {
	name, ok := a.names[file]
	if !ok {
		return "", fmt.Errorf("there is no asset %s", file)
	}
	return assetPath + name, nil
}

// assetPath is where assets are.
const assetPath = "/assets/"

// serve serves an asset, and tells if there is one.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) bool {
	name := r.PathValue("name")
	content, ok := a.contents[name]
	if !ok {
		return false
	}
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	h := w.Header()
	h.Set("Content-Type", kinds[path.Ext(name)])
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'")
	write(w, r, content)
	return true
}
