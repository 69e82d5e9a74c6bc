// SPDX-License-Identifier: Apache-2.0

package dev

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"kube-bind.io/kube-bind/cli/dev/kind"
)

// DefaultPort is that of the front door.
const DefaultPort = 8080

// Files in the folder of an environment.
const (
	// marker makes a folder ours: nothing else is used, or removed. It has the state.
	marker = ".kube-bind-dev.json"
	runDir = "run"
	logDir = "logs"
)

// Problem is an error that says what to do about it.
type Problem struct {
	// Err is what is wrong.
	Err error
	// Next is what to do.
	Next string
	// Timeout says that something did not happen in time.
	Timeout bool
}

// Error says what is wrong.
func (p *Problem) Error() string { return p.Err.Error() }

// Unwrap is the error below.
func (p *Problem) Unwrap() error { return p.Err }

func problem(next, format string, args ...any) error {
	return &Problem{Err: fmt.Errorf(format, args...), Next: next}
}

// ErrNone is in the error of Load if there is no environment in the folder.
var ErrNone = errors.New("there is no development environment")

// Runtimes.
const (
	// Embedded runs processes of this machine.
	Embedded = "embedded"
	// Kind runs clusters of kind, in containers.
	Kind = "kind"
)

// Options say what Create makes.
type Options struct {
	// Dir is the folder of the environment.
	Dir string
	// Runtime is Embedded or Kind. Default: the one that the environment has, or Embedded.
	Runtime string
	// Kind is for that runtime. Default, for each field: what the environment has, or see its method With.
	Kind kind.Settings
	// Images are archives with images for that runtime, which its clusters load.
	Images []string
	// Version of this program is that of the default chart and image.
	Version string
	// BinDir is the folder of the binaries. Default: see find.
	BinDir string
	// Port is that of the front door. Default: the one that the environment has, or DefaultPort.
	Port int
	// Timeout is how long all may take.
	Timeout time.Duration
	// Say tells what is waited for.
	Say func(string)
}

// Environment is a folder with what has been made in it.
type Environment struct {
	// Dir is the folder.
	Dir   string
	state state
}

// state is what stays the same from one Create to the next. Ports are in certificates, kubeconfigs and bindings.
type state struct {
	Kind         string `json:"kind"`
	Port         int    `json:"port"`
	ProviderPort int    `json:"providerPort,omitempty"`
	ConsumerPort int    `json:"consumerPort,omitempty"`
	// Runtime is empty in what older versions have written.
	Runtime  string         `json:"runtime,omitempty"`
	Clusters *kind.Settings `json:"clusters,omitempty"`
}

const stateKind = "KubeBindDev"

// Process is one of an environment, or a cluster, and how it is.
type Process struct {
	// Name tells it from the others.
	Name string
	// Running says that it runs.
	Running bool
	// PID is its process id, 0 if it was never started or runs in a container.
	PID int
	// Started is when it was started the last time.
	Started time.Time
	// Version is what its program says of itself, or of Kubernetes for a cluster.
	Version string
	// Address is where it listens, if it does.
	Address string
	// Log is the file with what it prints, or the command that shows it.
	Log string
}

// Load finds the environment in a folder.
func Load(dir string) (*Environment, error) {
	raw, err := os.ReadFile(filepath.Join(dir, marker))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Problem{Err: fmt.Errorf("%w in %s", ErrNone, dir), Next: "Make one: kubectl bind dev create. --dir names another folder."}
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the environment: %w", err)
	}
	e := &Environment{Dir: dir}
	err = json.Unmarshal(raw, &e.state)
	if err == nil && e.state.Kind != stateKind {
		err = fmt.Errorf("its kind is %q", e.state.Kind)
	}
	if err == nil && e.state.Runtime == Kind && e.state.Clusters == nil {
		err = errors.New("it names no clusters")
	}
	if err != nil {
		return nil, problem("If the folder is one of kubectl bind dev, end the processes that its run/ names, and remove it.",
			"%s is not what kubectl bind dev writes: %w", filepath.Join(dir, marker), err)
	}
	return e, nil
}

// Runtime is Embedded or Kind.
func (e *Environment) Runtime() string { return cmp.Or(e.state.Runtime, Embedded) }

// Binding says how kubectl bind binds in an environment.
type Binding struct {
	// SkipKonnector says that a konnector runs already.
	SkipKonnector bool
	// Konnector is its image, if it is not the usual one.
	Konnector string
	// ProviderAddress is where this machine reaches the provider's API server, if that is not where the konnector does.
	ProviderAddress string
}

// Binding says how kubectl bind binds here.
func (e *Environment) Binding() (Binding, error) {
	if e.Runtime() != Kind {
		return Binding{SkipKonnector: true}, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", e.ProviderKubeconfig())
	if err != nil {
		return Binding{}, fmt.Errorf("reading the kubeconfig of the provider: %w", err)
	}
	return Binding{Konnector: e.state.Clusters.Konnector, ProviderAddress: config.Host}, nil
}

// Door is the URL of the front door.
func (e *Environment) Door() string { return "http://" + loopback(e.state.Port) }

// ProviderKubeconfig is the file with the administrator's access to the provider.
func (e *Environment) ProviderKubeconfig() string {
	return filepath.Join(e.Dir, kind.ProviderKubeconfig)
}

// ConsumerKubeconfig is the file with the administrator's access to the consumer.
func (e *Environment) ConsumerKubeconfig() string {
	return filepath.Join(e.Dir, kind.ConsumerKubeconfig)
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// save writes the state so that at no time half of it is there.
func (e *Environment) save() error { return writeJSON(filepath.Join(e.Dir, marker), &e.state) }

func writeJSON(path string, value any) error {
	raw, err := json.Marshal(value)
	if err == nil {
		err = os.WriteFile(path+".new", append(raw, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
