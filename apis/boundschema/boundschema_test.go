// SPDX-License-Identifier: Apache-2.0

package boundschema_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"kube-bind.io/kube-bind/apis/boundschema"
	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

type modifier func(*apiextensionsv1.CustomResourceDefinition)

// cowboys is a namespaced CRD with the served and stored version v1.
func cowboys(modifiers ...modifier) *apiextensionsv1.CustomResourceDefinition {
	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "cowboys.wildwest.dev"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "wildwest.dev", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "cowboys", Kind: "Cowboy"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{
				version("v1", true, true),
			},
		},
	}
	for _, m := range modifiers {
		m(crd)
	}
	return crd
}

func version(name string, served, storage bool) apiextensionsv1.CustomResourceDefinitionVersion {
	return apiextensionsv1.CustomResourceDefinitionVersion{
		Name: name, Served: served, Storage: storage,
		Schema: &apiextensionsv1.CustomResourceValidation{
			OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", Description: name + " <&>"},
		},
	}
}

func versions(v ...apiextensionsv1.CustomResourceDefinitionVersion) modifier {
	return func(crd *apiextensionsv1.CustomResourceDefinition) { crd.Spec.Versions = v }
}

func clusterScoped(crd *apiextensionsv1.CustomResourceDefinition) {
	crd.Spec.Scope = apiextensionsv1.ClusterScoped
}

func group(g string) modifier {
	return func(crd *apiextensionsv1.CustomResourceDefinition) {
		crd.Spec.Group, crd.Name = g, crd.Spec.Names.Plural+"."+g
	}
}

func approval(text string) modifier {
	return func(crd *apiextensionsv1.CustomResourceDefinition) {
		crd.Annotations = map[string]string{apiextensionsv1.KubeAPIApprovedAnnotation: text}
	}
}

func condition(t apiextensionsv1.CustomResourceDefinitionConditionType, s apiextensionsv1.ConditionStatus) modifier {
	return func(crd *apiextensionsv1.CustomResourceDefinition) {
		crd.Status.Conditions = append(crd.Status.Conditions,
			apiextensionsv1.CustomResourceDefinitionCondition{Type: t, Status: s, Message: "because"})
	}
}

func webhook(c *apiextensionsv1.WebhookClientConfig) modifier {
	return func(crd *apiextensionsv1.CustomResourceDefinition) {
		crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{
			Strategy: apiextensionsv1.WebhookConverter,
			Webhook:  &apiextensionsv1.WebhookConversion{ClientConfig: c, ConversionReviewVersions: []string{"v1"}},
		}
	}
}

