// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kube-bind.io/kube-bind/cli/dev/kind"
	"kube-bind.io/kube-bind/deploy/charts"
)

const (
	// engineVariable is kind's own.
	engineVariable = "KIND_EXPERIMENTAL_PROVIDER"
	helmProgram    = "helm"
	kindProgram    = "kind"
	// commandLog is the log of what was run.
	commandLog = "commands"
	// givesUp is how long an interrupted program may take to end.
	givesUp = 20 * time.Second
)

// kinds runs a provider and a consumer as clusters of kind, and the backend in the provider. What is run is in package kind.
type kinds struct{}

func (kinds) find(ctx context.Context, o *Options) error {
	o.Kind.Engine = os.Getenv(engineVariable)
	if have, err := Load(o.Dir); err == nil && have.state.Clusters != nil {
		o.Kind.Engine = have.state.Clusters.Engine
	}
	if o.Kind.Engine == "" {
		o.Kind.Engine = "docker"
		if _, err := exec.LookPath("docker"); err != nil {
			if _, err := exec.LookPath("podman"); err == nil {
				o.Kind.Engine = "podman"
			}
		}
	}
	if !slices.Contains([]string{"docker", "podman"}, o.Kind.Engine) {
		return problem("Unset it, or set it to docker or podman.", "%s=%s: the clusters cannot be made with that", engineVariable, o.Kind.Engine)
	}
	return ask(ctx, o.Kind.Engine, kindProgram, helmProgram)
}

// ask sees that a container engine answers, and that it and other programs are there.
func ask(ctx context.Context, engine string, others ...string) error {
	var missing []string
	for _, program := range append([]string{engine}, others...) {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return problem("Install them: https://docs.docker.com/get-started/get-docker, https://kind.sigs.k8s.io, https://helm.sh. Without --runtime=kind, kubectl bind dev needs none of them.",
			"these programs are needed, and not in the PATH: %s", strings.Join(missing, ", "))
	}
	return responds(ctx, engine)
}

// responds sees that the engine answers.
func responds(ctx context.Context, engine string) error {
	_, err := output(ctx, engine, "ps", "--quiet")
	if err != nil && ctx.Err() == nil {
		return problem("Start it, or see that you may use it; then run the command again.", "%s is installed, but does not answer: %w", engine, err)
	}
	return err
}

// output is what the engine prints, in a time in which it must answer. What it says besides is in the error.
func output(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, asks)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr, cmd.WaitDelay = &stderr, look
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s: %w: %s", strings.Join(args[:2], " "), errors.Join(ctx.Err(), err), strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// containers are those of the nodes that are there. The engine fails if one is not, and prints the others: none, if it was ended meanwhile.
func containers(ctx context.Context, s *kind.Settings) (map[string]kind.Container, error) {
	out, err := output(ctx, append([]string{s.Engine, "container", "inspect"}, s.Nodes()...)...)
	found, unreadable := kind.ReadContainers(out)
	if unreadable != nil {
		return nil, fmt.Errorf("looking for the clusters: %w", errors.Join(unreadable, err))
	}
	if err != nil {
		return found, responds(ctx, s.Engine)
	}
	return found, nil
}

func (k kinds) plan(ctx context.Context, e *Environment, o *Options, fresh bool) error {
	have := e.state.Clusters
	if fresh {
		have = &kind.Settings{}
	}
	s := have.With(&o.Kind, o.Version)
	if !fresh && (have.Provider != s.Provider || have.Consumer != s.Consumer || have.Network != s.Network) {
		return problem("Leave the flags out, or begin anew: kubectl bind dev delete.", "the clusters of this environment are %s and %s in the network %s, and stay so", have.Provider, have.Consumer, have.Network)
	}
	if s.Provider == s.Consumer {
		return problem("Name two.", "provider and consumer cannot both be the cluster %s", s.Provider)
	}
	found, err := containers(ctx, s)
	if err != nil {
		return err
	}
	if foreign := s.Foreign(found, fresh); foreign != "" {
		return problem("Choose other names with --provider-cluster-name and --consumer-cluster-name, or delete it if it is of no use: kind delete cluster --name "+foreign,
			"there is a cluster %s already, and it is not of this environment", foreign)
	}
	if !found[kind.Node(s.Provider)].State.Running {
		if err := e.vacant(ctx, backendName, e.state.Port); err != nil {
			return err
		}
	}
	if fresh {
		there, err := hasNetwork(ctx, s)
		if err != nil {
			return err
		}
		s.OwnNetwork = !there
	}
	e.state.Clusters = s
	return nil
}

func (k kinds) start(ctx context.Context, e *Environment, o *Options) error {
	s := e.state.Clusters
	if err := e.writeSettings(); err != nil {
		return err
	}
	found, err := containers(ctx, s)
	if err != nil {
		return err
	}
	for _, command := range s.Start(e.Dir, found) {
		if err := e.making(ctx, o.Say, command); err != nil {
			return err
		}
	}
	for _, side := range []string{providerName, consumerName} {
		if err := e.answers(ctx, o.Say, "the "+side+"'s API server", side, "/readyz"); err != nil {
			return err
		}
	}
	deadline, _ := ctx.Deadline()
	for _, command := range s.Install(e.Dir, o.Images, time.Until(deadline)) {
		if err := e.execute(ctx, o.Say, command); err != nil {
			return err
		}
	}
	return e.answers(ctx, o.Say, "the front door", "", "/healthz")
}

