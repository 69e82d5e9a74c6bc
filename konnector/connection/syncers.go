// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	gosync "sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/apis/mapping"
	"kube-bind.io/kube-bind/konnector/namespaces"
	"kube-bind.io/kube-bind/konnector/routing"
	"kube-bind.io/kube-bind/konnector/sync"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// Resource is what is to be known to sync one resource.
type Resource struct {
	// GVR is the resource in the version to sync, if none is synced yet. One that is goes on as long as it is served.
	GVR schema.GroupVersionResource
	// Served are all versions that could be synced.
	Served map[string]Version
	// Namespaced says whether it is namespaced in the consumer.
	Namespaced bool
	// Isolation and ClusterWide are the export's isolation and informer scope.
	Isolation   kubebindv1alpha2.Isolation
	ClusterWide bool
	// Was is the isolation by which copies lie where they do, if that is another than Isolation: objects stay, and can be deleted.
	Was kubebindv1alpha2.Isolation
	// Withdrawn says that the export is gone, or does not have the resource any more: objects stay, and can be deleted.
	Withdrawn bool
	// Orphan leaves copies behind when their objects are deleted.
	Orphan bool
	// Table are all bindings of the resource: which of them carries an object.
	Table routing.Table
}

// Version is what is to be known of one version of a resource.
type Version struct {
	// Status says whether the consumer's CRD has /status in it.
	Status bool
	// Schema changes whenever objects must be read anew because of another schema. An API server goes on serving a watch
	// by the schema that it began with, and leaves out of objects what that one does not know.
	Schema string
}

// goesOn says whether what runs as one resource needs no restart to run as this one.
func (r Resource) goesOn(running Resource) bool {
	version, served := r.Served[running.GVR.Version]
	if !served || version != running.Served[running.GVR.Version] {
		return false
	}
	r.GVR, r.Served, r.Table = running.GVR, running.Served, running.Table
	return reflect.DeepEqual(r, running)
}

// following is this resource in the version that another one ran in, if that is still served.
func (r Resource) following(before Resource) Resource {
	if _, served := r.Served[before.GVR.Version]; served {
		r.GVR = before.GVR
	}
	return r
}

// Progress is how the syncers of one binding are doing.
type Progress struct {
	// Running is the number of syncers, Synced that of those that know both sides, Orphaning that of those that leave copies
	// behind and whose predecessors, which did not, have stopped.
	Running, Synced, Orphaning int
	// WatchError is what an API server has against the watch of one that is not synced.
	WatchError string
	// Denied are the resources of which an API server has said that we may not.
	Denied map[schema.GroupResource]sync.Denied
	// Problems counts objects that are not in sync, by reason.
	Problems map[string]int
	// Claims is that of the claims, by resource.
	Claims map[schema.GroupVersionResource]ClaimProgress
}

// syncers runs the syncers of a session: one per resource, whichever binding wants it.
type syncers struct {
	session *Session

	mu      gosync.Mutex
	ctx     context.Context //nolint:containedctx // The life of the syncers, which outlives every Reconcile. Nil: not open.
	running map[schema.GroupResource]*running
	// ending are those that were told to stop and may still write, by binding.
	ending map[string][]*running
	done   gosync.WaitGroup
}

type running struct {
	resource Resource
	binding  string
	router   *router
	syncer   *sync.Syncer
	stop     context.CancelFunc
	// began is closed when predecessors have stopped, stopped when this one has.
	began, stopped chan struct{}
}

func newSyncers(s *Session) *syncers {
	return &syncers{session: s, running: map[schema.GroupResource]*running{}, ending: map[string][]*running{}}
}

func (s *syncers) open(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = ctx
}

// close stops everything and waits for it.
func (s *syncers) close() {
	s.mu.Lock()
	s.ctx = nil
	for gr, r := range s.running {
		r.stop()
		delete(s.running, gr)
	}
	s.mu.Unlock()
	s.done.Wait()
}

// set makes exactly these resources run for a binding.
func (s *syncers) set(binding string, resources []Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return
	}
	desired := map[schema.GroupResource]Resource{}
	for _, r := range resources {
		desired[r.GVR.GroupResource()] = r
	}
	for gr, r := range s.running {
		want, ok := desired[gr]
		if r.binding != binding {
			continue
		}
		if ok && want.goesOn(r.resource) {
			r.reroute(want.Table)
			continue
		}
		s.end(gr, r)
		if ok {
			s.start(binding, want.following(r.resource))
		}
	}
	for gr, want := range desired {
		if _, ok := s.running[gr]; !ok {
			s.start(binding, want)
		}
	}
}

// reroute changes which objects are carried.
func (r *running) reroute(table routing.Table) {
	if reflect.DeepEqual(r.resource.Table, table) {
		return
	}
	r.resource.Table = table
	r.router.table.Store(&table)
	r.syncer.Reroute()
}

func (s *syncers) end(gr schema.GroupResource, r *running) {
	r.stop()
	delete(s.running, gr)
	s.ending[r.binding] = append(slices.DeleteFunc(s.ending[r.binding], hasStopped), r)
}

