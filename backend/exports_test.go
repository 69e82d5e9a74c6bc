// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
)

// inSync waits until the condition ProviderInSync of an export has a reason; "" is True.
func inSync(t *testing.T, namespace, name, reason string) *kubebindv1alpha2.APIServiceExport {
	t.Helper()
	export := &kubebindv1alpha2.APIServiceExport{}
	eventually(t, fmt.Sprintf("export %s to be %q", name, reason), func(ctx context.Context) error {
		if err := admin(t).Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, export); err != nil {
			return err
		}
		c := kubebindv1alpha2.FindCondition(export.Status.Conditions, kubebindv1alpha2.ConditionProviderInSync)
		if c == nil || c.Reason != reason || (c.Status == metav1.ConditionTrue) != (reason == "") {
			return fmt.Errorf("its status is %+v", export.Status)
		}
		return nil
	})
	return export
}

// change edits a CRD.
func change(t *testing.T, a api, mod func(*apiextensionsv1.CustomResourceDefinition)) {
	t.Helper()
	eventually(t, "a change of the CRD", func(ctx context.Context) error {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := admin(t).Get(ctx, client.ObjectKey{Name: a.GroupResource().String()}, crd); err != nil {
			return err
		}
		mod(crd)
		return admin(t).Update(ctx, crd)
	})
}

func describe(text string) func(*apiextensionsv1.CustomResourceDefinition) {
	return func(crd *apiextensionsv1.CustomResourceDefinition) { crd.Spec.Versions[0].Schema = openSchema(text) }
}

// described fails unless the consumer's schema holds a text.
func described(c consumer, a api, text string) func(context.Context) error {
	return func(ctx context.Context) error {
		schema := &kubebindv1alpha2.BoundSchema{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: a.GroupResource().String()}, schema); err != nil {
			return err
		}
		if raw := string(schema.Spec.Versions[0].Schema.Raw); !strings.Contains(raw, text) {
			return fmt.Errorf("it does not say %q: %s", text, raw)
		}
		return nil
	}
}

// W30e: a schema follows its source if it should, whether the request that it came from is there or not.
func TestSchemaFollows(t *testing.T) {
	start(t)
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	always := newTemplate(t, "-always", func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) {
		s.SchemaUpdatePolicy = kubebindv1alpha2.SchemaUpdateAlways
	}, a)
	never1 := newTemplate(t, "-never", nil, a)
	requests := newNamespace(t, "-requests")
	following := bind(t, requests, "always", t.Name()+"1", always.Name)
	frozen := bind(t, requests, "never", t.Name()+"2", never1.Name)
	before := inSync(t, following.namespace, "always", "")
	if err := admin(t).Delete(t.Context(), get(t, admin(t), following.namespace, "always", &kubebindv1alpha2.APIServiceExportRequest{})); err != nil {
		t.Fatal(err)
	}

	change(t, a, describe("second"))
	eventually(t, "the schema to follow", described(following, a, "second"))
	eventually(t, "the export to say so", func(ctx context.Context) error {
		after := &kubebindv1alpha2.APIServiceExport{}
		if err := following.Get(ctx, client.ObjectKeyFromObject(before), after); err != nil {
			return err
		}
		if key := kubebindv1alpha2.SourceSpecHashAnnotation; after.Annotations[key] == before.Annotations[key] {
			return errors.New("the hash is the old one")
		}
		return nil
	})
	if err := described(frozen, a, "first")(t.Context()); err != nil {
		t.Errorf("the other schema: %v", err)
	}

	// A source that cannot be exported any more is said to be so; the consumer keeps what it has, and its rights.
	unlabelled := func(crd *apiextensionsv1.CustomResourceDefinition) {
		delete(crd.Labels, kubebindv1alpha2.ExportedLabel)
	}
	change(t, a, unlabelled)
	inSync(t, following.namespace, "always", kubebindv1alpha2.ReasonSchemaNotFound)
	if err := described(following, a, "second")(t.Context()); err != nil {
		t.Errorf("the schema of a source that is gone: %v", err)
	}
	inSync(t, frozen.namespace, "never", "")
	change(t, a, func(crd *apiextensionsv1.CustomResourceDefinition) {
		crd.Labels = map[string]string{kubebindv1alpha2.ExportedLabel: "true"}
		describe("third")(crd)
	})
	inSync(t, following.namespace, "always", "")
	eventually(t, "the schema to follow again", described(following, a, "third"))
}

