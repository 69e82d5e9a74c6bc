// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	gosync "sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/namespaces"
	"kube-bind.io/kube-bind/kubeconfig"
)

// Session is the time in which one kubeconfig is in use.
type Session struct {
	connection *Connection
	credential *kubeconfig.Credential
	log        logr.Logger
	cache      cache.Cache
	live       client.Client
	namespaces *namespaces.Map
	syncers    *syncers
	provider   dynamic.Interface
	kick       chan struct{}

	// Namespace is the contract namespace on the provider.
	Namespace string
	// Reader reads the provider's objects in the contract namespace from the cache.
	Reader client.Reader
	// Writer writes them.
	Writer client.Client

	mu     gosync.Mutex
	health Health
	beaten time.Time     // when the provider last took a heartbeat
	back   chan struct{} // closed when the provider is back; nil while it is there
}

// Health is how a session is doing.
type Health struct {
	// Synced says that the contract namespace is known, so that what is not there is absent.
	Synced bool
	// Provider is nil unless the provider cannot be reached or does not accept the credential.
	Provider *Problem
	// Removed says that the provider has removed this consumer, or is about to.
	Removed bool
	// Heartbeat is nil if the last heartbeat was written.
	Heartbeat *Problem
	// Beaten says that there has been a heartbeat.
	Beaten bool
	// PrettyName is the provider's name for people.
	PrettyName string
	// Place is the UID of the place's ClusterBinding, known from the first heartbeat on.
	Place types.UID
}

func newSession(c *Connection, credential *kubeconfig.Credential) (*Session, error) {
	s := &Session{connection: c, credential: credential, log: c.Log.WithValues("secret", c.refString()), Namespace: credential.Namespace, kick: make(chan struct{}, 1)}
	var err error
	s.cache, err = cache.New(s.config(s.hold), cache.Options{
		Scheme:                      c.Scheme,
		Mapper:                      mapper(),
		DefaultNamespaces:           map[string]cache.Config{credential.Namespace: {}},
		DefaultTransform:            cache.TransformStripManagedFields(),
		ReaderFailOnMissingInformer: true,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the cache of the provider: %w", err)
	}
	if s.live, err = client.New(s.config(nil), client.Options{Scheme: c.Scheme, Mapper: mapper()}); err != nil {
		return nil, fmt.Errorf("preparing the client of the provider: %w", err)
	}
	if s.provider, err = dynamic.NewForConfig(s.config(s.hold)); err != nil {
		return nil, fmt.Errorf("preparing the client of the provider: %w", err)
	}
	s.Reader, s.Writer = s.cache, s.live
	s.syncers = newSyncers(s)
	s.namespaces = namespaces.New(namespaces.Options{
		ContractNamespace: credential.Namespace, ConsumerCluster: c.Cluster, Provider: s.live, Consumer: c.Consumer,
		Changed: s.retarget, Log: s.log,
	})
	return s, nil
}

// config reaches the provider. Its requests are observed, and reads are held if so wanted.
func (s *Session) config(hold func(context.Context) error) *rest.Config {
	config := rest.AddUserAgent(rest.CopyConfig(s.credential.Config), "konnector/"+s.connection.Version)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &observer{RoundTripper: next, saw: s.suspect, hold: hold}
	})
	return config
}

// hold makes a read wait while the provider is away. Heartbeats find out when it is back. Informers that try by
// themselves do so at growing intervals, and would be late by as long again as the provider was away.
func (s *Session) hold(ctx context.Context) error {
	s.mu.Lock()
	back := s.back
	s.mu.Unlock()
	if back == nil {
		return nil
	}
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Health returns how the session is doing.
func (s *Session) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

// lastBeat is when the provider last took a heartbeat; zero: not yet.
func (s *Session) lastBeat() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beaten
}

// Sync makes exactly these resources sync for a binding; others of the same binding stop. It does not wait.
func (s *Session) Sync(binding string, resources []Resource) { s.syncers.set(binding, resources) }

// Halt stops all that syncs or shares for a binding, and says whether nothing of it writes any more.
func (s *Session) Halt(binding string) bool {
	s.connection.places.set(s, binding, nil)
	return s.syncers.halt(binding)
}

// Claim makes exactly these claims those of a binding: see Claim. It does not wait. Before the first heartbeat it does
// nothing. Bindings of the same place share what they claim, also if their Secrets are different ones.
func (s *Session) Claim(binding string, claims []Claim) {
	s.connection.places.set(s, binding, claims)
}

// Progress says how the syncers of a binding are doing.
func (s *Session) Progress(binding string) Progress {
	out := s.syncers.progress(binding)
	out.Claims = s.connection.places.progress(binding)
	return out
}

// Reviewed says of resources of which this cluster has said that we may not whether a right is missing: of bound ones and of claimed ones.
// When one that was missing is not any more, what was refused is tried again.
func (s *Session) Reviewed(binding string, bound, claimed map[schema.GroupResource]bool) {
	s.syncers.reviewed(binding, bound)
	s.connection.places.reviewed(binding, claimed)
}

// retarget follows a consumer namespace whose target has changed.
func (s *Session) retarget(namespace string) {
	s.syncers.retarget(namespace)
	s.connection.places.retarget(s, namespace)
}