func TestFromCRDRefuses(t *testing.T) {
	two := versions(version("v1", true, true), version("v2", true, false))
	address := "https://convert.example.com/"
	for _, tc := range []struct {
		name    string
		crd     *apiextensionsv1.CustomResourceDefinition
		options boundschema.Options
		reason  string
		message string
	}{
		{"no version at all", cowboys(versions()), boundschema.Options{}, "SchemaInvalid", "no version is served"},
		{"no served version", cowboys(versions(version("v1", false, true))), boundschema.Options{}, "SchemaInvalid", "no version is served"},
		{"unknown version", cowboys(two), boundschema.Options{Versions: []string{"v1", "v9"}}, "VersionNotFound", "version v9 is not served; served are: v1, v2"},
		{"unserved version", cowboys(versions(version("v1", true, true), version("v2", false, false))), boundschema.Options{Versions: []string{"v2"}}, "VersionNotFound", "served are: v1"},
		{"version twice", cowboys(versions(version("v1", true, true), version("v1", true, false))), boundschema.Options{}, "SchemaInvalid", "twice"},
		{"two stored versions", cowboys(versions(version("v1", true, true), version("v2", true, true))), boundschema.Options{}, "SchemaInvalid", "exactly one"},
		{"no stored version", cowboys(versions(version("v1", true, false))), boundschema.Options{}, "SchemaInvalid", "exactly one"},
		{"version name", cowboys(versions(version("stable", true, true))), boundschema.Options{}, "SchemaInvalid", `"stable"`},
		{"no schema", cowboys(func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Versions[0].Schema = nil }), boundschema.Options{}, "SchemaInvalid", "no schema"},
		{"cluster-scoped, isolation Namespaced", cowboys(clusterScoped), boundschema.Options{Isolation: kubebindv1alpha2.IsolationNamespaced}, "ScopeNotSupported", "isolation Namespaced"},
		{"cluster-scoped, informer scope Namespaced", cowboys(clusterScoped), boundschema.Options{InformerScope: kubebindv1alpha2.NamespacedScope}, "ScopeNotSupported", "informer scope Namespaced"},
		{"scope", cowboys(func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Scope = "Galaxy" }), boundschema.Options{}, "SchemaInvalid", "Galaxy"},
		{"group of the core", cowboys(group("")), boundschema.Options{}, "SchemaInvalid", "Kubernetes itself"},
		{"group without a dot", cowboys(group("apps")), boundschema.Options{}, "SchemaInvalid", "Kubernetes itself"},
		{"group of RBAC, approved", cowboys(group("rbac.authorization.k8s.io"), approval("https://example.com/1")), boundschema.Options{}, "SchemaInvalid", "Kubernetes itself"},
		{"group of kube-bind", cowboys(group("kube-bind.io")), boundschema.Options{}, "SchemaInvalid", "kube-bind itself"},
		{"group below kube-bind", cowboys(group("x.kube-bind.io")), boundschema.Options{}, "SchemaInvalid", "kube-bind itself"},
		{"protected group, not approved", cowboys(group("x.k8s.io")), boundschema.Options{}, "SchemaInvalid", "protected"},
		{"protected group, approved by a word", cowboys(group("x.kubernetes.io"), approval("yes")), boundschema.Options{}, "SchemaInvalid", "protected"},
		{"group name", cowboys(group("Wild_West.dev")), boundschema.Options{}, "SchemaInvalid", "Wild_West.dev"},
		{"plural", cowboys(func(c *apiextensionsv1.CustomResourceDefinition) {
			c.Spec.Names.Plural, c.Name = "Cow Boys", "Cow Boys.wildwest.dev"
		}), boundschema.Options{}, "SchemaInvalid", "names.plural"},
		{"kind", cowboys(func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Names.Kind = "Cow/Boy" }), boundschema.Options{}, "SchemaInvalid", "names."},
		{"short name", cowboys(func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Names.ShortNames = []string{"C"} }), boundschema.Options{}, "SchemaInvalid", `"C"`},
		{"named like another", cowboys(func(c *apiextensionsv1.CustomResourceDefinition) { c.Name = "x" }), boundschema.Options{}, "SchemaInvalid", `named "x"`},
		{"being deleted", cowboys(func(c *apiextensionsv1.CustomResourceDefinition) {
			c.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
		}), boundschema.Options{}, "SchemaInvalid", "being deleted"},
		{"names not accepted", cowboys(condition(apiextensionsv1.NamesAccepted, apiextensionsv1.ConditionFalse)), boundschema.Options{}, "SchemaInvalid", "because"},
		{"not structural", cowboys(condition(apiextensionsv1.NonStructuralSchema, apiextensionsv1.ConditionTrue)), boundschema.Options{}, "SchemaInvalid", "because"},
		{"approval policy", cowboys(condition(apiextensionsv1.KubernetesAPIApprovalPolicyConformant, apiextensionsv1.ConditionFalse)), boundschema.Options{}, "SchemaInvalid", "because"},
		{"preserveUnknownFields", cowboys(func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.PreserveUnknownFields = true }), boundschema.Options{}, "SchemaInvalid", "preserveUnknownFields"},
		{"webhook that is a service", cowboys(two, webhook(&apiextensionsv1.WebhookClientConfig{Service: &apiextensionsv1.ServiceReference{Name: "s"}})), boundschema.Options{Versions: []string{"v2"}}, "SchemaInvalid", "only its storage version v1 could be offered"},
		{"webhook, storage version not served", cowboys(versions(version("v1", false, true), version("v2", true, false)), webhook(nil)), boundschema.Options{}, "SchemaInvalid", "is not served"},
		{"W15 webhook with a URL", cowboys(two, webhook(&apiextensionsv1.WebhookClientConfig{URL: &address})), boundschema.Options{Versions: []string{"v2"}}, "SchemaInvalid", "call no webhook"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bound, err := boundschema.FromCRD(tc.crd, tc.options)
			var refused *boundschema.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, %v, want a RefusedError", bound, err)
			}
			if refused.Reason != tc.reason || !strings.Contains(refused.Message, tc.message) {
				t.Errorf("got %s: %s, want %s: …%s…", refused.Reason, refused.Message, tc.reason, tc.message)
			}
			if !strings.HasPrefix(err.Error(), tc.crd.Spec.Names.Plural) {
				t.Errorf("%q does not name the resource", err)
			}
		})
	}
}

