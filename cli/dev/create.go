// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package dev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"kube-bind.io/kube-bind/controlplane"
)

const (
	providerName = "provider"
	consumerName = "consumer"
	backendName  = "backend"
	konnectorBin = "konnector"
	backendBin   = "kube-bind-backend"
)

// Create makes an environment, or starts what does not run of one, and waits until all is ready. What was started stays when it
// fails, and Delete finds it.
func Create(ctx context.Context, o Options) (*Environment, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	paths, err := find(o.BinDir)
	if err != nil {
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
	e, err := prepare(ctx, &o)
	if err != nil {
		if made {
			// As long as nothing is in it.
			_ = os.Remove(o.Dir)
		}
		return nil, err
	}
	r := &run{Environment: e, paths: paths, say: o.Say, launched: map[string]bool{}}
	if err := r.all(ctx); err != nil {
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

// prepare writes all files, once, and sees that the ports are there for what is to be started.
func prepare(ctx context.Context, o *Options) (*Environment, error) {
	e, err := Load(o.Dir)
	switch {
	case errors.Is(err, ErrNone):
		if e, err = plan(o); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case o.Port != 0 && o.Port != e.state.Port:
		return nil, problem("Leave --port out, or begin anew: kubectl bind dev delete.", "the front door of this environment is at %s, and stays there", e.Door())
	}
	if err := e.checkPorts(ctx); err != nil {
		return nil, err
	}
	if err := e.save(); err != nil {
		return nil, err
	}
	return e, e.writeFiles()
}

// writeFiles writes what the processes need, unless it is there.
func (e *Environment) writeFiles() error {
	for _, dir := range []string{runDir, logDir} {
		if err := os.MkdirAll(filepath.Join(e.Dir, dir), 0o700); err != nil {
			return fmt.Errorf("making the folders: %w", err)
		}
	}
	for name, port := range map[string]int{providerName: e.state.ProviderPort, consumerName: e.state.ConsumerPort} {
		from, err := controlplane.WriteFiles(filepath.Join(e.Dir, name), name, port)
		if err != nil {
			return fmt.Errorf("writing the files of the %s: %w", name, err)
		}
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(e.Dir, name+".kubeconfig"), content, 0o600)
		}
		if err != nil {
			return fmt.Errorf("writing the kubeconfig of the %s: %w", name, err)
		}
	}
	return nil
}

func (e *Environment) saved() bool {
	_, err := os.Lstat(filepath.Join(e.Dir, marker))
	return err == nil
}

// plan chooses the ports of a new environment.
func plan(o *Options) (*Environment, error) {
	e := &Environment{Dir: o.Dir, state: state{Kind: stateKind, Port: o.Port}}
	if e.state.Port == 0 {
		e.state.Port = DefaultPort
	}
	for _, port := range []*int{&e.state.ProviderPort, &e.state.ConsumerPort} {
		for *port == 0 || *port == e.state.Port || e.state.ProviderPort == e.state.ConsumerPort {
			var err error
			if *port, err = controlplane.FreePort(); err != nil {
				return nil, err
			}
		}
	}
	return e, nil
}

// checkPorts sees that nobody else has the port of a process that does not run.
func (e *Environment) checkPorts(ctx context.Context) error {
	for _, s := range e.specs() {
		if s.port == 0 {
			continue
		}
		if _, running, err := e.record(ctx, s.name); err != nil || running {
			if err != nil {
				return err
			}
			continue
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", loopback(s.port))
		if err != nil {
			next := "End what listens there, or begin anew with other ports: kubectl bind dev delete, then create."
			if s.name == backendName && !e.saved() {
				next = "End what listens there, or choose another one with --port."
			}
			return problem(next, "the port of the %s, %s, is taken by another program: %w", s.name, loopback(s.port), err)
		}
		if err := listener.Close(); err != nil {
			return fmt.Errorf("looking at the ports: %w", err)
		}
	}
	return nil
}

// specs are all processes, in the order in which they are started.
func (e *Environment) specs() []spec {
	var out []spec
	for _, side := range []struct {
		name string
		port int
	}{{providerName, e.state.ProviderPort}, {consumerName, e.state.ConsumerPort}} {
		for _, p := range controlplane.Programs(side.port) {
			s := spec{name: side.name + "-" + p.Name, program: p.Name, args: p.Args, dir: filepath.Join(e.Dir, side.name)}
			if p.Name == apiServer {
				s.port = side.port
			}
			out = append(out, s)
		}
	}
	return append(out,
		spec{name: backendName, program: backendBin, dir: e.Dir, port: e.state.Port, args: []string{
			"--kubeconfig", e.ProviderKubeconfig(), "--lease-namespace", "default", "--namespace-prefix", "kube-bind-",
			"--pretty-name", "kube-bind dev", "--consumer-scope", "Cluster", "--health-address", "0",
			"--listen-address", loopback(e.state.Port), "--oidc-type", "embedded", "--oidc-callback-url", e.Door() + "/api/callback",
		}},
		spec{name: konnectorBin, program: konnectorBin, dir: e.Dir, args: []string{
			"--kubeconfig", e.ConsumerKubeconfig(), "--lease-namespace", "default", "--server-address", "0", "--v", "2",
		}},
	)
}

// Processes are those that the environment is made of, and how they are.
func (e *Environment) Processes(ctx context.Context) ([]Process, error) {
	var out []Process
	for _, s := range e.specs() {
		r, running, err := e.record(ctx, s.name)
		if err != nil {
			return nil, err
		}
		p := Process{Name: s.name, Running: running, PID: r.PID, Started: r.Started, Version: r.Version, Log: e.logFile(s.name)}
		if s.port != 0 {
			p.Address = loopback(s.port)
		}
		out = append(out, p)
	}
	return out, nil
}

// find looks for the binaries: in the folder that is named; else beside this program, where those are of its version, in the folder
// of KUBE_BIND_BIN, in bin/ of the source tree, and where the system looks for programs.
func find(binDir string) (map[string]string, error) {
	folders := []string{binDir}
	if binDir == "" {
		folders = nil
		if self, err := os.Executable(); err == nil {
			if real, err := filepath.EvalSymlinks(self); err == nil {
				self = real
			}
			folders = append(folders, filepath.Dir(self))
		}
		// That of KUBE_BIND_BIN, or of the source tree.
		if dir, err := controlplane.BinDir(); err == nil {
			folders = append(folders, dir)
		}
		folders = append(folders, filepath.SplitList(os.Getenv("PATH"))...)
	}
	out := map[string]string{}
	var missing []string
	for _, name := range []string{etcd, apiServer, controllerManager, backendBin, konnectorBin} {
		for _, folder := range folders {
			path, err := filepath.Abs(filepath.Join(folder, name))
			if err != nil {
				return nil, fmt.Errorf("looking for %s: %w", name, err)
			}
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				out[name] = path
				break
			}
		}
		if out[name] == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	where := binDir
	if binDir == "" {
		where = "the folder of this program, $" + controlplane.BinEnv + ", or the PATH"
	}
	return nil, problem("In the source tree of kube-bind, `make tools build` builds them into bin/; name that folder with --bin-dir.",
		"these programs are needed, and not in %s: %s", where, strings.Join(missing, ", "))
}
