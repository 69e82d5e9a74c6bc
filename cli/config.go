// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// tokenMargin is how much longer a token must be good for to be used: a bind takes a while.
const tokenMargin = 5 * time.Minute

// config is the file in which servers and tokens are kept. Its format is upstream's.
type config struct {
	APIVersion string             `json:"apiVersion"`
	Kind       string             `json:"kind"`
	Servers    map[string]*server `json:"servers,omitempty"`
	Current    string             `json:"current,omitempty"`

	path string
}

// server is one that somebody has signed in at.
type server struct {
	URL         string    `json:"url"`
	Cluster     string    `json:"cluster,omitempty"`
	AccessToken string    `json:"accessToken,omitempty"`
	TokenType   string    `json:"tokenType,omitempty"`
	ExpiresAt   time.Time `json:"expiresAt,omitzero"`
	Username    string    `json:"username,omitempty"`
}

// key is what a server is called in the file.
func (s *server) key() string {
	if s.Cluster == "" {
		return s.URL
	}
	return s.Cluster + "@" + s.URL
}

func (s *server) signedIn(now time.Time) bool {
	return s.AccessToken != "" && now.Add(tokenMargin).Before(s.ExpiresAt)
}

// defaultConfigPath is ~/.kube-bind/config.
func defaultConfigPath() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ".kube-bind-config"
	}
	return filepath.Join(home, ".kube-bind", "config")
}

// loadConfig reads the file. If there is none, it is empty; it is only written by save.
func loadConfig(path string) (*config, error) {
	out := &config{APIVersion: "v1", Kind: "Config", Servers: map[string]*server{}, path: path}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the config file: %w", err)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, exit(ExitFailed, fmt.Errorf("reading the config file %s: %w", path, err), "Remove it, or name another one with --config-file, and sign in again.")
	}
	if out.Servers == nil {
		out.Servers = map[string]*server{}
	}
	for key, s := range out.Servers {
		if s == nil {
			delete(out.Servers, key)
		}
	}
	return out, nil
}

// save writes the file so that only its owner can read it, and that at no time half of it is there.
func (c *config) save() error {
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the config file: %w", err)
	}
	dir := filepath.Dir(c.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("writing the config file: %w", err)
	}
	// Its mode is 0600.
	file, err := os.CreateTemp(dir, ".config-*")
	if err != nil {
		return fmt.Errorf("writing the config file: %w", err)
	}
	_, err = file.Write(append(raw, '\n'))
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), c.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the config file: %w", err), os.Remove(file.Name()))
	}
	return nil
}