// run holds the session together until ctx ends and everything has stopped.
func (s *Session) run(ctx context.Context) {
	var running gosync.WaitGroup
	defer running.Wait()
	defer s.syncers.close()
	defer s.connection.places.end(s)
	running.Go(func() {
		if err := s.cache.Start(ctx); err != nil && ctx.Err() == nil {
			s.log.Error(err, "the cache of the provider stopped")
		}
	})
	running.Go(func() { s.beat(ctx) })

	registrations, forget, err := s.handle(ctx)
	defer forget()
	if err != nil {
		if ctx.Err() == nil {
			s.log.Error(err, "cannot watch the contract namespace")
		}
		<-ctx.Done()
		return
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), registrations...) {
		return
	}
	s.update(func(h *Health) { h.Synced = true })
	s.syncers.open(ctx)
	s.connection.places.begin(ctx, s)
	s.namespaces.Run(ctx)
}

// handle subscribes to what the session follows. What it registered with caches that outlive the session is to be
// forgotten at its end.
func (s *Session) handle(ctx context.Context) (synced []toolscache.InformerSynced, forget func(), err error) {
	forget = func() {}
	announce := toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { s.connection.announce() },
		UpdateFunc: func(_, _ any) { s.connection.announce() },
		DeleteFunc: func(any) { s.connection.announce() },
	}
	for _, follow := range []struct {
		object  client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&kubebindv1alpha2.APIServiceExport{}, announce},
		{&kubebindv1alpha2.APIServiceExportRequest{}, announce},
		{&kubebindv1alpha2.BoundSchema{}, announce},
		{&kubebindv1alpha2.APIServiceNamespace{}, s.namespaces.APIServiceNamespaceHandler()},
		{&kubebindv1alpha2.ClusterBinding{}, s.placeHandler()},
	} {
		informer, err := s.cache.GetInformer(ctx, follow.object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, forget, fmt.Errorf("watching %T: %w", follow.object, err)
		}
		registration, err := informer.AddEventHandler(follow.handler)
		if err != nil {
			return nil, forget, fmt.Errorf("watching %T: %w", follow.object, err)
		}
		synced = append(synced, registration.HasSynced)
	}
	consumers := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}}
	informer, err := s.connection.ConsumerCache.GetInformer(ctx, consumers, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, forget, fmt.Errorf("watching namespaces of this cluster: %w", err)
	}
	registration, err := informer.AddEventHandler(s.namespaces.NamespaceHandler())
	if err != nil {
		return nil, forget, fmt.Errorf("watching namespaces of this cluster: %w", err)
	}
	forget = func() {
		if err := informer.RemoveEventHandler(registration); err != nil {
			s.log.Error(err, "cannot stop watching namespaces of this cluster")
		}
	}
	return append(synced, registration.HasSynced), forget, nil
}

// placeHandler sees whether the provider removes this consumer. A watch tells in time: after that the credential is gone,
// and nobody can be asked.
func (s *Session) placeHandler() toolscache.ResourceEventHandler {
	set := func(o any) {
		if b, ok := o.(*kubebindv1alpha2.ClusterBinding); ok && b.Name == kubebindv1alpha2.ClusterBindingName {
			s.update(func(h *Health) { h.Removed = b.DeletionTimestamp != nil })
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    set,
		UpdateFunc: func(_, o any) { set(o) },
		DeleteFunc: func(any) { s.update(func(h *Health) { h.Removed = true }) },
	}
}

// update changes the health and tells the bindings if that makes a difference.
func (s *Session) update(change func(*Health)) {
	s.mu.Lock()
	before := s.health
	change(&s.health)
	after := s.health
	switch {
	case before.Provider == nil && after.Provider != nil:
		s.back = make(chan struct{})
	case before.Provider != nil && after.Provider == nil:
		close(s.back)
		s.back = nil
	}
	s.mu.Unlock()
	if !before.equal(after) {
		s.connection.announce()
	}
}

func (h Health) equal(o Health) bool {
	same := func(a, b *Problem) bool { return a == b || a != nil && b != nil && *a == *b }
	return h.Synced == o.Synced && h.Removed == o.Removed && h.Beaten == o.Beaten && h.PrettyName == o.PrettyName && h.Place == o.Place &&
		same(h.Provider, o.Provider) && same(h.Heartbeat, o.Heartbeat)
}

// suspect takes an error of a request to the provider. If it says that the provider is away or does not know us, the
// bindings hear of it, and heartbeats follow each other until one gets through.
func (s *Session) suspect(err error) {
	if problem := s.away(err); problem != nil {
		s.update(func(h *Health) { h.Provider = problem })
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
}

// away tells errors about the provider or our credential from others, which give nil.
func (s *Session) away(err error) *Problem {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		// A watch that ends is begun again; if that fails, it fails in another way.
		return nil
	case apierrors.IsUnauthorized(err):
		return &Problem{kubebindv1alpha2.ReasonUnauthorized, fmt.Sprintf("The provider does not accept the credential in Secret %s. "+
			"Ask it for a new kubeconfig and put that there; if it accepts this one again, syncing goes on by itself.", s.connection.refString())}
	case apierrors.ReasonForError(err) == metav1.StatusReasonUnknown && !isStatus(err), apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err):
		return &Problem{kubebindv1alpha2.ReasonProviderUnreachable, fmt.Sprintf("The provider does not answer; it is being tried again: %v", rootCause(err))}
	}
	return nil
}
