// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

const widgets = "widgets.wildwest.dev"

const widgetCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.wildwest.dev, labels: {kube-bind.io/exported: "true"}}
spec:
  group: wildwest.dev
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {intent: {type: string}, size: {type: integer}}}
          status: {type: object, properties: {result: {type: string}}}
`

func widget(namespace, name string, modifiers ...expect.Modifier) *unstructured.Unstructured {
	o := expect.Cowboy(namespace, name, modifiers...)
	o.SetAPIVersion("wildwest.dev/v1")
	o.SetKind("Widget")
	return o
}

func offerWidgets(t *testing.T, p *pair.Pair, policy kubebindv1alpha2.SchemaUpdatePolicy) {
	t.Helper()
	expect.Create(t, p.Provider, parsed(t, widgetCRD))
	template := &kubebindv1alpha2.APIServiceExportTemplate{Spec: kubebindv1alpha2.APIServiceExportTemplateSpec{
		Scope: kubebindv1alpha2.NamespacedScope, SchemaUpdatePolicy: policy,
		Resources: []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "widgets"}}},
	}}
	template.Name = widgets
	expect.Create(t, p.Provider, template)
}

// changeCRD changes the CRD of widgets on one side.
func changeCRD(t *testing.T, side *pair.Side, change func(*apiextensionsv1.CustomResourceDefinition)) {
	t.Helper()
	expect.Eventually(t, "changing the CRD", func(ctx context.Context) error {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := side.Client.Get(ctx, client.ObjectKey{Name: widgets}, crd); err != nil {
			return err
		}
		stored := crd.Status.StoredVersions
		change(crd)
		if len(crd.Status.StoredVersions) != len(stored) {
			if err := side.Client.Status().Update(ctx, crd); err != nil {
				return err
			}
			change(crd)
		}
		return side.Client.Update(ctx, crd)
	})
}

// crdBecomes waits until the consumer's CRD is as wanted.
func crdBecomes(t *testing.T, p *pair.Pair, what string, is func(*apiextensionsv1.CustomResourceDefinition) bool) {
	t.Helper()
	expect.Eventually(t, "the consumer's CRD should get "+what, func(ctx context.Context) error {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := p.Consumer.Client.Get(ctx, client.ObjectKey{Name: widgets}, crd); err != nil {
			return err
		}
		if !is(crd) {
			return errors.New("it has not")
		}
		return nil
	})
}

func specOf(crd *apiextensionsv1.CustomResourceDefinition, version int) *apiextensionsv1.JSONSchemaProps {
	spec := crd.Spec.Versions[version].Schema.OpenAPIV3Schema.Properties["spec"]
	return &spec
}

func withSpec(crd *apiextensionsv1.CustomResourceDefinition, change func(*apiextensionsv1.JSONSchemaProps)) {
	for i := range crd.Spec.Versions {
		spec := specOf(crd, i)
		change(spec)
		crd.Spec.Versions[i].Schema.OpenAPIV3Schema.Properties["spec"] = *spec
	}
}

func addField(name, kind string) func(*apiextensionsv1.CustomResourceDefinition) {
	return func(crd *apiextensionsv1.CustomResourceDefinition) {
		withSpec(crd, func(s *apiextensionsv1.JSONSchemaProps) {
			s.Properties[name] = apiextensionsv1.JSONSchemaProps{Type: kind}
		})
	}
}

func addVersion(name string) func(*apiextensionsv1.CustomResourceDefinition) {
	return func(crd *apiextensionsv1.CustomResourceDefinition) {
		v := *crd.Spec.Versions[0].DeepCopy()
		v.Name, v.Storage = name, false
		crd.Spec.Versions = append([]apiextensionsv1.CustomResourceDefinitionVersion{v}, crd.Spec.Versions...)
	}
}

// syncs sees that a change of an object still arrives.
func syncs(t *testing.T, c claimable, name, intent string) {
	t.Helper()
	expect.Change(t, c.Consumer, widget("team", name), expect.Set(intent, "spec", "intent"))
	expect.Has(t, c.Provider, widget(c.there("team"), name), intent, "spec", "intent")
}

// takes sets a field that the consumer's API server has just learnt of: until its handlers know as well, it drops it.
func takes(t *testing.T, c claimable, like *unstructured.Unstructured, value string, path ...string) {
	t.Helper()
	expect.Eventually(t, "the consumer should take "+strings.Join(path, "."), func(ctx context.Context) error {
		o, err := expect.Get(ctx, c.Consumer, like)
		if err != nil {
			return err
		}
		expect.Set(value, path...)(o)
		if err := c.Consumer.Client.Update(ctx, o, client.FieldOwner(pair.FieldManager)); err != nil {
			return err
		}
		if got, _, err := unstructured.NestedString(o.Object, path...); got != value {
			return errors.Join(err, errors.New("it has dropped it"))
		}
		return nil
	})
}

// With policy Always two consumers of one provider follow for as long as the export lives, as far as their objects are safe.
func TestSchemaFollows(t *testing.T) {
	t.Parallel()
	for name, scope := range scopes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := pair.Start(t.Context(), pair.Options{
				LogDir: t.TempDir(), BackendArgs: []string{"--consumer-scope=" + scope}, Audit: true, Bin: world.Bin(), Beside: world.Pair, Install: installed(),
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := p.Stop(); err != nil {
					t.Error(err)
				}
			})
			offerWidgets(t, p, kubebindv1alpha2.SchemaUpdateAlways)
			c := claimable{Pair: p, place: bind(t, p, widgets)}
			// W30e: the request is not what drives it.
			request := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Namespace: c.place.Namespace, Name: widgets}}
			expect.Delete(t, p.Provider, request)
			expect.Gone(t, p.Provider, request)
			n := second(t, p)
			for _, one := range []claimable{c, n} {
				expect.Namespace(t, one.Consumer, "team")
				expect.Create(t, one.Consumer, widget("team", "one"))
				syncs(t, one, "one", "first")
			}

			begun := widgetReads(t, p)
			if len(begun) == 0 {
				t.Fatal("no konnector has read the widgets")
			}
			changeCRD(t, p.Provider, addVersion("v2"))
			for _, one := range []claimable{c, n} {
				crdBecomes(t, one.Pair, "a new version", func(crd *apiextensionsv1.CustomResourceDefinition) bool { return len(crd.Spec.Versions) == 2 })
				newer := widget("team", "second", expect.Set("new", "spec", "intent"))
				newer.SetAPIVersion("wildwest.dev/v2")
				expect.Eventually(t, "the new version should be served", func(ctx context.Context) error {
					return client.IgnoreAlreadyExists(one.Consumer.Client.Create(ctx, newer))
				})
				expect.Has(t, one.Provider, widget(one.there("team"), "second"), "new", "spec", "intent")
				syncs(t, one, "one", "again")
			}
			// A kcp serves a changed schema as another API, and has those who watch begin anew.
			if again := widgetReads(t, p); world.Kind() == pair.Kubernetes && len(again) != len(begun) {
				t.Errorf("the syncer was restarted: it has read everything %d times, then %d: %+v", len(begun), len(again), again)
			}

			changeCRD(t, p.Provider, addField("colour", "string"))
			for one, colour := range map[claimable]string{c: "blue", n: "green"} {
				crdBecomes(t, one.Pair, "a new field", func(crd *apiextensionsv1.CustomResourceDefinition) bool {
					_, has := specOf(crd, 0).Properties["colour"]
					return has
				})
				takes(t, one, widget("team", "one"), colour, "spec", "colour")
				expect.Has(t, one.Provider, widget(one.there("team"), "one"), colour, "spec", "colour")
				syncs(t, one, "second", "coloured")
			}
			t.Run("what breaks is not applied", func(t *testing.T) { schemaBreaks(t, c) })
			t.Run("W40 what is edited here is put back", func(t *testing.T) { schemaDrift(t, c) })
			t.Run("W38 the version is no longer served", func(t *testing.T) { schemaMoves(t, c) })
		})
	}
}

// widgetReads are when konnectors began to read all widgets: a list, or a watch that begins with what is there. A watch that an
// API server ended, as it may some time after a CRD was changed, goes on where it was.
func widgetReads(t *testing.T, p *pair.Pair) []pair.AuditEvent {
	t.Helper()
	return slices.DeleteFunc(konnectorReads(t, p.Provider), func(e pair.AuditEvent) bool {
		begins := e.Verb == "list" || e.Stage == "ResponseStarted" && strings.Contains(e.RequestURI, "sendInitialEvents=true")
		return e.ObjectRef.Resource != "widgets" || !begins
	})
}

// second is another consumer of widgets.
func second(t *testing.T, p *pair.Pair) claimable {
	t.Helper()
	n, err := p.Neighbour(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return claimable{Pair: n, place: bind(t, n, widgets)}
}

func schemaBreaks(t *testing.T, c claimable) {
	expect.Create(t, c.Consumer, widget("team", "sized", expect.Set(int64(1), "spec", "size")))
	for _, tc := range []struct {
		path string
		// object is one that the provider still takes.
		object        string
		breaks, mends func(*apiextensionsv1.JSONSchemaProps)
	}{
		{
			`spec.versions[v1].schema.openAPIV3Schema.properties[spec].required: "size" is added, and has no default`, "sized",
			func(s *apiextensionsv1.JSONSchemaProps) { s.Required = []string{"size"} },
			func(s *apiextensionsv1.JSONSchemaProps) { s.Required = nil },
		},
		{
			`properties[spec].properties[intent].maxLength: becomes 3`, "one",
			func(s *apiextensionsv1.JSONSchemaProps) {
				three := int64(3)
				s.Properties["intent"] = apiextensionsv1.JSONSchemaProps{Type: "string", MaxLength: &three}
			},
			func(s *apiextensionsv1.JSONSchemaProps) {
				s.Properties["intent"] = apiextensionsv1.JSONSchemaProps{Type: "string"}
			},
		},
		{
			`properties[spec].properties[size].type: changes from "integer" to "string"`, "one",
			func(s *apiextensionsv1.JSONSchemaProps) {
				s.Properties["size"] = apiextensionsv1.JSONSchemaProps{Type: "string"}
			},
			func(s *apiextensionsv1.JSONSchemaProps) {
				s.Properties["size"] = apiextensionsv1.JSONSchemaProps{Type: "integer"}
			},
		},
	} {
		changeCRD(t, c.Provider, func(crd *apiextensionsv1.CustomResourceDefinition) { withSpec(crd, tc.breaks) })
		b := binds(t, c, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonSchemaIncompatible, tc.path)
		if !kubebindv1alpha2.IsTrue(b.Status.Conditions, kubebindv1alpha2.ConditionConnected) {
			t.Errorf("the binding is not connected: %+v", b.Status.Conditions)
		}
		exportSays(t, c, kubebindv1alpha2.ConditionConsumerInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonSchemaIncompatible, tc.path)
		syncs(t, c, tc.object, "ok")
		syncs(t, c, tc.object, "go")
		changeCRD(t, c.Provider, func(crd *apiextensionsv1.CustomResourceDefinition) { withSpec(crd, tc.mends) })
		binds(t, c, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionTrue, "", "")
	}
}

// binds waits for a condition of the binding of widgets, with a text in its message.
func binds(t *testing.T, c claimable, conditionType string, status metav1.ConditionStatus, reason, message string) *kubebindv1alpha2.APIServiceBinding {
	t.Helper()
	b := &kubebindv1alpha2.APIServiceBinding{}
	expect.Eventually(t, "the binding should say "+reason, func(ctx context.Context) error {
		if err := c.Consumer.Client.Get(ctx, client.ObjectKey{Name: widgets}, b); err != nil {
			return err
		}
		is := kubebindv1alpha2.FindCondition(b.Status.Conditions, conditionType)
		if is == nil || is.Status != status || is.Reason != reason || !strings.Contains(is.Message, message) {
			return fmt.Errorf("it says %+v", is)
		}
		return nil
	})
	return b
}

func schemaDrift(t *testing.T, c claimable) {
	changeCRD(t, c.Consumer, func(crd *apiextensionsv1.CustomResourceDefinition) {
		withSpec(crd, func(s *apiextensionsv1.JSONSchemaProps) { delete(s.Properties, "size") })
	})
	crdBecomes(t, c.Pair, "the field back", func(crd *apiextensionsv1.CustomResourceDefinition) bool {
		_, has := specOf(crd, 0).Properties["size"]
		return has
	})
	syncs(t, c, "one", "put back")
}

// The version that is synced goes: first it is not served any more, which objects survive; removing it while the consumer
// may have objects stored in it is refused.
func schemaMoves(t *testing.T, c claimable) {
	changeCRD(t, c.Provider, func(crd *apiextensionsv1.CustomResourceDefinition) {
		for i := range crd.Spec.Versions {
			v := &crd.Spec.Versions[i]
			v.Storage, v.Served = v.Name == "v2", v.Name == "v2"
		}
	})
	crdBecomes(t, c.Pair, "v2 only", func(crd *apiextensionsv1.CustomResourceDefinition) bool { return !crd.Spec.Versions[1].Served })
	inV2 := func(o *unstructured.Unstructured) *unstructured.Unstructured {
		o.SetAPIVersion("wildwest.dev/v2")
		return o
	}
	expect.Change(t, c.Consumer, inV2(widget("team", "one")), expect.Set("moved", "spec", "intent"))
	expect.Has(t, c.Provider, inV2(widget(c.there("team"), "one")), "moved", "spec", "intent")

	changeCRD(t, c.Provider, func(crd *apiextensionsv1.CustomResourceDefinition) {
		crd.Status.StoredVersions = []string{"v2"}
		crd.Spec.Versions = crd.Spec.Versions[:1]
	})
	binds(t, c, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonSchemaIncompatible,
		"spec.versions[v1]: is removed while objects may be stored in it")
	expect.Change(t, c.Consumer, inV2(widget("team", "one")), expect.Set("still", "spec", "intent"))
	expect.Has(t, c.Provider, inV2(widget(c.there("team"), "one")), "still", "spec", "intent")

	// Once all objects were written anew, the consumer's administrator says so, as for any CRD.
	expect.Eventually(t, "nothing should be stored in v1", func(ctx context.Context) error {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := c.Consumer.Client.Get(ctx, client.ObjectKey{Name: widgets}, crd); err != nil {
			return err
		}
		crd.Status.StoredVersions = []string{"v2"}
		return c.Consumer.Client.Status().Update(ctx, crd)
	})
	binds(t, c, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionTrue, "", "")
	crdBecomes(t, c.Pair, "rid of v1", func(crd *apiextensionsv1.CustomResourceDefinition) bool { return len(crd.Spec.Versions) == 1 })
}

// With policy Never the schema is that of the binding's beginning.
func TestSchemaNever(t *testing.T) {
	t.Parallel()
	p := start(t)
	offerWidgets(t, p, kubebindv1alpha2.SchemaUpdateNever)
	c := claimable{Pair: p, place: bind(t, p, widgets)}
	expect.Namespace(t, p.Consumer, "team")
	expect.Create(t, p.Consumer, widget("team", "one"))
	changeCRD(t, p.Provider, addField("colour", "string"))
	changeCRD(t, p.Provider, addVersion("v2"))
	expect.Never(t, "the schema is pinned", func(ctx context.Context) error {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := p.Consumer.Client.Get(ctx, client.ObjectKey{Name: widgets}, crd); err != nil {
			return err
		}
		if _, has := specOf(crd, 0).Properties["colour"]; has || len(crd.Spec.Versions) != 1 {
			return errors.New("it has changed")
		}
		return nil
	})
	syncs(t, c, "one", "on")
	binds(t, c, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionTrue, "", "")
}
