// SPDX-License-Identifier: Apache-2.0

package namespaces

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const (
	retryMin = 200 * time.Millisecond
	retryMax = time.Minute
)

// Options are what a Map needs. All fields are required.
type Options struct {
	// ContractNamespace is the consumer's place on the provider.
	ContractNamespace string
	// ConsumerCluster is the UID of this cluster.
	ConsumerCluster types.UID
	// Provider writes APIServiceNamespaces.
	Provider client.Writer
	// Consumer makes this cluster's Namespaces.
	Consumer dynamic.Interface
	// Changed is called with a consumer namespace whose target has changed. It must not block.
	Changed func(namespace string)
	// Log takes what nobody can act upon.
	Log logr.Logger
}

// Map knows the APIServiceNamespaces of one place.
type Map struct {
	Options
	queue workqueue.TypedRateLimitingInterface[string]

	mu         sync.RWMutex
	byConsumer map[string]*kubebindv1alpha2.APIServiceNamespace
	byProvider map[string]string
	consumers  map[string]presence
	// named are the providers that consumer namespaces name.
	named  map[string]string
	wanted sets.Set[string]
}

// New makes an empty Map. Its two handlers fill it.
func New(o Options) *Map {
	return &Map{
		Options: o,
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](retryMin, retryMax)),
		byConsumer: map[string]*kubebindv1alpha2.APIServiceNamespace{},
		byProvider: map[string]string{},
		consumers:  map[string]presence{},
		named:      map[string]string{},
		wanted:     sets.New[string](),
	}
}

// Run asks for namespaces and takes them back until ctx ends. Both handlers must have had their first list before, or
// namespaces that are merely not known yet would count as gone.
func (m *Map) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, m.queue.ShutDown)()
	for {
		namespace, shutdown := m.queue.Get()
		if shutdown {
			return
		}
		if err := m.reconcile(ctx, namespace); err != nil && ctx.Err() == nil {
			m.Log.V(2).Info("will try again", "namespace", namespace, "error", err.Error())
			m.queue.AddRateLimited(namespace)
		} else {
			m.queue.Forget(namespace)
		}
		m.queue.Done(namespace)
	}
}

// APIServiceNamespaceHandler keeps the Map to the provider's objects.
func (m *Map) APIServiceNamespaceHandler() cache.ResourceEventHandler {
	set := func(o any) {
		if n, ok := o.(*kubebindv1alpha2.APIServiceNamespace); ok {
			m.set(n)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    set,
		UpdateFunc: func(_, o any) { set(o) },
		DeleteFunc: func(o any) {
			if key, err := cache.DeletionHandlingObjectToName(o); err == nil {
				m.unset(key.Name)
			}
		},
	}
}

// NamespaceHandler keeps the Map to this cluster's Namespaces, whose metadata is enough.
func (m *Map) NamespaceHandler() cache.ResourceEventHandler {
	set := func(o any) {
		if namespace, ok := o.(metav1.Object); ok {
			m.setConsumer(namespace)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    set,
		UpdateFunc: func(_, o any) { set(o) },
		DeleteFunc: func(o any) {
			if key, err := cache.DeletionHandlingObjectToName(o); err == nil {
				m.mu.Lock()
				delete(m.consumers, key.Name)
				delete(m.named, key.Name)
				m.wanted.Delete(key.Name)
				m.mu.Unlock()
				m.queue.Add(key.Name)
			}
		},
	}
}

func (m *Map) setConsumer(namespace metav1.Object) {
	now, name := live, namespace.GetName()
	if namespace.GetDeletionTimestamp() != nil {
		now = terminating
	}
	m.mu.Lock()
	before, named := m.consumers[name], m.named[name]
	m.consumers[name] = now
	names := namespace.GetAnnotations()[kubebindv1alpha2.ProviderAnnotation]
	if names != "" {
		m.named[name] = names
	} else {
		delete(m.named, name)
	}
	m.mu.Unlock()
	if before != now {
		m.queue.Add(name)
	}
	if before != now || named != names {
		m.Changed(name)
	}
}

// ProviderOf returns the provider that a consumer namespace names for its objects, and whether the namespace is known.
func (m *Map) ProviderOf(namespace string) (name string, known bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, known = m.consumers[namespace]
	return m.named[namespace], known
}

func (m *Map) set(n *kubebindv1alpha2.APIServiceNamespace) {
	m.mu.Lock()
	if old := m.byConsumer[n.Name]; old != nil && m.byProvider[old.Status.Namespace] == n.Name {
		delete(m.byProvider, old.Status.Namespace)
	}
	m.byConsumer[n.Name] = n
	m.wanted.Delete(n.Name)
	// Two consumer namespaces never share a provider namespace: the first that claims it has it.
	if _, taken := m.byProvider[n.Status.Namespace]; !taken && n.Status.Namespace != "" {
		m.byProvider[n.Status.Namespace] = n.Name
	}
	m.mu.Unlock()
	m.queue.Add(n.Name)
	m.Changed(n.Name)
}

func (m *Map) unset(name string) {
	m.mu.Lock()
	if old := m.byConsumer[name]; old != nil && m.byProvider[old.Status.Namespace] == name {
		delete(m.byProvider, old.Status.Namespace)
	}
	delete(m.byConsumer, name)
	m.mu.Unlock()
	m.Changed(name)
}

func (m *Map) want(namespace string) {
	m.mu.Lock()
	news := !m.wanted.Has(namespace)
	m.wanted.Insert(namespace)
	m.mu.Unlock()
	if news {
		m.queue.Add(namespace)
	}
}

func (m *Map) reconcile(ctx context.Context, namespace string) error {
	m.mu.RLock()
	consumer, have, wanted := m.consumers[namespace], m.byConsumer[namespace], m.wanted.Has(namespace)
	m.mu.RUnlock()
	switch decide(consumer, have, wanted, m.ConsumerCluster) {
	case create:
		err := m.Provider.Create(ctx, m.desired(namespace), client.FieldOwner(kubebindv1alpha2.FieldManager))
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("asking the provider for a namespace: %w", err)
		}
	case remove:
		err := m.Provider.Delete(ctx, have.DeepCopy(), client.Preconditions{UID: &have.UID})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("giving the provider's namespace back: %w", err)
		}
	case makeHere:
		return m.makeConsumerNamespace(ctx, namespace)
	case nothing:
	}
	return nil
}

// makeConsumerNamespace makes a namespace that came with a template.
func (m *Map) makeConsumerNamespace(ctx context.Context, name string) error {
	namespace := &unstructured.Unstructured{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	namespace.SetName(name)
	namespace.SetLabels(map[string]string{kubebindv1alpha2.OwnerLabel: kubebindv1alpha2.OwnerProvider})
	namespace.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: m.ContractNamespace})
	_, err := m.Consumer.Resource(corev1.SchemeGroupVersion.WithResource("namespaces")).
		Create(ctx, namespace, metav1.CreateOptions{FieldManager: kubebindv1alpha2.FieldManager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("making the namespace %s, which came with a template: %w", name, err)
	}
	return nil
}

func (m *Map) desired(namespace string) *kubebindv1alpha2.APIServiceNamespace {
	return &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{
		Namespace:   m.ContractNamespace,
		Name:        namespace,
		Annotations: map[string]string{kubebindv1alpha2.ConsumerClusterAnnotation: string(m.ConsumerCluster)},
	}}
}
