// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package dev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Delete ends the processes, or deletes the clusters, of the environment in a folder, and removes it. It returns how many there were. Where there is none the
// error has ErrNone; a folder that is not ours is left as it is.
func Delete(ctx context.Context, dir string) (ended int, err error) {
	if err := refuseForeign(dir); err != nil {
		return 0, err
	}
	e, err := Load(dir)
	if err != nil {
		return 0, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return 0, err
	}
	defer unlock()
	in, err := runnerOf(e.state.Runtime)
	if err != nil {
		return 0, err
	}
	if ended, err = in.end(ctx, e); err != nil {
		return ended, err
	}
	return ended, e.remove()
}

// remove removes the marker last: what is cut off can be run again.
func (e *Environment) remove() error {
	entries, err := os.ReadDir(e.Dir)
	if err != nil {
		return fmt.Errorf("removing the folder: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == marker {
			continue
		}
		if err := os.RemoveAll(filepath.Join(e.Dir, entry.Name())); err != nil {
			return fmt.Errorf("removing the folder: %w", err)
		}
	}
	if err := os.RemoveAll(e.Dir); err != nil {
		return fmt.Errorf("removing the folder: %w", err)
	}
	return nil
}

// refuseForeign refuses a folder in which there is something, but not our marker.
func refuseForeign(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the folder: %w", err)
	}
	foreign := ""
	for _, entry := range entries {
		switch entry.Name() {
		case marker:
			return nil
		case marker + ".new": // of a Create that was killed at its begin
		default:
			foreign = entry.Name()
		}
	}
	if foreign == "" {
		return nil
	}
	return problem("Name another folder with --dir.", "%s is no development environment: it has no %s, but %s", dir, marker, foreign)
}

// lock lets one program at a time work on a folder. The system unlocks for one that is killed.
func lock(dir string) (unlock func(), err error) {
	// What is locked is the folder itself: a file in it would go with it.
	folder := flock.New(dir, flock.SetFlag(os.O_RDONLY))
	locked, err := folder.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("locking the environment: %w", err)
	case !locked:
		return nil, problem("Wait until it is done, and run the command again.", "another kubectl bind dev is at work in %s", dir)
	}
	if err := sameFolder(folder, dir); err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return func() { _ = folder.Close() }, nil
}

// sameFolder looks whether the folder was removed, and perhaps made anew, before it was locked.
func sameFolder(folder *flock.Flock, dir string) error {
	have, err := folder.Stat()
	if err != nil {
		return fmt.Errorf("locking the environment: %w", err)
	}
	if now, err := os.Stat(dir); err != nil || !os.SameFile(have, now) {
		return problem("Run the command again.", "another kubectl bind dev has just removed %s", dir)
	}
	return nil
}
