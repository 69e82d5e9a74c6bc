// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package dev

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"kube-bind.io/kube-bind/controlplane"
)

const (
	konnectorBin = "konnector"
	backendBin   = "kube-bind-backend"
)

// embedded runs everything as processes of this machine.
type embedded struct {
	// paths are those of the programs.
	paths map[string]string
}

func (p *embedded) find(_ context.Context, o *Options) (err error) {
	p.paths, err = find(o.BinDir)
	return err
}

func (p *embedded) plan(ctx context.Context, e *Environment, _ *Options, fresh bool) error {
	if fresh {
		if err := e.choosePorts(); err != nil {
			return err
		}
	}
	return e.checkPorts(ctx)
}

func (p *embedded) start(ctx context.Context, e *Environment, o *Options) error {
	if err := e.writeFiles(); err != nil {
		return err
	}
	r := &run{Environment: e, paths: p.paths, say: o.Say, launched: map[string]bool{}}
	return r.all(ctx)
}

func (p *embedded) end(ctx context.Context, e *Environment) (ended int, err error) {
	records, err := filepath.Glob(filepath.Join(e.Dir, runDir, "*.pid"))
	if err != nil {
		return 0, fmt.Errorf("looking for processes: %w", err)
	}
	for _, file := range records {
		one, err := e.end(ctx, strings.TrimSuffix(filepath.Base(file), ".pid"))
		if err != nil {
			return ended, err
		}
		if one {
			ended++
		}
	}
	return ended, nil
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

// choosePorts chooses those of a new environment.
func (e *Environment) choosePorts() error {
	for _, port := range []*int{&e.state.ProviderPort, &e.state.ConsumerPort} {
		for *port == 0 || *port == e.state.Port || e.state.ProviderPort == e.state.ConsumerPort {
			var err error
			if *port, err = controlplane.FreePort(); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkPorts sees that nobody else has the port of a process that does not run.
func (e *Environment) checkPorts(ctx context.Context) error {
	for _, s := range e.specs() {
		if s.port == 0 {
			continue
		}
		_, running, err := e.record(ctx, s.name)
		if err == nil && !running {
			err = e.vacant(ctx, s.name, s.port)
		}
		if err != nil {
			return err
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

func (p *embedded) processes(ctx context.Context, e *Environment) ([]Process, error) {
	var out []Process
	for _, s := range e.specs() {
		r, running, err := e.record(ctx, s.name)
		if err != nil {
			return nil, err
		}
		one := Process{Name: s.name, Running: running, PID: r.PID, Started: r.Started, Version: r.Version, Log: e.logFile(s.name)}
		if s.port != 0 {
			one.Address = loopback(s.port)
		}
		out = append(out, one)
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
