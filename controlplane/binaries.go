// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// BinEnv is the environment variable that names the folder of the binaries.
const BinEnv = "KUBE_BIND_BIN"

const modulePath = "kube-bind.io/kube-bind"

// BinDir finds the folder of the binaries: that in the environment variable KUBE_BIND_BIN, else bin/ of the
// kube-bind source tree that the working directory is in. It is an error if there is neither; whether the folder
// exists is not looked at.
func BinDir() (string, error) {
	if dir := os.Getenv(BinEnv); dir != "" {
		return dir, nil
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the binaries: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		ours, err := isModuleRoot(dir)
		if err != nil {
			return "", fmt.Errorf("looking for the binaries: %w", err)
		}
		if ours {
			return filepath.Join(dir, "bin"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not in a source tree of %s, and %s is not set", wd, modulePath, BinEnv)
		}
	}
}

func isModuleRoot(dir string) (bool, error) {
	content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return strings.HasPrefix(string(content), "module "+modulePath+"\n"), nil
}

// executable says what is wrong with a program's file.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w (binaries are built by `make tools` and `make build`)", err)
	case err != nil:
		return err
	case info.IsDir() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not an executable file", path)
	}
	return nil
}
