// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	gosync "sync"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync"
)

// Options are what all connections of a konnector share. All fields are required.
type Options struct {
	// Cluster is the UID of this cluster: of its kube-system Namespace.
	Cluster types.UID
	// Version is the konnector's own, for heartbeats and user agents.
	Version string
	// Scheme has the kube-bind API.
	Scheme *runtime.Scheme
	// Secrets reads the kubeconfig Secrets of this cluster, each by its name, and updates them when the provider rotates
	// a credential.
	Secrets kubernetes.Interface
	// Consumer writes this cluster's objects.
	Consumer dynamic.Interface
	// ConsumerCache has the metadata of this cluster's Namespaces.
	ConsumerCache cache.Cache
	// Recorder takes Events on consumer objects.
	Recorder events.EventRecorder
	// Metrics counts what syncers do.
	Metrics *sync.Metrics
	// Workers is the number of workers of each syncer.
	Workers int
	// Changed is called with the name of a binding whose connection has news. It must not block.
	Changed func(binding string)
	// BundleChanged is the same for bundles.
	BundleChanged func(bundle string)
	// Log takes what nobody can act upon.
	Log logr.Logger
}

// user is who needs a connection. A binding and a bundle may have the same name.
type user struct {
	bundle bool
	name   string
}

// Pool runs the connections that bindings and bundles need. It is a manager.Runnable, for leaders only: syncing must not go on
// without the lease, and informers must not be warm before it is won.
type Pool struct {
	Options
	started chan struct{}
	places  *places

	mu          gosync.Mutex
	ctx         context.Context //nolint:containedctx // The life of all connections, which outlives every Reconcile.
	connections map[kubebindv1alpha2.ClusterSecretKeyRef]*Connection
	byUser      map[user]*Connection
	done        gosync.WaitGroup
}

// NewPool makes a Pool without connections.
func NewPool(o Options) *Pool {
	return &Pool{
		Options:     o,
		started:     make(chan struct{}),
		places:      newPlaces(),
		connections: map[kubebindv1alpha2.ClusterSecretKeyRef]*Connection{},
		byUser:      map[user]*Connection{},
	}
}

// Start lets connections run until ctx ends, and returns when all of them have stopped.
func (p *Pool) Start(ctx context.Context) error {
	p.mu.Lock()
	p.ctx = ctx
	p.mu.Unlock()
	close(p.started)
	<-ctx.Done()
	p.done.Wait()
	return nil
}

// NeedLeaderElection says that connections are for the leader only.
func (p *Pool) NeedLeaderElection() bool { return true }

// Use returns the connection of a binding. It starts one if nobody else uses that Secret, without waiting for it.
// Before Start and after its end it returns nil.
func (p *Pool) Use(binding string, ref kubebindv1alpha2.ClusterSecretKeyRef) *Connection {
	return p.use(user{name: binding}, ref)
}

// UseForBundle is Use for a bundle. The connection is the same one that the bundle's bindings use.
func (p *Pool) UseForBundle(bundle string, ref kubebindv1alpha2.ClusterSecretKeyRef) *Connection {
	return p.use(user{bundle: true, name: bundle}, ref)
}

// Drop says that a binding is gone. The connection ends with its last user.
func (p *Pool) Drop(binding string) {
	p.drop(user{name: binding})
	p.places.drop(binding)
}

// Claimants says which bindings claim which resources, by their status. Until all of those have said what they claim now,
// by Session.Claim, nothing of these resources is taken back.
func (p *Pool) Claimants(claimants map[string]sets.Set[schema.GroupResource]) {
	p.places.setClaimants(claimants)
}

// DropBundle is Drop for a bundle.
func (p *Pool) DropBundle(bundle string) { p.drop(user{bundle: true, name: bundle}) }

func (p *Pool) use(u user, ref kubebindv1alpha2.ClusterSecretKeyRef) *Connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil || p.ctx.Err() != nil {
		return nil
	}
	if c := p.byUser[u]; c != nil {
		if c.ref == ref {
			return c
		}
		p.release(u, c)
	}
	c, ok := p.connections[ref]
	if !ok {
		ctx, stop := context.WithCancel(p.ctx)
		c = newConnection(&p.Options, p.places, ref, stop)
		p.connections[ref] = c
		p.done.Go(func() { c.run(ctx) })
	}
	c.join(u)
	p.byUser[u] = c
	return c
}

func (p *Pool) drop(u user) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.byUser[u]; c != nil {
		p.release(u, c)
	}
}

func (p *Pool) release(u user, c *Connection) {
	delete(p.byUser, u)
	if c.leave(u) == 0 {
		c.stop()
		delete(p.connections, c.ref)
	}
}