// making executes a command, and writes down which cluster it has made. Until then, it is half of one.
func (e *Environment) making(ctx context.Context, say func(string), command kind.Command) error {
	s := e.state.Clusters
	if command.Made != "" {
		s.Made = slices.DeleteFunc(s.Made, func(name string) bool { return name == command.Made })
		if err := e.save(); err != nil {
			return err
		}
	}
	if err := e.execute(ctx, say, command); err != nil || command.Made == "" {
		return err
	}
	s.Made = append(s.Made, command.Made)
	return e.save()
}

// writeSettings writes what the commands read, anew each time: what it says may have changed.
func (e *Environment) writeSettings() error {
	files, err := e.state.Clusters.Files(e.state.Port)
	if err == nil {
		err = os.MkdirAll(filepath.Join(e.Dir, logDir), 0o700)
	}
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(e.Dir, name), content, 0o600))
	}
	if err == nil {
		err = writeChart(filepath.Join(e.Dir, kind.ChartFolder))
	}
	if err != nil {
		return fmt.Errorf("writing the files: %w", err)
	}
	return nil
}

// writeChart writes the backend's chart, and nothing but it.
func writeChart(dir string) error {
	chart, err := charts.Backend()
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err == nil {
		err = os.CopyFS(dir, chart)
	}
	return err
}

// answers waits for a side, or the front door.
func (e *Environment) answers(ctx context.Context, say func(string), what, side, path string) error {
	say("waiting for " + what)
	client, server, err := e.client(side)
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
	}
	return await(ctx, what, client, server+path, func(context.Context) error { return nil })
}

// execute runs a command to its end. If the context ends before, the program is told, as by Ctrl-C.
func (e *Environment) execute(ctx context.Context, say func(string), c kind.Command) error {
	say(c.Doing)
	log, err := os.OpenFile(e.logFile(commandLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Doing, err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	for _, variable := range os.Environ() {
		if kind.Inherited(variable) {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, c.Env...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = log, log, givesUp
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	_, err = fmt.Fprintf(log, "$ %s\n", strings.Join(c.Args, " "))
	if err == nil {
		err = cmd.Run()
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%s: %w", c.Doing, ctx.Err())
	}
	if err != nil {
		return problem("All that it said is in "+e.logFile(commandLog)+". Run the command again, which goes on; or end it: kubectl bind dev delete.",
			"%s failed: %w. It said:\n%s", c.Doing, err, e.tail(commandLog))
	}
	return nil
}

func (k kinds) processes(ctx context.Context, e *Environment) ([]Process, error) {
	s := e.state.Clusters
	if err := ask(ctx, s.Engine); err != nil {
		return nil, err
	}
	found, err := containers(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []Process
	for _, side := range []struct{ name, cluster string }{{providerName, s.Provider}, {consumerName, s.Consumer}} {
		node := found[kind.Node(side.cluster)]
		p := Process{Name: side.name, Running: node.State.Running, Started: node.State.StartedAt, Version: node.Version(), Log: s.Logs(side.cluster)}
		if _, address, err := e.client(side.name); err == nil {
			p.Address = strings.TrimPrefix(address, "https://")
		}
		out = append(out, p)
	}
	client, door, err := e.client("")
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	answer := probe(ctx, client, door+"/healthz")
	return append(out, Process{Name: backendName, Running: answer == nil, Version: s.Tag, Address: loopback(e.state.Port), Log: s.BackendLogs(e.Dir)}), nil
}

func (k kinds) end(ctx context.Context, e *Environment) (ended int, err error) {
	s := e.state.Clusters
	if err := ask(ctx, s.Engine, kindProgram); err != nil {
		return 0, err
	}
	found, err := containers(ctx, s)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Join(e.Dir, logDir), 0o700); err != nil {
		return 0, fmt.Errorf("making the folder of logs: %w", err)
	}
	for _, command := range s.Delete(e.Dir, found) {
		if err := e.execute(ctx, func(string) {}, command); err != nil {
			return ended, err
		}
		ended++
	}
	return ended, removeNetwork(ctx, s)
}

func hasNetwork(ctx context.Context, s *kind.Settings) (bool, error) {
	networks, err := output(ctx, s.Engine, "network", "ls", "--format", "{{.Name}}")
	return slices.Contains(strings.Fields(string(networks)), s.Network), err
}

// removeNetwork removes the environment's own network, unless somebody else's container is in it, even one that does not run.
func removeNetwork(ctx context.Context, s *kind.Settings) error {
	if there, err := hasNetwork(ctx, s); err != nil || !there || !s.OwnNetwork {
		return err
	}
	users, err := output(ctx, s.Engine, "ps", "--all", "--quiet", "--filter", "network="+s.Network)
	if err != nil || len(bytes.TrimSpace(users)) > 0 {
		return err
	}
	_, err = output(ctx, s.Engine, "network", "rm", s.Network)
	return err
}
