// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/controlplane"
)

// Options say how a pair is started. The zero value is good.
type Options struct {
	// LogDir is where processes log. Default: a new temporary folder.
	LogDir string
	// BackendArgs and KonnectorArgs are added to what the binaries are started with.
	BackendArgs, KonnectorArgs []string
	// Audit lets both API servers write down what they are asked: see Side.Audited.
	Audit bool
	// FrontDoor has the backend serve HTTP, with the embedded OpenID provider, at Door.
	FrontDoor bool
	// Workloads makes Deployments come true in the consumer: see controlplane.Options.
	Workloads bool
	// Kind is what the provider is. Default: what ProviderEnv says.
	Kind Kind
	// Bin is a folder with the shipped binaries, such as that of another pair. Default: they are built.
	Bin string
	// Beside is a pair whose kcp is used, if the provider is a kcp. Default: one of its own.
	Beside *Pair
	// Install brings backend and konnector into their clusters. They then run as it says. Default: they run beside their
	// clusters, as administrators. A backend of a kcp does so in any case.
	Install Installer
}

// Side is one of the two clusters.
type Side struct {
	Plane
	// Client has all rights and no cache.
	Client client.Client

	// auditLog is the file of the audit log, if there is one, and cluster the logical cluster of a kcp.
	auditLog string
	cluster  func(context.Context) (string, error)
}

// Pair is two clusters with what runs beside them.
type Pair struct {
	Provider, Consumer *Side

	options   Options
	installed map[string]*Command
	kind      Kind
	workspace *workspace // the provider, if it is a kcp
	bin       string
	backend   *controlplane.Process
	konnector *controlplane.Process
	door      string
	neighbour bool // the provider is another pair's
}

// Start builds the binaries and starts both control planes, the backend and the konnector, and waits for their APIs.
func Start(ctx context.Context, o Options) (_ *Pair, err error) {
	p, err := StartControlPlanes(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Stop())
		}
	}()
	if err := p.StartBackend(); err != nil {
		return nil, err
	}
	if err := p.StartKonnector(); err != nil {
		return nil, err
	}
	return p, p.AwaitAPIs(ctx)
}

// AwaitAPIs waits until both sides serve the kinds that backend and konnector install.
func (p *Pair) AwaitAPIs(ctx context.Context) error {
	if err := p.AwaitBackend(ctx); err != nil {
		return err
	}
	if err := retryNoMatch(ctx, func() error { return p.Consumer.Client.List(ctx, &kubebindv1alpha2.APIServiceBindingList{}) }); err != nil {
		return fmt.Errorf("waiting for the konnector's API: %w\n%s", err, p.konnector.LogTail(5))
	}
	return nil
}

// AwaitBackend waits until the provider serves the kinds that the backend installs, and the front door is open, if there is one.
func (p *Pair) AwaitBackend(ctx context.Context) error {
	if err := retryNoMatch(ctx, func() error { return p.Provider.Client.List(ctx, &kubebindv1alpha2.APIServiceExportTemplateList{}) }); err != nil {
		return fmt.Errorf("waiting for the backend's API: %w\n%s", err, p.backendLog())
	}
	if p.options.FrontDoor {
		return p.awaitDoor(ctx)
	}
	return nil
}

// backendLog is the end of the log, if the backend is the pair's.
func (p *Pair) backendLog() string {
	if p.backend == nil {
		return ""
	}
	return p.backend.LogTail(5)
}

// awaitDoor waits until the front door is open.
func (p *Pair) awaitDoor(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Door()+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("waiting for the front door: %w", err)
	}
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 3*time.Minute, true, func(context.Context) (bool, error) {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil //nolint:nilerr // it is not open yet
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		return fmt.Errorf("waiting for the front door: %w\n%s", err, p.backend.LogTail(5))
	}
	return nil
}

// StartControlPlanes is Start without backend and konnector.
func StartControlPlanes(ctx context.Context, o Options) (*Pair, error) {
	kind := o.Kind
	if kind == "" {
		var err error
		if kind, err = KindFromEnv(); err != nil {
			return nil, err
		}
	}
	p := &Pair{options: o, kind: kind}
	if p.options.LogDir == "" {
		dir, err := os.MkdirTemp("", "kube-bind-pair-")
		if err != nil {
			return nil, err
		}
		p.options.LogDir = dir
	}
	var err error
	if p.bin = o.Bin; p.bin == "" {
		if p.bin, err = Build(ctx, p.options.LogDir); err != nil {
			return nil, err
		}
	}
	failed := make(chan error)
	go func() { failed <- p.startProvider(ctx) }()
	p.Consumer, err = startSide(ctx, controlplane.Options{
		Name: "consumer", LogDir: filepath.Join(p.options.LogDir, "consumer"), Workloads: o.Workloads,
	}, o.Audit)
	if err := errors.Join(err, <-failed); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	if p.Provider, err = p.providerFor(ctx, p.Consumer); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	if err := p.install(ctx, backendProgram, konnectorProgram); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// startProvider starts what the pair has as its provider.
func (p *Pair) startProvider(ctx context.Context) (err error) {
	if p.kind == Kubernetes {
		p.Provider, err = startSide(ctx, controlplane.Options{
			Name: "provider", LogDir: filepath.Join(p.options.LogDir, "provider"),
		}, p.options.Audit)
		return err
	}
	if p.workspace, err = newWorkspace(ctx, p.options); err == nil {
		p.Provider = p.workspace.side()
	}
	return err
}

func startSide(ctx context.Context, o controlplane.Options, audit bool) (_ *Side, err error) {
	s := &Side{}
	if audit {
		if s.auditLog, o.APIServerArgs, err = auditArgs(o.LogDir); err != nil {
			return nil, err
		}
	}
	cp, err := controlplane.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	c, err := Client(cp.Config())
	if err != nil {
		return nil, errors.Join(err, cp.Stop())
	}
	s.Plane, s.Client = cp, c
	return s, nil
}

// Client makes a client that knows all kinds of these tests.
func Client(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, rbacv1.AddToScheme, apiextensionsv1.AddToScheme, kubebindv1alpha2.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// Build compiles the shipped commands into a folder below dir, which is quick when they have not changed.
func Build(ctx context.Context, dir string) (bin string, err error) {
	root, err := Root(ctx)
	if err != nil {
		return "", err
	}
	bin = filepath.Join(dir, "bin") + string(filepath.Separator)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-X main.version=v0.0.1", "-o", bin, "./cmd/...")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the commands: %w\n%s", err, out)
	}
	return bin, nil
}

