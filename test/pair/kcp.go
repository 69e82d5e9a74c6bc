// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"k8s.io/client-go/rest"

	"kube-bind.io/kube-bind/apis/mapping"
	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/test/wild"
)

// sharedKCP is a kcp that several pairs use. Each has a backend with an APIExport of its own in it, and a provider's workspace.
type sharedKCP struct {
	*controlplane.KCP
	auditLog string
	pairs    atomic.Int32
}

func startKCP(ctx context.Context, logDir string) (*sharedKCP, error) {
	log, args, err := auditArgs(logDir)
	if err != nil {
		return nil, err
	}
	s := &sharedKCP{auditLog: log}
	s.KCP, err = controlplane.StartKCP(ctx, controlplane.Options{Name: "kcp", LogDir: logDir, APIServerArgs: args})
	return s, err
}

// workspace is a provider's workspace as a Plane.
type workspace struct {
	*wild.Provider
	wild *wild.Wild
	kcp  *sharedKCP
	// admin and backend are the files of the administrator's kubeconfig, which is kubeconfig, and of the backend's.
	kubeconfig     []byte
	admin, backend string
	// owner stops kcp.
	owner bool
}

var _ Plane = &workspace{}

// newWorkspace makes a provider's workspace, in another pair's kcp or one of its own.
func newWorkspace(ctx context.Context, o Options) (_ *workspace, err error) {
	w := &workspace{}
	if o.Beside != nil {
		w.kcp = o.Beside.workspace.kcp
	} else {
		w.owner = true
		if w.kcp, err = startKCP(ctx, filepath.Join(o.LogDir, "provider")); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Stop())
		}
	}()
	n := w.kcp.pairs.Add(1)
	if w.wild, err = wild.Prepare(ctx, w.kcp.KCP, fmt.Sprintf("kube-bind-%d", n)); err != nil {
		return nil, err
	}
	if w.Provider, err = w.wild.NewProvider(ctx, fmt.Sprintf("provider-%d", n)); err != nil {
		return nil, err
	}
	return w, w.writeKubeconfigs(o.LogDir)
}

func (w *workspace) writeKubeconfigs(dir string) (err error) {
	w.admin, w.backend = filepath.Join(dir, "provider.kubeconfig"), filepath.Join(dir, "backend.kubeconfig")
	if w.kubeconfig, err = w.wild.Kubeconfig(w.Path); err != nil {
		return err
	}
	backend, err := w.wild.BackendKubeconfig()
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(w.admin, w.kubeconfig, 0o600), os.WriteFile(w.backend, backend, 0o600)); err != nil {
		return fmt.Errorf("writing kubeconfigs: %w", err)
	}
	return nil
}

// Config implements Plane.
func (w *workspace) Config() *rest.Config { return w.wild.Config(w.Path) }

// Kubeconfig implements Plane.
func (w *workspace) Kubeconfig() []byte { return w.kubeconfig }

// KubeconfigFile implements Plane.
func (w *workspace) KubeconfigFile() string { return w.admin }

// StopAPIServer implements Plane: all workspaces of this kcp are away.
func (w *workspace) StopAPIServer() error { return w.kcp.StopServer() }

// StartAPIServer implements Plane.
func (w *workspace) StartAPIServer(ctx context.Context) error { return w.kcp.StartServer(ctx) }

// Stop implements Plane. A workspace of another pair's kcp stays as long as that.
func (w *workspace) Stop() error {
	if !w.owner {
		return nil
	}
	return w.kcp.KCP.Stop()
}

// side is the workspace alone as a cluster.
func (w *workspace) side() *Side {
	return &Side{Plane: w, Client: w.Client, auditLog: w.kcp.auditLog, cluster: func(context.Context) (string, error) {
		return string(w.Cluster), nil
	}}
}

// backendArgs are the backend's for this kcp.
func (w *workspace) backendArgs(kind Kind) []string {
	tenancy := map[Kind]kcp.Tenancy{KCPNamespace: kcp.Namespaces, KCPWorkspace: kcp.Workspaces}[kind]
	return []string{"--kubeconfig", w.backend, "--lease-namespace", kcpinit.Namespace, "--provider", "kcp", "--tenancy", string(tenancy)}
}

// Cluster is the logical cluster of the provider's workspace, as its consumers have to name it; empty if the provider is not a kcp.
func (p *Pair) Cluster() string {
	if p.workspace == nil {
		return ""
	}
	return string(p.workspace.Cluster)
}

// namespacePrefix is that of consumers' places.
const namespacePrefix = "kube-bind-"

// providerFor is a provider's side as one cluster, for a consumer.
func (p *Pair) providerFor(ctx context.Context, consumer *Side) (*Side, error) {
	if p.kind != KCPWorkspace {
		return p.Provider, nil
	}
	identity, err := consumer.ClusterUID(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the consumer's identity: %w", err)
	}
	c := &routed{Client: p.workspace.Client, kcp: p.workspace.wild, place: mapping.ContractNamespaceName(namespacePrefix, identity)}
	return &Side{Plane: p.workspace, Client: c, auditLog: p.workspace.kcp.auditLog, cluster: c.logicalCluster}, nil
}
