// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"context"
	"errors"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
	"kube-bind.io/kube-bind/konnector/schema"
)

// gather reads what is known of a bundle. It changes nothing. With an error of what remains of bindings the facts are
// good all the same: those bindings are then not touched.
func (c *Controller) gather(ctx context.Context, bundle *kubebindv1alpha2.APIServiceBindingBundle, conn *connection.Connection) (f Facts, remains error, err error) {
	f = Facts{Bundle: bundle, Remains: map[string]Remains{}, Now: time.Now()}
	if f.Bindings, err = c.bindings(ctx, bundle); err != nil {
		return f, nil, err
	}
	session, problem := conn.State()
	if session == nil {
		f.Secret = problem
		return f, nil, nil
	}
	f.Health = session.Health()
	if !f.Known() {
		return f, nil, nil
	}
	exports := &kubebindv1alpha2.APIServiceExportList{}
	if err := session.Reader.List(ctx, exports, client.InNamespace(session.Namespace)); err != nil {
		return f, nil, fmt.Errorf("listing exports: %w", err)
	}
	f.Exports = sets.New[string]()
	for i := range exports.Items {
		f.Exports.Insert(exports.Items[i].Name)
	}
	var errs []error
	for _, b := range withdrawnBindings(f) {
		left, err := c.remains(ctx, session, b)
		if err != nil {
			errs = append(errs, fmt.Errorf("finding out what is left of the binding %s: %w", b.Name, err))
		}
		f.Remains[b.Name] = left
	}
	return f, errors.Join(errs...), nil
}

// bindings are those of this cluster. A bundle that is about to end asks the API server: a binding that was just made
// must not be overlooked.
func (c *Controller) bindings(ctx context.Context, bundle *kubebindv1alpha2.APIServiceBindingBundle) ([]kubebindv1alpha2.APIServiceBinding, error) {
	var reader client.Reader = c.client
	if bundle.DeletionTimestamp != nil {
		reader = c.live
	}
	bindings := &kubebindv1alpha2.APIServiceBindingList{}
	if err := reader.List(ctx, bindings); err != nil {
		return nil, fmt.Errorf("listing bindings: %w", err)
	}
	return bindings.Items, nil
}

// remains asks both sides themselves: whether the export is really gone, from a place that still is, and whether objects
// are left here.
func (c *Controller) remains(ctx context.Context, session *connection.Session, b *kubebindv1alpha2.APIServiceBinding) (Remains, error) {
	place := &kubebindv1alpha2.ClusterBinding{}
	err := session.Writer.Get(ctx, client.ObjectKey{Namespace: session.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, place)
	switch {
	case apierrors.IsNotFound(err):
		return RemainsUnknown, nil // The consumer is being removed; that ends no binding.
	case err != nil:
		return RemainsUnknown, fmt.Errorf("reading the ClusterBinding: %w", err)
	case place.DeletionTimestamp != nil:
		return RemainsUnknown, nil
	}
	err = session.Writer.Get(ctx, client.ObjectKey{Namespace: session.Namespace, Name: b.Name}, &kubebindv1alpha2.APIServiceExport{})
	switch {
	case err == nil:
		return RemainsUnknown, nil
	case !apierrors.IsNotFound(err):
		return RemainsUnknown, fmt.Errorf("reading the export: %w", err)
	}
	for _, bound := range b.Status.BoundSchemas {
		found, err := c.hasObjects(ctx, b, bound.GroupResource)
		if err != nil {
			return RemainsUnknown, err
		}
		if found {
			return RemainsObjects, nil
		}
	}
	return RemainsNothing, nil
}

// hasObjects says whether there are objects that would go with the CRD that a binding brought.
func (c *Controller) hasObjects(ctx context.Context, b *kubebindv1alpha2.APIServiceBinding, resource kubebindv1alpha2.GroupResource) (bool, error) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	err := c.live.Get(ctx, client.ObjectKey{Name: resource.ResourceGroupName()}, crd)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading CustomResourceDefinition %s: %w", resource.ResourceGroupName(), err)
	}
	if schema.Ours(crd, b) == nil {
		return false, nil
	}
	version, ok := schema.SyncedVersion(crd)
	if !ok {
		return false, fmt.Errorf("CustomResourceDefinition %s serves no version", crd.Name)
	}
	objects := &metav1.PartialObjectMetadataList{}
	objects.SetGroupVersionKind(runtimeschema.GroupVersionKind{Group: resource.Group, Version: version.Name, Kind: crd.Spec.Names.Kind + "List"})
	if err := c.live.List(ctx, objects, client.Limit(1)); err != nil {
		return false, fmt.Errorf("looking for objects of %s: %w", crd.Name, err)
	}
	return len(objects.Items) > 0, nil
}