// W30a: a request for what is there succeeds, and the same name for something else is refused.
func TestRequestForExistingExport(t *testing.T) {
	start(t)
	a, b := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped), newAPI(t, "melons", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", nil, a, b)
	c := bind(t, newNamespace(t, "-requests"), "fruit", t.Name(), template.Name)
	again := func(resources ...kubebindv1alpha2.ExportedResource) *kubebindv1alpha2.APIServiceExportRequest {
		old := get(t, admin(t), c.namespace, "fruit", &kubebindv1alpha2.APIServiceExportRequest{})
		if err := admin(t).Delete(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		return create(t, c.Client, &kubebindv1alpha2.APIServiceExportRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "fruit"},
			Spec:       kubebindv1alpha2.APIServiceExportRequestSpec{Resources: resources},
		})
	}
	answered(t, c, again(a.resource(), b.resource()), kubebindv1alpha2.PhaseSucceeded, "")
	answered(t, c, again(a.resource()), kubebindv1alpha2.PhaseFailed, kubebindv1alpha2.ReasonExportConflict)
	inSync(t, c.namespace, "fruit", "")
}

// W30b: two exports of a consumer share a schema, and it stays until the last of them is gone.
func TestSharedSchema(t *testing.T) {
	start(t)
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) {
		s.Namespaces = []kubebindv1alpha2.Namespace{{Name: "orchard"}}
	}, a)
	requests := newNamespace(t, "-requests")
	bind(t, requests, "first", t.Name(), template.Name)
	c := bind(t, requests, "second", t.Name(), template.Name)
	schema := &kubebindv1alpha2.BoundSchema{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: a.GroupResource().String()}}
	eventually(t, "the schema to have two owners", func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(schema), schema); err != nil {
			return err
		}
		if len(schema.OwnerReferences) != 2 || metav1.GetControllerOf(schema) != nil {
			return fmt.Errorf("they are %+v", schema.OwnerReferences)
		}
		return nil
	})
	ns := c.serviceNamespace(t, "garden")
	if err := admin(t).Delete(t.Context(), get(t, admin(t), c.namespace, "first", &kubebindv1alpha2.APIServiceExport{})); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the schema to have one owner", func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(schema), schema); err != nil {
			return err
		}
		if owner := metav1.GetControllerOf(schema); len(schema.OwnerReferences) != 1 || owner == nil || owner.Name != "second" {
			return fmt.Errorf("they are %+v", schema.OwnerReferences)
		}
		return nil
	})
	create(t, c.Client, a.object(ns, "x"))
}

// W30c: what is wrong with a request is in its conditions, and it goes on once that is mended.
func TestBlockedRequests(t *testing.T) {
	start(t)
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	tree := newAPI(t, "trees", apiextensionsv1.ClusterScoped)
	missing := a
	missing.Resource = "nuts"
	wanting := func(r ...kubebindv1alpha2.ExportedResource) func(*kubebindv1alpha2.APIServiceExportTemplateSpec) {
		return func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) { s.Resources = r }
	}
	requests := newNamespace(t, "-requests")
	for name, tc := range map[string]struct {
		resources []kubebindv1alpha2.ExportedResource
		reason    string
		says      string
		mend      func(t *testing.T)
	}{
		"version": {[]kubebindv1alpha2.ExportedResource{a.resource("v2")}, kubebindv1alpha2.ReasonVersionNotFound, "served are: v1", func(t *testing.T) {
			change(t, a, func(crd *apiextensionsv1.CustomResourceDefinition) {
				v2 := crd.Spec.Versions[0].DeepCopy()
				v2.Name, v2.Storage = "v2", false
				crd.Spec.Versions = append(crd.Spec.Versions, *v2)
			})
		}},
		"missing": {[]kubebindv1alpha2.ExportedResource{missing.resource()}, kubebindv1alpha2.ReasonSchemaNotFound, "kube-bind.io/exported=true", nil},
		"scope":   {[]kubebindv1alpha2.ExportedResource{tree.resource()}, kubebindv1alpha2.ReasonScopeNotSupported, "cluster-scoped", nil},
		"secrets": {[]kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}}}, kubebindv1alpha2.ReasonSchemaNotFound, "secrets", nil},
	} {
		t.Run(name, func(t *testing.T) {
			template := newTemplate(t, "", wanting(tc.resources...))
			request := create(t, admin(t), newRequest(requests, name, t.Name(), template.Name))
			finished(t, request, kubebindv1alpha2.PhasePending, kubebindv1alpha2.ReasonExportNotReady)
			inner := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Name: name}}
			eventually(t, "the place", func(ctx context.Context) error {
				inner.Namespace = get(t, admin(t), requests, name, request).Status.Namespace
				if inner.Namespace == "" {
					return errors.New("there is none")
				}
				return nil
			})
			answered(t, consumer{Client: admin(t)}, inner, kubebindv1alpha2.PhasePending, tc.reason)
			ready := kubebindv1alpha2.FindCondition(inner.Status.Conditions, kubebindv1alpha2.ConditionReady)
			if !strings.Contains(ready.Message, tc.says) {
				t.Errorf("the message is %q", ready.Message)
			}
			eventually(t, "the same on the request and in an Event", func(ctx context.Context) error {
				asked := get(t, admin(t), requests, name, request)
				if message := asked.Status.Conditions[0].Message; !strings.Contains(message, tc.reason) {
					return fmt.Errorf("the request says %q", message)
				}
				return warned(ctx, t, inner, tc.reason)
			})
			eventually(t, "the same on the template", func(ctx context.Context) error {
				c := kubebindv1alpha2.FindCondition(get(t, admin(t), "", template.Name, template).Status.Conditions, kubebindv1alpha2.ConditionReady)
				if c == nil || c.Reason != tc.reason {
					return fmt.Errorf("it says %+v", c)
				}
				return nil
			})
			if tc.mend != nil {
				tc.mend(t)
				finished(t, request, kubebindv1alpha2.PhaseSucceeded, kubebindv1alpha2.ReasonSecretReady)
			}
		})
	}
}

