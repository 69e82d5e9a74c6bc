// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// startTimeout bounds a start whose context has no earlier deadline.
	startTimeout = 2 * time.Minute
	// portAttempts is how many ports are tried before a start fails because they were all taken.
	portAttempts = 5
	// logLines is how much of a dead process's log an error shows.
	logLines = 15
)

// Options say how a control plane is started. The zero value is good.
type Options struct {
	// Name is what kubeconfigs and errors call it. Default: "controlplane".
	Name string
	// BinDir is the folder of etcd, kube-apiserver and kube-controller-manager, and of kube-scheduler and kwok with
	// Workloads. Default: see the function BinDir.
	BinDir string
	// Dir is the folder for all files of the control plane. It must be empty or not exist, and it is removed at the
	// end. Default: a new temporary folder.
	Dir string
	// LogDir is the folder for the logs of the processes, one file each, appended to. Default: logs, in Dir, and so
	// removed with it.
	LogDir string
	// APIServerArgs are added to the arguments of kube-apiserver, and win over the same arguments of this package.
	// Relative paths in them are relative to Dir.
	APIServerArgs []string
	// Workloads makes Deployments come true, as far as the API shows: they get ReplicaSets and Pods, which are scheduled
	// to a node that kwok pretends to be, and are running and ready at once. No container runs. Default: Deployments
	// stay as they are, and there is no node.
	Workloads bool
}

// ControlPlane is a running Kubernetes control plane.
type ControlPlane struct {
	name          string
	apiServerArgs []string
	workloads     bool
	freePort      func() (int, error)
	fleet         *fleet

	ca         *authority
	admin      keyPair
	kubeconfig []byte
	port       int
}

// Start starts a control plane and waits until it is ready: the API server says so, the default namespace has its
// default ServiceAccount, which a controller makes, and with Workloads the node is ready. ctx bounds the start only. An error shows the end of the log if a
// process has died, and leaves nothing behind.
func Start(ctx context.Context, o Options) (*ControlPlane, error) {
	c, err := prepare(o)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting control plane %s: %w", c.name, err), c.Stop())
	}
	return c, nil
}

// prepare makes a control plane with its folder and its watchdog, and without any process yet.
func prepare(o Options) (*ControlPlane, error) {
	if o.Name == "" {
		o.Name = "controlplane"
	}
	if o.BinDir == "" {
		dir, err := BinDir()
		if err != nil {
			return nil, err
		}
		o.BinDir = dir
	}
	dir, err := makeDir(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("making the folder of control plane %s: %w", o.Name, err)
	}
	if o.LogDir == "" {
		o.LogDir = filepath.Join(dir, "logs")
	}
	g, err := newGuard(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &ControlPlane{
		name:          o.Name,
		apiServerArgs: o.APIServerArgs,
		workloads:     o.Workloads,
		freePort:      FreePort,
		fleet:         &fleet{guard: g, binDir: o.BinDir, dir: dir, logDir: o.LogDir, processes: map[string]*Process{}},
	}, nil
}

// makeDir makes a folder, or takes an empty one: what was in it before would be removed with it.
func makeDir(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "kube-bind-")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty", dir)
	}
	return dir, nil
}

// start makes the certificates, then starts everything, on other ports as long as they turn out to be taken.
func (c *ControlPlane) start(ctx context.Context) error {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	if err := c.writeCertificates(); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := c.startOnFreePort(ctx)
		if err == nil || attempt == portAttempts || !strings.Contains(err.Error(), portTaken) {
			return err
		}
		if err := c.fleet.killAll(); err != nil {
			return err
		}
	}
}

func withStartTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready within %s", startTimeout))
}

// startOnFreePort starts etcd and the API server, which waits for it, at the same time. The controllers come after
// them: they would wait 10 s only, which is too little for a machine that starts several control planes.
func (c *ControlPlane) startOnFreePort(ctx context.Context) error {
	port, err := c.freePort()
	if err != nil {
		return err
	}
	c.port = port
	if c.kubeconfig, err = c.encodeKubeconfig(adminUser, c.admin); err != nil {
		return err
	}
	if err := c.write(kubeconfigFile, c.kubeconfig); err != nil {
		return err
	}
	if err := c.fleet.launch(etcdName, etcdArgs()); err != nil {
		return err
	}
	if err := c.fleet.launch(apiServerName, apiServerArgs(c.port, c.apiServerArgs)); err != nil {
		return err
	}
	if err := c.waitFor(ctx, "/readyz"); err != nil {
		return err
	}
	return c.startControllers(ctx)
}

// startControllers starts all that works on what is in the API server, at the same time.
func (c *ControlPlane) startControllers(ctx context.Context) error {
	if err := c.fleet.launch(controllerManagerName, controllerManagerArgs(c.workloads)); err != nil {
		return err
	}
	if c.workloads {
		if err := c.startWorkloads(ctx); err != nil {
			return err
		}
	}
	if err := c.waitFor(ctx, "/api/v1/namespaces/default/serviceaccounts/default"); err != nil || !c.workloads {
		return err
	}
	return c.waitForNode(ctx)
}

// writeCertificates makes the keys of this control plane and writes what the processes need of them.
func (c *ControlPlane) writeCertificates() (err error) {
	if c.ca, err = newAuthority(); err != nil {
		return err
	}
	if c.admin, err = c.ca.client(adminUser, []string{adminGroup}); err != nil {
		return err
	}
	serving, err := c.ca.server()
	if err != nil {
		return err
	}
	signing, err := newSigningKey()
	if err != nil {
		return err
	}
	return errors.Join(
		c.write(caFile, c.ca.pem),
		c.write(servingCert, serving.cert),
		c.write(servingKey, serving.key),
		c.write(tokenKey, signing),
	)
}

func (c *ControlPlane) write(file string, content []byte) error {
	return os.WriteFile(filepath.Join(c.fleet.dir, file), content, 0o600)
}

// Stop ends the control plane at once, without grace, as its data is of no more use, and removes its folder.
// Further calls do nothing.
func (c *ControlPlane) Stop() error {
	return errors.Join(c.fleet.killAll(), c.fleet.guard.close())
}

// StopAPIServer stops only the API server, as if it were down for a while: etcd and its data stay, the controllers
// keep trying. Clients are cut off, as with a server that crashes. It fails if the API server is stopped already.
func (c *ControlPlane) StopAPIServer() error {
	return c.fleet.stop(apiServerName)
}

// StartAPIServer starts the API server again, on the same port with the same data, and waits until it is ready.
// It fails if it is running, or if its port has been taken.
func (c *ControlPlane) StartAPIServer(ctx context.Context) error {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	if err := c.fleet.launch(apiServerName, apiServerArgs(c.port, c.apiServerArgs)); err != nil {
		return err
	}
	return c.waitFor(ctx, "/readyz")
}

// PIDs are the process ids of the running binaries, by their names.
func (c *ControlPlane) PIDs() map[string]int { return c.fleet.pids() }

// Dir is the folder with all files of the control plane.
func (c *ControlPlane) Dir() string { return c.fleet.dir }

// LogDir is the folder with the logs of its processes, named like the binaries.
func (c *ControlPlane) LogDir() string { return c.fleet.logDir }

func (c *ControlPlane) server() string { return "https://127.0.0.1:" + strconv.Itoa(c.port) }
