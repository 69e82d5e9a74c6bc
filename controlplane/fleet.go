// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
)

// fleet is the processes of one control plane, by the names of their binaries, under one guard.
type fleet struct {
	guard               *guard
	binDir, dir, logDir string

	mu        sync.Mutex
	processes map[string]*Process
}

// launch starts a binary, which must not run already.
func (f *fleet) launch(name string, args []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.processes[name] != nil {
		return fmt.Errorf("%s is running already", name)
	}
	p, err := startProcess(f.guard, ProcessOptions{
		Name:    name,
		Path:    filepath.Join(f.binDir, name),
		Args:    args,
		Dir:     f.dir,
		LogFile: filepath.Join(f.logDir, name+".log"),
	}, func() error { return nil })
	if err != nil {
		return err
	}
	f.processes[name] = p
	return nil
}

// stop kills a process, and takes it off the fleet.
func (f *fleet) stop(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.processes[name]
	if p == nil {
		return fmt.Errorf("%s is not running", name)
	}
	delete(f.processes, name)
	return p.Kill()
}

// killAll ends all processes.
func (f *fleet) killAll() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for name, p := range f.processes {
		errs = append(errs, p.Kill())
		delete(f.processes, name)
	}
	return errors.Join(errs...)
}

// pids are the process ids of what was started and not stopped.
func (f *fleet) pids() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	pids := make(map[string]int, len(f.processes))
	for name, p := range f.processes {
		pids[name] = p.PID()
	}
	return pids
}

// casualty returns an error if a process has ended by itself, with the end of its log.
func (f *fleet) casualty() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, p := range f.processes {
		select {
		case <-p.Exited():
			return fmt.Errorf("%s has ended (%v); the end of %s:\n%s", name, p.cmd.ProcessState, p.LogFile(), p.LogTail(logLines))
		default:
		}
	}
	return nil
}
