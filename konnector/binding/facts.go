// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
	"kube-bind.io/kube-bind/konnector/schema"
)

// gather reads what is known of a binding. It changes nothing; an error means that something is not known.
func (c *Controller) gather(ctx context.Context, binding *kubebindv1alpha2.APIServiceBinding, conn *connection.Connection) (Facts, *connection.Session, error) {
	f := Facts{Binding: binding, Now: time.Now()}
	session, problem := conn.State()
	if session == nil {
		f.Secret = problem
		return f, nil, nil
	}
	f.Health = session.Health()
	f.Progress = session.Progress(binding.Name)
	var err error
	if f.Lacks, err = c.lacks(ctx, binding, f.Progress); err != nil || !f.Health.Synced {
		return f, session, err
	}
	if removed(f) {
		// What is still to be seen of the export is on its way out.
		f.Resources, err = c.resources(ctx, f, session)
		return f, session, err
	}
	key := client.ObjectKey{Namespace: session.Namespace, Name: binding.Export()}
	if f.Export, err = get(ctx, session.Reader, key, &kubebindv1alpha2.APIServiceExport{}); err != nil {
		return f, session, err
	}
	if f.Request, err = get(ctx, session.Reader, key, &kubebindv1alpha2.APIServiceExportRequest{}); err != nil {
		return f, session, err
	}
	f.Resources, err = c.resources(ctx, f, session)
	return f, session, err
}

func (c *Controller) resources(ctx context.Context, f Facts, session *connection.Session) ([]ResourceFacts, error) {
	var out []ResourceFacts
	for _, name := range resourceNames(f) {
		r, err := c.resource(ctx, f, session, name)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (c *Controller) resource(ctx context.Context, f Facts, session *connection.Session, name kubebindv1alpha2.GroupResource) (ResourceFacts, error) {
	r := ResourceFacts{Name: name}
	have, err := get(ctx, c.live, client.ObjectKey{Name: name.Resource + "." + name.Group}, &apiextensionsv1.CustomResourceDefinition{})
	if err != nil {
		return r, err
	}
	bindings, err := c.bindings(ctx, have)
	if err != nil {
		return r, err
	}
	r.CRD, r.Table = schema.Ours(have, f.Binding), tableOf(members(have, name, bindings))
	if r.Carried, err = c.carriedWith(ctx, f, r); err != nil {
		return r, err
	}
	if withdrawn(f, name) {
		return r, nil
	}
	key := client.ObjectKey{Namespace: session.Namespace, Name: name.ResourceGroupName()}
	if r.Bound, err = get(ctx, session.Reader, key, &kubebindv1alpha2.BoundSchema{}); err != nil {
		return r, err
	}
	r.Step = planSchema(r, have, f.Binding, schema.Owners(have, bindings))
	return r, nil
}

// resourceNames are those of the export, once it is ready, and those that the binding has brought and the export has not any more:
// their objects are still here.
func resourceNames(f Facts) []kubebindv1alpha2.GroupResource {
	var out []kubebindv1alpha2.GroupResource
	if f.Export != nil && (providerReady(f.Export) || len(f.Binding.Status.BoundSchemas) > 0) {
		for _, r := range f.Export.Spec.Resources {
			out = append(out, r.GroupResource)
		}
	}
	for _, r := range f.Binding.Status.BoundSchemas {
		if withdrawn(f, r.GroupResource) {
			out = append(out, r.GroupResource)
		}
	}
	return out
}

// planSchema refuses a schema that is not the one the export names: the resource that is synced must be the one that
// was agreed upon (W2).
func planSchema(r ResourceFacts, have *apiextensionsv1.CustomResourceDefinition, binding *kubebindv1alpha2.APIServiceBinding,
	owners []*kubebindv1alpha2.APIServiceBinding) schema.Step {
	if r.Bound == nil {
		return schema.Step{}
	}
	if r.Bound.Spec.Group != r.Name.Group || r.Bound.Spec.Names.Plural != r.Name.Resource {
		return schema.Step{Verdict: schema.Invalid, Message: fmt.Sprintf("The provider's schema %s is for %s.%s.",
			r.Bound.Name, r.Bound.Spec.Names.Plural, r.Bound.Spec.Group)}
	}
	return schema.Plan(r.Bound, have, binding, owners)
}

// get returns nil for an object that is absent.
func get[T client.Object](ctx context.Context, reader client.Reader, key client.ObjectKey, into T) (T, error) {
	var none T
	err := reader.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("reading %T %s: %w", into, key, err)
	}
	return into, nil
}