// Root is the folder of the module.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Kind is what the provider is.
func (p *Pair) Kind() Kind { return p.kind }

// Between is the consumer of one pair with the provider of another.
func Between(ctx context.Context, consumer, provider *Pair) (*Pair, error) {
	side, err := provider.providerFor(ctx, consumer.Consumer)
	return &Pair{Consumer: consumer.Consumer, Provider: side, kind: provider.kind}, err
}

// LogDir is where all processes log.
func (p *Pair) LogDir() string { return p.options.LogDir }

// StartBackend starts the backend with further arguments.
func (p *Pair) StartBackend(args ...string) (err error) {
	front := []string{"--frontend-disabled"}
	if p.options.FrontDoor {
		if front, err = p.frontDoor(); err != nil {
			return err
		}
	}
	provider := []string{"--kubeconfig", p.Provider.KubeconfigFile(), "--lease-namespace", "default"}
	if p.kind != Kubernetes {
		provider = p.workspace.backendArgs(p.kind)
	}
	p.backend, err = p.start(backendProgram, provider, slices.Concat([]string{
		"--namespace-prefix", namespacePrefix,
		"--pretty-name", "BigCorp.com",
		"--health-address", "0", "--metrics-address", "0",
	}, front, p.options.BackendArgs, args))
	return err
}

// frontDoor are the backend's arguments for a front door, which stays where it is when the backend is started anew.
func (p *Pair) frontDoor() ([]string, error) {
	if p.door == "" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a port for the front door: %w", err)
		}
		p.door = listener.Addr().String()
		if err := listener.Close(); err != nil {
			return nil, fmt.Errorf("finding a port for the front door: %w", err)
		}
	}
	return []string{"--frontend-disabled=false", "--listen-address", p.door, "--oidc-type", "embedded", "--oidc-callback-url", p.Door() + "/api/callback"}, nil
}

// Door is the URL of the front door.
func (p *Pair) Door() string { return "http://" + p.door }

// StartKonnector starts the konnector with further arguments.
func (p *Pair) StartKonnector(args ...string) (err error) {
	beside := []string{"--kubeconfig", p.Consumer.KubeconfigFile(), "--lease-namespace", "default"}
	p.konnector, err = p.start(konnectorProgram, beside, slices.Concat([]string{"--server-address", "0", "--v", "2"}, p.options.KonnectorArgs, args))
	return err
}

// start starts a program as it is installed, or else beside its cluster. Further arguments win over both.
func (p *Pair) start(program string, beside, further []string) (*controlplane.Process, error) {
	command := p.installed[program]
	if command == nil {
		command = &Command{Args: beside}
	}
	return controlplane.StartProcess(controlplane.ProcessOptions{
		Name: program, Path: filepath.Join(p.bin, program), Args: slices.Concat(command.Args, further), Env: command.Env,
		LogFile: filepath.Join(p.options.LogDir, program+".log"),
	})
}

// Backend and Konnector are the processes, nil if they were not started.
func (p *Pair) Backend() *controlplane.Process { return p.backend }

// Konnector is the konnector's process, nil if it was not started.
func (p *Pair) Konnector() *controlplane.Process { return p.konnector }

// Bin is the folder of the binaries. It goes when the pair that built them stops.
func (p *Pair) Bin() string { return p.bin }

// RemoveLogs removes the folder of the logs, for when nobody needs to read them.
func (p *Pair) RemoveLogs() error { return os.RemoveAll(p.options.LogDir) }

// Stop stops everything. The logs stay. It fails if there is a secret in one.
func (p *Pair) Stop() error {
	known, err := p.secrets()
	errs := []error{err}
	for _, process := range []*controlplane.Process{p.konnector, p.backend} {
		if process != nil {
			errs = append(errs, process.Stop())
		}
	}
	sides := []*Side{p.Consumer, p.Provider}
	if p.neighbour {
		sides = sides[:1]
	}
	if p.options.Bin == "" {
		errs = append(errs, os.RemoveAll(p.bin))
	}
	for _, side := range sides {
		if side != nil {
			errs = append(errs, side.Stop())
		}
	}
	if known != nil && p.options.LogDir != "" {
		errs = append(errs, p.leaks(known))
	}
	return errors.Join(errs...)
}
