// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A pair whose programs have logged a token does not end well.
func TestStopLooksForSecrets(t *testing.T) {
	for text, leaks := range map[string]bool{
		"nothing": false,
		"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXZpdml2aXY.Y2lwaGVy.dGFn": true,
	} {
		p := &Pair{options: Options{LogDir: t.TempDir(), Bin: "another's"}}
		if err := os.WriteFile(filepath.Join(p.LogDir(), "backend.log"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.Stop(); (err != nil) != leaks || err != nil && !strings.Contains(err.Error(), "backend.log:1") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := (&Pair{options: Options{Bin: "another's"}}).Stop(); err != nil {
		t.Errorf("one that logs nowhere: %v", err)
	}
}
