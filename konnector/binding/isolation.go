// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/schema"
)

// carriedWith is the isolation by which copies of a resource's objects lie where they do; empty if there are none. Without objects here
// there are no copies to lose. That is asked only once nothing has been synced for the sake of another isolation: before, more could come.
func (c *Controller) carriedWith(ctx context.Context, f Facts, r ResourceFacts) (kubebindv1alpha2.Isolation, error) {
	i := slices.IndexFunc(f.Binding.Status.BoundSchemas, func(b kubebindv1alpha2.BoundSchemaReference) bool {
		return b.GroupResource.GroupResource() == r.Name.GroupResource()
	})
	if i < 0 || r.CRD == nil {
		return "", nil
	}
	r.Carried = f.Binding.Status.BoundSchemas[i].Isolation
	connected := kubebindv1alpha2.FindCondition(f.Binding.Status.Conditions, kubebindv1alpha2.ConditionConnected)
	if !misplaced(f, r) || connected == nil || connected.Reason != kubebindv1alpha2.ReasonIsolationChanged || !schema.Established(r.CRD) {
		return r.Carried, nil
	}
	some, err := c.carriesSome(ctx, held{crd: r.CRD, binding: f.Binding.Name, table: r.Table, shared: len(r.Table.Members) > 1})
	if err != nil || !some {
		return "", err
	}
	return r.Carried, nil
}

// carriesSome tells whether any object goes with the binding. An error is no answer: a CRD that the API server does not serve right now may
// have objects.
func (c *Controller) carriesSome(ctx context.Context, h held) (bool, error) {
	for next := ""; ; {
		objects, err := c.list(ctx, h.crd, client.Limit(objectsPage), client.Continue(next))
		if err != nil {
			return false, fmt.Errorf("looking for objects of %s: %w", h.crd.Name, err)
		}
		if slices.ContainsFunc(objects.Items, func(o metav1.PartialObjectMetadata) bool { return h.carries(&o) }) {
			return true, nil
		}
		if next = objects.Continue; next == "" {
			return false, nil
		}
	}
}

// misplaced says that copies of a resource's objects do not lie where the export's isolation has them: what lies there would be taken
// for leftovers of objects that are gone here, and be deleted, or never be looked at again.
func misplaced(f Facts, r ResourceFacts) bool {
	return r.Carried != "" && !withdrawn(f, r.Name) && r.Carried != f.Export.Spec.Isolation
}

// isolationOf is the isolation to remember of a resource. Namespaced objects lie where their APIServiceNamespace says, which stays.
func isolationOf(f Facts, r ResourceFacts) kubebindv1alpha2.Isolation {
	if r.Carried != "" || withdrawn(f, r.Name) || r.CRD.Spec.Scope == apiextensionsv1.NamespaceScoped {
		return r.Carried
	}
	return f.Export.Spec.Isolation
}

// remembersMore says that a status has isolations that the one before has not.
func remembersMore(before, after kubebindv1alpha2.APIServiceBindingStatus) bool {
	return slices.ContainsFunc(after.BoundSchemas, func(b kubebindv1alpha2.BoundSchemaReference) bool {
		return b.Isolation != "" && !slices.ContainsFunc(before.BoundSchemas, func(was kubebindv1alpha2.BoundSchemaReference) bool {
			return was.GroupResource.GroupResource() == b.GroupResource.GroupResource() && was.Isolation == b.Isolation
		})
	})
}

// misplacedResources is the message about all that is misplaced; empty if nothing is.
func misplacedResources(f Facts) string {
	var names, isolations []string
	for _, r := range f.Resources {
		if misplaced(f, r) {
			names = append(names, r.Name.ResourceGroupName())
			isolations = append(isolations, string(r.Carried))
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(isolations)
	was := strings.Join(slices.Compact(isolations), ", ")
	return fmt.Sprintf("Objects of %s were carried to the provider with isolation %s, and it has made the export again with %s, by which their copies "+
		"would lie elsewhere. Nothing of them is synced; they are kept, and can be deleted. Ask the provider to make the export again with %s. Or begin anew: "+
		"delete these objects, or this binding and bind again; the provider has to look after what the copies held.",
		strings.Join(names, ", "), was, f.Export.Spec.Isolation, was)
}
