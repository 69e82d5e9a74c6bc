// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package dev

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

const (
	providerName = "provider"
	consumerName = "consumer"
	backendName  = "backend"
)

// runner is the runtime: what the parts of an environment run in.
type runner interface {
	// find sees that the programs are there that it needs.
	find(ctx context.Context, o *Options) error
	// plan decides what stays the same from then on, and sees that nothing of others is in the way. It changes the state only.
	plan(ctx context.Context, e *Environment, o *Options, fresh bool) error
	// start starts what does not run, and waits until all is ready.
	start(ctx context.Context, e *Environment, o *Options) error
	// processes are those that the environment is made of.
	processes(ctx context.Context, e *Environment) ([]Process, error)
	// end ends everything that the environment has outside its folder, and returns how much that was.
	end(ctx context.Context, e *Environment) (int, error)
}

// runnerOf returns that of a name.
func runnerOf(name string) (runner, error) {
	switch name {
	case "", Embedded:
		return &embedded{}, nil
	case Kind:
		return kinds{}, nil
	}
	return nil, fmt.Errorf("there is no runtime %q", name)
}

// Create makes an environment, or starts what does not run of one, and waits until all is ready. What was started stays when it
// fails, and Delete finds it.
func Create(ctx context.Context, o Options) (*Environment, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if have, err := Load(o.Dir); err == nil {
		o.Runtime = cmp.Or(o.Runtime, have.Runtime())
	}
	in, err := runnerOf(o.Runtime)
	if err != nil {
		return nil, err
	}
	if err := in.find(ctx, &o); err != nil {
		return nil, err
	}
	made, err := claim(o.Dir)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(o.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	e, err := prepare(ctx, &o, in)
	if err != nil {
		if made {
			// As long as nothing is in it.
			_ = os.Remove(o.Dir)
		}
		return nil, err
	}
	if err := in.start(ctx, e, &o); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, &Problem{Timeout: true, Err: fmt.Errorf("not everything was ready within %s: %w", o.Timeout, err),
				Next: "Run the command again, which goes on; --wait-for-ready-timeout waits longer. Logs are in " + filepath.Join(o.Dir, logDir) + ". To end it: kubectl bind dev delete."}
		}
		return nil, err
	}
	return e, nil
}

// claim makes a folder ours, if it is empty or not there.
func claim(dir string) (made bool, err error) {
	if err := refuseForeign(dir); err != nil {
		return false, err
	}
	_, err = os.Lstat(dir)
	made = errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("making the folder: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return false, fmt.Errorf("making the folder: %w", err)
	}
	return made, nil
}

// prepare decides what the environment is, once, and writes that down before anything is made.
func prepare(ctx context.Context, o *Options, in runner) (*Environment, error) {
	e, err := Load(o.Dir)
	fresh := errors.Is(err, ErrNone)
	const anew = "or begin anew: kubectl bind dev delete."
	switch {
	case fresh:
		e = &Environment{Dir: o.Dir, state: state{Kind: stateKind, Runtime: o.Runtime, Port: cmp.Or(o.Port, DefaultPort)}}
	case err != nil:
		return nil, err
	case o.Port != 0 && o.Port != e.state.Port:
		return nil, problem("Leave --port out, "+anew, "the front door of this environment is at %s, and stays there", e.Door())
	case o.Runtime != e.Runtime():
		return nil, problem("Leave --runtime out, "+anew, "the runtime of this environment is %s, and stays so", e.Runtime())
	}
	if err := in.plan(ctx, e, o, fresh); err != nil {
		return nil, err
	}
	return e, e.save()
}

func (e *Environment) saved() bool {
	_, err := os.Lstat(filepath.Join(e.Dir, marker))
	return err == nil
}

// vacant sees that nobody has a port.
func (e *Environment) vacant(ctx context.Context, name string, port int) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", loopback(port))
	if err != nil {
		next := "End what listens there, or begin anew with other ports: kubectl bind dev delete, then create."
		if name == backendName && !e.saved() {
			next = "End what listens there, or choose another one with --port."
		}
		return problem(next, "the port of the %s, %s, is taken by another program: %w", name, loopback(port), err)
	}
	if err := listener.Close(); err != nil {
		return fmt.Errorf("looking at the ports: %w", err)
	}
	return nil
}

// Processes are those that the environment is made of, and how they are.
func (e *Environment) Processes(ctx context.Context) ([]Process, error) {
	in, err := runnerOf(e.state.Runtime)
	if err != nil {
		return nil, err
	}
	return in.processes(ctx, e)
}