// Who waits for what a template offers by mistake gets what it offers once that is mended.
func TestMendedTemplate(t *testing.T) {
	start(t)
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) {
		s.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: a.Group, Resource: "mangoes"}}}
	})
	waiting := create(t, admin(t), newRequest(newNamespace(t, "-requests"), "fruit", t.Name(), template.Name))
	finished(t, waiting, kubebindv1alpha2.PhasePending, kubebindv1alpha2.ReasonExportNotReady)
	eventually(t, "the template to be mended", func(ctx context.Context) error {
		get(t, admin(t), "", template.Name, template).Spec.Resources = []kubebindv1alpha2.ExportedResource{a.resource()}
		return admin(t).Update(ctx, template)
	})
	finished(t, waiting, kubebindv1alpha2.PhaseSucceeded, kubebindv1alpha2.ReasonSecretReady)
}

// A request for both scopes at once.
func TestDifferentScopes(t *testing.T) {
	start(t, func(o *backend.Options) { o.ConsumerScope = kubebindv1alpha2.ClusterScope })
	a, tree := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped), newAPI(t, "trees", apiextensionsv1.ClusterScoped)
	template := newTemplate(t, "", nil, a, tree)
	eventually(t, "the template to be refused", func(ctx context.Context) error {
		c := kubebindv1alpha2.FindCondition(get(t, admin(t), "", template.Name, template).Status.Conditions, kubebindv1alpha2.ConditionResourcesFound)
		if c == nil || c.Reason != kubebindv1alpha2.ReasonDifferentScopes {
			return fmt.Errorf("it says %+v", c)
		}
		return nil
	})
	collection := create(t, admin(t), &kubebindv1alpha2.Collection{
		ObjectMeta: metav1.ObjectMeta{Name: unique(t)},
		Spec:       kubebindv1alpha2.CollectionSpec{Templates: []kubebindv1alpha2.TemplateReference{{Name: template.Name}}},
	})
	eventually(t, "the collection to say so", func(ctx context.Context) error {
		c := kubebindv1alpha2.FindCondition(get(t, admin(t), "", collection.Name, collection).Status.Conditions, kubebindv1alpha2.ConditionReady)
		if c == nil || c.Reason != kubebindv1alpha2.ReasonTemplateNotReady {
			return fmt.Errorf("it says %+v", c)
		}
		return nil
	})
}

// With isolation Namespaced a namespaced resource is cluster-scoped for the consumer.
func TestIsolationNamespaced(t *testing.T) {
	start(t, func(o *backend.Options) { o.Isolation = kubebindv1alpha2.IsolationNamespaced })
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	c := bind(t, newNamespace(t, "-requests"), "fruit", t.Name(), newTemplate(t, "", nil, a).Name)
	schema := get(t, c.Client, c.namespace, a.GroupResource().String(), &kubebindv1alpha2.BoundSchema{})
	if schema.Spec.Scope != apiextensionsv1.ClusterScoped {
		t.Errorf("the scope is %s", schema.Spec.Scope)
	}
	create(t, c.Client, a.object(c.namespace, "x"))
}