func TestFromCRDAccepts(t *testing.T) {
	two := versions(version("v1", true, true), version("v2", true, false))
	type want struct {
		scope      apiextensionsv1.ResourceScope
		names      []string
		stored     string
		conversion apiextensionsv1.ConversionStrategyType
	}
	for _, tc := range []struct {
		name    string
		crd     *apiextensionsv1.CustomResourceDefinition
		options boundschema.Options
		want    want
	}{
		{"plain", cowboys(), boundschema.Options{}, want{"Namespaced", []string{"v1"}, "v1", ""}},
		{"isolation Namespaced", cowboys(), boundschema.Options{Isolation: kubebindv1alpha2.IsolationNamespaced}, want{"Cluster", []string{"v1"}, "v1", ""}},
		{"isolation None", cowboys(), boundschema.Options{Isolation: kubebindv1alpha2.IsolationNone}, want{"Namespaced", []string{"v1"}, "v1", ""}},
		{"informer scope Namespaced", cowboys(), boundschema.Options{InformerScope: kubebindv1alpha2.NamespacedScope}, want{"Namespaced", []string{"v1"}, "v1", ""}},
		{"cluster-scoped", cowboys(clusterScoped), boundschema.Options{InformerScope: kubebindv1alpha2.ClusterScope, Isolation: kubebindv1alpha2.IsolationPrefixed}, want{"Cluster", []string{"v1"}, "v1", ""}},
		{"all versions", cowboys(two), boundschema.Options{}, want{"Namespaced", []string{"v1", "v2"}, "v1", "None"}},
		{"unserved versions come along", cowboys(versions(version("v1", false, true), version("v2", true, false))), boundschema.Options{}, want{"Namespaced", []string{"v1", "v2"}, "v1", "None"}},
		{"stored version asked for", cowboys(two), boundschema.Options{Versions: []string{"v1"}}, want{"Namespaced", []string{"v1"}, "v1", ""}},
		{"stored version not asked for", cowboys(two), boundschema.Options{Versions: []string{"v2"}}, want{"Namespaced", []string{"v2"}, "v2", ""}},
		{
			"most stable version is stored", cowboys(versions(version("v1", true, true), version("v2beta1", true, false), version("v2", true, false), version("v3alpha1", true, false))),
			boundschema.Options{Versions: []string{"v3alpha1", "v2", "v2beta1"}}, want{"Namespaced", []string{"v2beta1", "v2", "v3alpha1"}, "v2", "None"},
		},
		{"service webhook nobody needs", cowboys(two, webhook(&apiextensionsv1.WebhookClientConfig{Service: &apiextensionsv1.ServiceReference{Name: "s"}})), boundschema.Options{Versions: []string{"v1"}}, want{"Namespaced", []string{"v1"}, "v1", ""}},
		{"webhook with a single version", cowboys(webhook(nil)), boundschema.Options{}, want{"Namespaced", []string{"v1"}, "v1", ""}},
		{"protected group with its approval", cowboys(group("gateway.networking.k8s.io"), approval("https://example.com/1")), boundschema.Options{}, want{"Namespaced", []string{"v1"}, "v1", ""}},
		{"protected group, openly unapproved", cowboys(group("x.k8s.io"), approval("unapproved, experimental")), boundschema.Options{}, want{"Namespaced", []string{"v1"}, "v1", ""}},
		{"group that only sounds like ours", cowboys(group("not-kube-bind.io")), boundschema.Options{}, want{"Namespaced", []string{"v1"}, "v1", ""}},
		{"served by the provider", cowboys(condition(apiextensionsv1.NamesAccepted, apiextensionsv1.ConditionTrue), condition(apiextensionsv1.Established, apiextensionsv1.ConditionTrue)), boundschema.Options{}, want{"Namespaced", []string{"v1"}, "v1", ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := tc.crd.DeepCopy()
			bound, err := boundschema.FromCRD(tc.crd, tc.options)
			if err != nil {
				t.Fatal(err)
			}
			got := want{scope: bound.Spec.Scope}
			for _, v := range bound.Spec.Versions {
				got.names = append(got.names, v.Name)
				if v.Storage {
					got.stored += v.Name
				}
			}
			if bound.Spec.Conversion != nil {
				got.conversion = bound.Spec.Conversion.Strategy
			}
			if got.scope != tc.want.scope || !slices.Equal(got.names, tc.want.names) || got.stored != tc.want.stored || got.conversion != tc.want.conversion {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if bound.Spec.InformerScope != tc.options.InformerScope {
				t.Errorf("informer scope is %q", bound.Spec.InformerScope)
			}
			checkInstallable(t, bound, tc.want.conversion)
			if same, err := boundschema.SameSpec(before, tc.crd); err != nil || !same {
				t.Errorf("the source was changed (%v)", err)
			}
		})
	}
}

func checkInstallable(t *testing.T, bound *kubebindv1alpha2.BoundSchema, strategy apiextensionsv1.ConversionStrategyType) {
	t.Helper()
	crd, err := boundschema.ToCRD(bound)
	if err != nil {
		t.Fatalf("the consumer refuses what the provider gave: %v", err)
	}
	if crd.Name != bound.Name {
		t.Errorf("CRD %q of BoundSchema %q", crd.Name, bound.Name)
	}
	if strategy == "" {
		strategy = apiextensionsv1.NoneConverter
	}
	if crd.Spec.Conversion.Strategy != strategy {
		t.Errorf("conversion is %v, want %s", crd.Spec.Conversion, strategy)
	}
}

func TestSchemasAreNotEscaped(t *testing.T) {
	bound, err := boundschema.FromCRD(cowboys(), boundschema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"openAPIV3Schema":{"description":"v1 <&>","type":"object"}}`
	if got := string(bound.Spec.Versions[0].Schema.Raw); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestColumnsOfOneName(t *testing.T) {
	crd := cowboys(func(c *apiextensionsv1.CustomResourceDefinition) {
		c.Spec.Versions[0].AdditionalPrinterColumns = []apiextensionsv1.CustomResourceColumnDefinition{
			{Name: "A", Type: "string", JSONPath: ".a"}, {Name: "B", Type: "string", JSONPath: ".b"}, {Name: "A", Type: "string", JSONPath: ".c"},
		}
	})
	bound, err := boundschema.FromCRD(crd, boundschema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	columns := bound.Spec.Versions[0].AdditionalPrinterColumns
	if len(columns) != 2 || columns[0].JSONPath != ".a" || columns[1].Name != "B" {
		t.Errorf("got %v", columns)
	}
}

func TestToCRDReadsBareSchemas(t *testing.T) {
	bound, err := boundschema.FromCRD(cowboys(), boundschema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bare := bound.DeepCopy()
	bare.Spec.Versions[0].Schema = runtime.RawExtension{Raw: []byte(`{"type":"object","description":"v1 <&>"}`)}
	want, err := boundschema.ToCRD(bound)
	if err != nil {
		t.Fatal(err)
	}
	got, err := boundschema.ToCRD(bare)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := boundschema.SameSpec(want, got); err != nil || !same {
		t.Errorf("the bare schema makes another CRD (%v)", err)
	}
}

func TestToCRDRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(*kubebindv1alpha2.BoundSchema)
		message string
	}{
		{"the group of secrets", func(b *kubebindv1alpha2.BoundSchema) { b.Spec.Group, b.Spec.Names.Plural = "", "secrets" }, "Kubernetes itself"},
		{"the group of kube-bind", func(b *kubebindv1alpha2.BoundSchema) { b.Spec.Group = "kube-bind.io" }, "kube-bind itself"},
		{"a protected group without approval", func(b *kubebindv1alpha2.BoundSchema) { b.Spec.Group = "x.k8s.io" }, "protected"},
		{"no JSON", func(b *kubebindv1alpha2.BoundSchema) { b.Spec.Versions[0].Schema.Raw = []byte("type: object") }, "schema of version v1"},
		{"no schema", func(b *kubebindv1alpha2.BoundSchema) { b.Spec.Versions[0].Schema.Raw = nil }, "schema of version v1"},
		{"an empty schema", func(b *kubebindv1alpha2.BoundSchema) { b.Spec.Versions[0].Schema.Raw = []byte(`{}`) }, "no type"},
		{"a null schema", func(b *kubebindv1alpha2.BoundSchema) { b.Spec.Versions[0].Schema.Raw = []byte(`null`) }, "no type"},
		{"a schema of wrong types", func(b *kubebindv1alpha2.BoundSchema) { b.Spec.Versions[0].Schema.Raw = []byte(`{"type":3}`) }, "schema of version v1"},
		{"W15 a webhook", func(b *kubebindv1alpha2.BoundSchema) {
			b.Spec.Conversion = &kubebindv1alpha2.BoundSchemaConversion{Strategy: "Webhook", Webhook: &kubebindv1alpha2.BoundSchemaWebhook{}}
		}, "conversion strategy"},
		{"a webhook beside strategy None", func(b *kubebindv1alpha2.BoundSchema) {
			b.Spec.Conversion = &kubebindv1alpha2.BoundSchemaConversion{Strategy: "None", Webhook: &kubebindv1alpha2.BoundSchemaWebhook{}}
		}, "conversion strategy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bound, err := boundschema.FromCRD(cowboys(), boundschema.Options{})
			if err != nil {
				t.Fatal(err)
			}
			tc.change(bound)
			crd, err := boundschema.ToCRD(bound)
			var refused *boundschema.RefusedError
			if !errors.As(err, &refused) || refused.Reason != kubebindv1alpha2.ReasonSchemaInvalid || !strings.Contains(refused.Message, tc.message) {
				t.Errorf("got %v, %v, want a RefusedError with …%s…", crd, err, tc.message)
			}
		})
	}
}

func TestHashDiffers(t *testing.T) {
	seen := map[string]string{}
	for name, crd := range map[string]*apiextensionsv1.CustomResourceDefinition{
		"plain": cowboys(),
		"description": cowboys(func(c *apiextensionsv1.CustomResourceDefinition) {
			c.Spec.Versions[0].Schema.OpenAPIV3Schema.Description = "other"
		}),
		"version":    cowboys(versions(version("v2", true, true))),
		"short name": cowboys(func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Names.ShortNames = []string{"cb"} }),
		"approval":   cowboys(approval("https://example.com/1")),
		"subresources": cowboys(func(c *apiextensionsv1.CustomResourceDefinition) {
			c.Spec.Versions[0].Subresources = &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}}
		}),
	} {
		bound, err := boundschema.FromCRD(crd, boundschema.Options{})
		if err != nil {
			t.Fatal(err)
		}
		hash := bound.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation]
		if other, taken := seen[hash]; taken {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[hash] = name
	}
}

func TestHashIsStable(t *testing.T) {
	bound, err := boundschema.FromCRD(cowboys(), boundschema.Options{InformerScope: kubebindv1alpha2.ClusterScope})
	if err != nil {
		t.Fatal(err)
	}
	want := bound.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation]
	bound.Spec.Versions[0].Schema.Raw = []byte(`{ "openAPIV3Schema": {"type": "object", "description": "v1 \u003c&>"} }`)
	if got, err := boundschema.Hash(bound); err != nil || got != want {
		t.Errorf("the same schema, written in another way, has hash %s (%v), want %s", got, err, want)
	}
	// Exports that are there must not all look changed after an update of kube-bind.
	if before := "50db14cfad621e0e31039e1efec469f8567167823b661a2b90248e088ac68ed2"; want != before {
		t.Errorf("the hash of the same CRD is now %s, was %s", want, before)
	}
}

func TestHashOfNonsense(t *testing.T) {
	bound := &kubebindv1alpha2.BoundSchema{}
	bound.Spec.Versions = []kubebindv1alpha2.BoundSchemaVersion{{Name: "v1", Schema: runtime.RawExtension{Raw: []byte("{")}}}
	if hash, err := boundschema.Hash(bound); err == nil {
		t.Errorf("got %s", hash)
	}
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// W15: a CRD with a conversion webhook is offered in its storage version, without the webhook, and says so.
func TestWebhooksDoNotTravel(t *testing.T) {
	crd := cowboys(versions(version("v1", true, false), version("v2", true, true)), webhook(nil))
	for name, asked := range map[string][]string{"all": nil, "each by name": {"v1", "v2"}, "the storage version": {"v2"}} {
		t.Run(name, func(t *testing.T) {
			bound, err := boundschema.FromCRD(crd, boundschema.Options{Versions: asked})
			if err != nil {
				t.Fatal(err)
			}
			if len(bound.Spec.Versions) != 1 || bound.Spec.Versions[0].Name != "v2" || bound.Spec.Conversion != nil {
				t.Errorf("it is offered in %+v, conversion %+v", bound.Spec.Versions, bound.Spec.Conversion)
			}
			notice := bound.Annotations[kubebindv1alpha2.SchemaNoticeAnnotation]
			if told := strings.Contains(notice, "storage version v2 only"); told != (len(asked) != 1) {
				t.Errorf("the notice is %q", notice)
			}
		})
	}
}
