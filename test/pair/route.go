// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"fmt"
	"strings"
	"sync"

	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/wild"
)

// routed shows a provider's workspace, and the workspace of one consumer below it, as the one cluster that they are on a plain
// provider:
//
//   - What the provider offers (templates, collections), what it is asked for (BindableResourcesRequests, and the namespaces
//     consumer-* with all that is in them), and the Workspaces of its consumers are in the provider's workspace.
//   - A CRD is there, too, as what an API is with kcp: see crds.
//   - All else is the consumer's and in its workspace: the contract objects, copies and their namespaces. Without a workspace
//     nothing of it is there.
type routed struct {
	client.Client // the provider's workspace
	kcp           *wild.Wild
	// place is the name of the consumer's workspace, and of the contract namespace in it.
	place string

	mu      sync.Mutex
	cluster string
	inside  client.Client
}

// hosts tells whether something of this kind, namespace and name is in the provider's workspace.
func hosts(kind schema.GroupVersionKind, namespace, name string) bool {
	switch {
	case kind.Group == kubebindv1alpha2.GroupName && isOffer(kind.Kind):
		return true
	case kind.Group == tenancyv1alpha1.SchemeGroupVersion.Group:
		return true
	case kind.Group == corev1.GroupName && kind.Kind == "Namespace":
		return strings.HasPrefix(name, RequestNamespace(""))
	}
	return strings.HasPrefix(namespace, RequestNamespace(""))
}

func isOffer(kind string) bool {
	switch kind {
	case "APIServiceExportTemplate", "Collection", "BindableResourcesRequest":
		return true
	}
	return false
}

// kindOf is the kind of an object, or of what is in a list.
func (r *routed) kindOf(o runtime.Object) (schema.GroupVersionKind, error) {
	kind, err := r.GroupVersionKindFor(o)
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	return kind, err
}

// to is the client for what is there, in the one workspace or the other.
func (r *routed) to(ctx context.Context, o runtime.Object, namespace, name string) (client.Client, error) {
	kind, err := r.kindOf(o)
	if err != nil {
		return nil, err
	}
	return r.toKind(ctx, kind, namespace, name)
}

func (r *routed) toKind(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) (client.Client, error) {
	if isCRD(kind) {
		return &crds{Client: r.Client}, nil
	}
	if hosts(kind, namespace, name) {
		return r.Client, nil
	}
	ws := &tenancyv1alpha1.Workspace{}
	err := r.Client.Get(ctx, client.ObjectKey{Name: r.place}, ws)
	if apierrors.IsNotFound(err) || err == nil && ws.Spec.Cluster == "" {
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the consumer's workspace: %w", err)
	}
	return r.insideOf(ws.Spec.Cluster)
}

// insideOf keeps a client for the workspace, as long as it is that one.
func (r *routed) insideOf(cluster string) (client.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cluster == cluster {
		return r.inside, nil
	}
	inside, err := r.kcp.Client(cluster)
	if err == nil {
		r.cluster, r.inside = cluster, inside
	}
	return inside, err
}

// logicalCluster is the name of the consumer's.
func (r *routed) logicalCluster(ctx context.Context) (string, error) {
	ws := &tenancyv1alpha1.Workspace{}
	if err := r.Client.Get(ctx, client.ObjectKey{Name: r.place}, ws); err != nil {
		return "", fmt.Errorf("reading the consumer's workspace: %w", err)
	}
	return ws.Spec.Cluster, nil
}

// Get implements client.Client.
func (r *routed) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	c, err := r.to(ctx, o, key.Namespace, key.Name)
	if err != nil {
		return err
	}
	return c.Get(ctx, key, o, opts...)
}

// List implements client.Client: what is in all namespaces is the consumer's.
func (r *routed) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	c, err := r.to(ctx, list, (&client.ListOptions{}).ApplyOptions(opts).Namespace, "")
	if err != nil {
		return err
	}
	return c.List(ctx, list, opts...)
}

// Create implements client.Client.
func (r *routed) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	c, err := r.to(ctx, o, o.GetNamespace(), o.GetName())
	if err != nil {
		return err
	}
	return c.Create(ctx, o, opts...)
}

// Delete implements client.Client.
func (r *routed) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	c, err := r.to(ctx, o, o.GetNamespace(), o.GetName())
	if err != nil {
		return err
	}
	return c.Delete(ctx, o, opts...)
}

// Update implements client.Client.
func (r *routed) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	c, err := r.to(ctx, o, o.GetNamespace(), o.GetName())
	if err != nil {
		return err
	}
	return c.Update(ctx, o, opts...)
}

// Patch implements client.Client.
func (r *routed) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	c, err := r.to(ctx, o, o.GetNamespace(), o.GetName())
	if err != nil {
		return err
	}
	return c.Patch(ctx, o, patch, opts...)
}

// toApply is the client for what is applied.
func (r *routed) toApply(ctx context.Context, o runtime.ApplyConfiguration) (client.Client, error) {
	u := &unstructured.Unstructured{}
	if err := recode(o, &u.Object); err != nil {
		return nil, err
	}
	return r.toKind(ctx, u.GroupVersionKind(), u.GetNamespace(), u.GetName())
}

// Apply implements client.Client.
func (r *routed) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	c, err := r.toApply(ctx, o)
	if err != nil {
		return err
	}
	return c.Apply(ctx, o, opts...)
}

// Status implements client.Client.
func (r *routed) Status() client.SubResourceWriter { return r.SubResource("status") }

// SubResource implements client.Client.
func (r *routed) SubResource(name string) client.SubResourceClient {
	return &routedSubResource{routed: r, name: name}
}

// routedSubResource sends each request where its object is.
type routedSubResource struct {
	routed *routed
	name   string
}

func (s *routedSubResource) to(ctx context.Context, o client.Object) (client.SubResourceClient, error) {
	c, err := s.routed.to(ctx, o, o.GetNamespace(), o.GetName())
	if err != nil {
		return nil, err
	}
	return c.SubResource(s.name), nil
}

// Get implements client.SubResourceClient.
func (s *routedSubResource) Get(ctx context.Context, o, sub client.Object, opts ...client.SubResourceGetOption) error {
	c, err := s.to(ctx, o)
	if err != nil {
		return err
	}
	return c.Get(ctx, o, sub, opts...)
}

// Create implements client.SubResourceClient.
func (s *routedSubResource) Create(ctx context.Context, o, sub client.Object, opts ...client.SubResourceCreateOption) error {
	c, err := s.to(ctx, o)
	if err != nil {
		return err
	}
	return c.Create(ctx, o, sub, opts...)
}

// Update implements client.SubResourceClient.
func (s *routedSubResource) Update(ctx context.Context, o client.Object, opts ...client.SubResourceUpdateOption) error {
	c, err := s.to(ctx, o)
	if err != nil {
		return err
	}
	return c.Update(ctx, o, opts...)
}

// Patch implements client.SubResourceClient.
func (s *routedSubResource) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	c, err := s.to(ctx, o)
	if err != nil {
		return err
	}
	return c.Patch(ctx, o, patch, opts...)
}

// Apply implements client.SubResourceClient.
func (s *routedSubResource) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
	c, err := s.routed.toApply(ctx, o)
	if err != nil {
		return err
	}
	return c.SubResource(s.name).Apply(ctx, o, opts...)
}

func isCRD(kind schema.GroupVersionKind) bool {
	return kind.Group == apiextensionsv1.GroupName && kind.Kind == "CustomResourceDefinition"
}
