// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	gosync "sync"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
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
	// Log takes what nobody can act upon.
	Log logr.Logger
}

// Pool runs the connections that bindings need. It is a manager.Runnable, for leaders only: syncing must not go on
// without the lease, and informers must not be warm before it is won.
type Pool struct {
	Options
	started chan struct{}

	mu          gosync.Mutex
	ctx         context.Context //nolint:containedctx // The life of all connections, which outlives every Reconcile.
	connections map[kubebindv1alpha2.ClusterSecretKeyRef]*Connection
	byBinding   map[string]*Connection
	done        gosync.WaitGroup
}

// NewPool makes a Pool without connections.
func NewPool(o Options) *Pool {
	return &Pool{
		Options:     o,
		started:     make(chan struct{}),
		connections: map[kubebindv1alpha2.ClusterSecretKeyRef]*Connection{},
		byBinding:   map[string]*Connection{},
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

// Use returns the connection of a binding. It starts one if no other binding uses that Secret, without waiting for it.
// Before Start and after its end it returns nil.
func (p *Pool) Use(binding string, ref kubebindv1alpha2.ClusterSecretKeyRef) *Connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil || p.ctx.Err() != nil {
		return nil
	}
	if c := p.byBinding[binding]; c != nil {
		if c.ref == ref {
			return c
		}
		p.release(binding, c)
	}
	c, ok := p.connections[ref]
	if !ok {
		ctx, stop := context.WithCancel(p.ctx)
		c = newConnection(&p.Options, ref, stop)
		p.connections[ref] = c
		p.done.Go(func() { c.run(ctx) })
	}
	c.join(binding)
	p.byBinding[binding] = c
	return c
}

// Drop says that a binding is gone. The connection ends with its last binding.
func (p *Pool) Drop(binding string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.byBinding[binding]; c != nil {
		p.release(binding, c)
	}
}

func (p *Pool) release(binding string, c *Connection) {
	delete(p.byBinding, binding)
	if c.leave(binding) == 0 {
		c.stop()
		delete(p.connections, c.ref)
	}
}
