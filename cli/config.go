// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

// tokenMargin is how much longer a token must be good for to be used: a bind takes a while.
const tokenMargin = 5 * time.Minute

const (
	// maxLinks is how many symbolic links are followed.
	maxLinks = 16
	// lockTimeout is how long a lock is waited for: writing the file takes no time.
	lockTimeout = 10 * time.Second
	// lockPoll is how often a lock is tried that somebody holds.
	lockPoll = 10 * time.Millisecond
)

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

// forget takes a server out.
func (c *config) forget(key string) {
	delete(c.Servers, key)
	if c.Current == key {
		c.Current = ""
	}
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
		return nil, exit(ExitFailed, fmt.Errorf("reading the config file: %w", err), "It must be a file that you may read. --config-file names another one.")
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

// exposed tells whether others on this machine can read the file, and with it the tokens.
func exposed(path string) bool {
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

// save writes the file so that only its owner can read it, and that at no time half of it is there. A file that is a symbolic
// link stays one.
func (c *config) save() error {
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the config file: %w", err)
	}
	path, err := target(c.path)
	if err != nil {
		return fmt.Errorf("writing the config file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("writing the config file: %w", err)
	}
	// Its mode is 0600.
	file, err := os.CreateTemp(filepath.Dir(path), ".config-*")
	if err != nil {
		return fmt.Errorf("writing the config file: %w", err)
	}
	_, err = file.Write(append(raw, '\n'))
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the config file: %w", err), os.Remove(file.Name()))
	}
	return nil
}

// target follows symbolic links, to a file that need not be there.
func target(path string) (string, error) {
	for range maxLinks {
		next, err := os.Readlink(path)
		if err != nil {
			// It is no link, or not there.
			return path, nil //nolint:nilerr // whatever else is wrong with it, writing tells
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", exit(ExitFailed, fmt.Errorf("%s leads from link to link", path), "Remove that link, or name another file with --config-file.")
}

// changeConfig changes the file as it is now: another command may have written it since it was read. Only one does so at a time.
func changeConfig(ctx context.Context, path string, change func(*config)) error {
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	file, err := loadConfig(path)
	if err == nil {
		change(file)
		err = file.save()
	}
	return errors.Join(err, unlock())
}

// lock waits for whoever has locked a file, which stays when it is unlocked: one that were removed, another command could be waiting
// for. The system unlocks for a program that is killed.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("locking the config file: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	file := flock.New(path)
	if _, err := file.TryLockContext(ctx, lockPoll); err != nil {
		return nil, exit(ExitFailed, fmt.Errorf("locking the config file: %w", err), "Run the command again when no other kubectl bind runs that uses %s.", path)
	}
	return file.Unlock, nil
}