func hasStopped(r *running) bool { return isClosed(r.stopped) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// halt stops all that runs for a binding, and says whether it has stopped.
func (s *syncers) halt(binding string) bool {
	s.set(binding, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(s.ending[binding], hasStopped)
	if s.ending[binding] = left; len(left) == 0 {
		delete(s.ending, binding)
	}
	return len(left) == 0
}

func (s *syncers) drop(binding string) { s.set(binding, nil) }

// start runs a syncer once those of the same resource before it have stopped: there must not be two that write (W38).
func (s *syncers) start(binding string, resource Resource) {
	router := newRouter(binding, s.session.namespaces, resource.Table)
	syncer, err := s.new(router, resource)
	if err != nil {
		s.session.log.Error(err, "cannot sync", "resource", resource.GVR.Resource)
		return
	}
	ctx, stop := context.WithCancel(s.ctx)
	r := &running{resource: resource, binding: binding, router: router, syncer: syncer, stop: stop, began: make(chan struct{}), stopped: make(chan struct{})}
	s.running[resource.GVR.GroupResource()] = r
	before := s.predecessors(resource.GVR.GroupResource())
	s.done.Go(func() {
		defer close(r.stopped)
		for _, predecessor := range before {
			<-predecessor.stopped
		}
		close(r.began)
		if err := syncer.Run(ctx); err != nil && ctx.Err() == nil {
			s.session.log.Error(err, "syncer stopped", "resource", resource.GVR.Resource)
		}
	})
}

func (s *syncers) predecessors(gr schema.GroupResource) []*running {
	var out []*running
	for _, ending := range s.ending {
		for _, r := range ending {
			if r.resource.GVR.GroupResource() == gr && !hasStopped(r) {
				out = append(out, r)
			}
		}
	}
	return out
}

func (s *syncers) new(router *router, r Resource) (*sync.Syncer, error) {
	c := s.session.connection
	targets, err := s.targets(r)
	if err != nil {
		return nil, err
	}
	return sync.New(sync.Options{
		Resource:          r.GVR,
		StatusSubresource: r.Served[r.GVR.Version].Status,
		Policy:            plan.Policy{ContractNamespace: s.session.Namespace, ConsumerCluster: c.Cluster, Orphan: r.Orphan, Binding: router.binding},
		Consumer:          c.Consumer,
		Provider:          s.session.provider,
		Targets:           targets,
		Router:            router,
		Recorder:          c.Recorder,
		Metrics:           c.Metrics,
		Changed:           func() { c.Changed(router.binding) },
		Workers:           c.Workers,
		Log:               s.session.log,
	})
}

// targets says how keys of a resource map, by what the export's isolation is.
func (s *syncers) targets(r Resource) (sync.Targets, error) {
	switch {
	case r.Withdrawn:
		return namespaces.Withdrawn{}, nil
	case r.Was != "":
		return misplaced{was: r.Was, is: r.Isolation}, nil
	case r.Namespaced:
		return &namespaces.Namespaced{Map: s.session.namespaces, Isolation: r.Isolation, ClusterWide: r.ClusterWide}, nil
	case r.Isolation == kubebindv1alpha2.IsolationPrefixed:
		return &namespaces.ClusterScoped{Mapping: mapping.Prefixed(s.session.Namespace)}, nil
	case r.Isolation == kubebindv1alpha2.IsolationNamespaced:
		return &namespaces.ClusterScoped{Mapping: mapping.Namespaced(s.session.Namespace), Namespace: s.session.Namespace}, nil
	case r.Isolation == kubebindv1alpha2.IsolationNone:
		return &namespaces.ClusterScoped{Mapping: mapping.None()}, nil
	}
	return nil, fmt.Errorf("isolation %q is not known", r.Isolation)
}

// retarget follows a consumer namespace whose target has changed.
func (s *syncers) retarget(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.running {
		if err := r.syncer.Retarget(); err != nil {
			s.session.log.Error(err, "cannot watch a namespace of the provider", "resource", r.resource.GVR.Resource)
		}
		r.syncer.EnqueueNamespace(namespace)
	}
}

// retryFailed tries all objects again whose writes failed while the provider was away.
func (s *syncers) retryFailed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.running {
		r.syncer.RetryFailed()
	}
}

func (s *syncers) progress(binding string) Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Progress{Problems: map[string]int{}, Denied: map[schema.GroupResource]sync.Denied{}}
	for gr, r := range s.running {
		if r.binding != binding {
			continue
		}
		if denied := r.syncer.Denied(); denied != (sync.Denied{}) {
			out.Denied[gr] = denied
		}
		out.Running++
		if r.resource.Orphan && isClosed(r.began) {
			out.Orphaning++
		}
		if r.syncer.Synced() {
			out.Synced++
		} else {
			out.WatchError = r.syncer.WatchError()
		}
		for reason, n := range r.syncer.Problems() {
			out.Problems[reason] += n
		}
	}
	return out
}

// reviewed says of resources of a binding whether this cluster withholds a right.
func (s *syncers) reviewed(binding string, lacking map[schema.GroupResource]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for gr, lacks := range lacking {
		if r := s.running[gr]; r != nil && r.binding == binding {
			r.syncer.Reviewed(lacks)
		}
	}
}
