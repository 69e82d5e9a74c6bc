// SPDX-License-Identifier: Apache-2.0

package export

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
)

func newExport(name, policy string) *kubebindv1alpha2.APIServiceExport {
	return &kubebindv1alpha2.APIServiceExport{ObjectMeta: metav1.ObjectMeta{
		Namespace: "cn", Name: name, UID: types.UID("uid-" + name),
		Annotations: map[string]string{kubebindv1alpha2.SchemaUpdatePolicyAnnotation: policy},
	}}
}

func newSchema(hash string, mods ...func(*kubebindv1alpha2.BoundSchema)) *kubebindv1alpha2.BoundSchema {
	out := &kubebindv1alpha2.BoundSchema{ObjectMeta: metav1.ObjectMeta{
		Name: "mangos.x.org", Annotations: map[string]string{kubebindv1alpha2.SourceSpecHashAnnotation: hash},
	}}
	out.Spec.InformerScope = kubebindv1alpha2.NamespacedScope
	out.Spec.Scope = apiextensionsv1.NamespaceScoped
	out.Spec.Group = hash + ".org" // Anything that tells one spec from another.
	out.Spec.Versions = []kubebindv1alpha2.BoundSchemaVersion{{Name: "v1"}}
	for _, mod := range mods {
		mod(out)
	}
	return out
}

// kept is how a BoundSchema looks that exports hold.
func kept(policy string, exports ...*kubebindv1alpha2.APIServiceExport) func(*kubebindv1alpha2.BoundSchema) {
	return func(s *kubebindv1alpha2.BoundSchema) {
		s.Namespace = "cn"
		s.Annotations[kubebindv1alpha2.SchemaUpdatePolicyAnnotation] = policy
		for _, e := range exports {
			s.OwnerReferences = owners(s.OwnerReferences, e)
		}
	}
}

func TestDecideSchema(t *testing.T) {
	frozen, following := newExport("e", "Never"), newExport("e", "Always")
	other := newExport("other", "Never")
	older := newExport("e", "Never")
	older.UID = "uid-of-before"
	notFound := &catalog.Refusal{Reason: "SchemaNotFound"}
	wide := func(s *kubebindv1alpha2.BoundSchema) { s.Spec.InformerScope = kubebindv1alpha2.ClusterScope }
	twoVersions := func(s *kubebindv1alpha2.BoundSchema) {
		s.Spec.Versions = append(s.Spec.Versions, kubebindv1alpha2.BoundSchemaVersion{Name: "v2"})
	}
	type want struct {
		// group tells which spec is wanted: "" for no BoundSchema.
		group  string
		write  bool
		reason string
		owners int
	}
	for name, tc := range map[string]struct {
		facts schemaFacts
		want  want
	}{
		"first time":                      {schemaFacts{export: frozen, source: newSchema("new")}, want{"new.org", true, "", 1}},
		"first time without source":       {schemaFacts{export: frozen, refusal: notFound}, want{"", false, "SchemaNotFound", 0}},
		"unchanged":                       {schemaFacts{export: frozen, have: newSchema("new", kept("Never", frozen)), source: newSchema("new")}, want{"new.org", false, "", 1}},
		"changed, never followed":         {schemaFacts{export: frozen, have: newSchema("old", kept("Never", frozen)), source: newSchema("new")}, want{"old.org", false, "", 1}},
		"changed, always followed":        {schemaFacts{export: following, have: newSchema("old", kept("Always", following)), source: newSchema("new")}, want{"new.org", true, "", 1}},
		"source broken, never followed":   {schemaFacts{export: frozen, have: newSchema("old", kept("Never", frozen)), refusal: notFound}, want{"old.org", false, "", 1}},
		"source broken, always followed":  {schemaFacts{export: following, have: newSchema("old", kept("Always", following)), refusal: notFound}, want{"old.org", false, "SchemaNotFound", 1}},
		"W30b: shared":                    {schemaFacts{export: frozen, have: newSchema("new", kept("Never", other)), source: newSchema("new")}, want{"new.org", true, "", 2}},
		"shared, and changed since":       {schemaFacts{export: frozen, have: newSchema("old", kept("Never", other)), source: newSchema("new")}, want{"old.org", true, "", 2}},
		"shared, in another policy":       {schemaFacts{export: following, have: newSchema("new", kept("Never", other)), source: newSchema("new")}, want{"", false, "SchemaConflict", 0}},
		"shared, in another scope":        {schemaFacts{export: frozen, have: newSchema("new", kept("Never", other), wide), source: newSchema("new")}, want{"", false, "SchemaConflict", 0}},
		"shared, in other versions":       {schemaFacts{export: frozen, have: newSchema("new", kept("Never", other), twoVersions), source: newSchema("new")}, want{"", false, "SchemaConflict", 0}},
		"left behind by an older export":  {schemaFacts{export: frozen, have: newSchema("old", kept("Never", older)), source: newSchema("new")}, want{"new.org", true, "", 1}},
		"left behind by an older backend": {schemaFacts{export: frozen, have: newSchema("old", kept("")), source: newSchema("new")}, want{"new.org", true, "", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			d := decideSchema(tc.facts)
			var got want
			if d.want != nil {
				got.group, got.owners = d.want.Spec.Group, len(d.want.OwnerReferences)
				if d.want.Namespace != "cn" {
					t.Errorf("namespace %q", d.want.Namespace)
				}
			}
			got.write = d.write
			if d.refusal != nil {
				got.reason = d.refusal.Reason
			}
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if d.write {
				again := tc.facts
				again.have = d.want
				if decideSchema(again).write {
					t.Error("writes again what it has written")
				}
			}
		})
	}
}

// What is said of a source goes with it: a notice comes, stays pinned with the schema or goes again.
func TestSchemaNotice(t *testing.T) {
	noticed := func(s *kubebindv1alpha2.BoundSchema) {
		s.Annotations[kubebindv1alpha2.SchemaNoticeAnnotation] = "one version only"
	}
	for name, tc := range map[string]struct {
		policy       string
		have, source *kubebindv1alpha2.BoundSchema
		noticed      bool
		write        bool
	}{
		"first time":               {"Always", nil, newSchema("h", noticed), true, true},
		"comes, the schema stays":  {"Always", newSchema("h"), newSchema("h", noticed), true, true},
		"goes, the schema stays":   {"Always", newSchema("h", noticed), newSchema("h"), false, true},
		"goes with another schema": {"Always", newSchema("h", noticed), newSchema("i"), false, true},
		"pinned":                   {"Never", newSchema("h", noticed), newSchema("i"), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := schemaFacts{export: newExport("e", tc.policy), have: tc.have, source: tc.source}
			if f.have != nil {
				kept(tc.policy, f.export)(f.have)
			}
			d := decideSchema(f)
			if got := d.want.Annotations[kubebindv1alpha2.SchemaNoticeAnnotation] != ""; got != tc.noticed || d.write != tc.write {
				t.Errorf("noticed: %v, written: %v", got, d.write)
			}
		})
	}
}

func TestOwners(t *testing.T) {
	a, b := newExport("a", ""), newExport("b", "")
	one := owners(nil, a)
	if len(one) != 1 || !ptr.Deref(one[0].Controller, false) {
		t.Errorf("a single owner is the controller: %+v", one)
	}
	two := owners(one, b)
	if len(two) != 2 || two[0].Controller != nil || two[1].Controller != nil {
		t.Errorf("of two owners none is the controller: %+v", two)
	}
	if diff := cmp.Diff(two, owners(two, a)); diff != "" {
		t.Errorf("not idempotent: %s", diff)
	}
	if !ptr.Deref(one[0].Controller, false) {
		t.Error("the input was changed")
	}
}

func TestServiceNamespaces(t *testing.T) {
	now := metav1.Now()
	ns := func(name, mark string, mods ...func(*corev1.Namespace)) corev1.Namespace {
		out := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if mark != "" {
			out.Annotations = map[string]string{kubebindv1alpha2.APIServiceNamespaceAnnotation: mark}
		}
		for _, mod := range mods {
			mod(&out)
		}
		return out
	}
	got := serviceNamespaces("cn", []corev1.Namespace{
		ns("cn-b", "cn/b"), ns("cn-a", "cn/a"), ns("kube-system", ""), ns("cn2-a", "cn2/a"), ns("odd", "cn"),
		ns("cn-going", "cn/going", func(n *corev1.Namespace) { n.DeletionTimestamp = &now }),
	})
	if diff := cmp.Diff([]string{"cn-a", "cn-b"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestInSync(t *testing.T) {
	refusal := &catalog.Refusal{Reason: "SchemaInvalid", Message: "why"}
	for name, tc := range map[string]struct {
		refusal *catalog.Refusal
		fenceIn time.Duration
		reason  string
	}{
		"all there":       {nil, 0, ""},
		"fence too young": {nil, time.Second, "PermissionsNotReady"},
		"schema broken":   {refusal, time.Second, "SchemaInvalid"},
	} {
		t.Run(name, func(t *testing.T) {
			c := inSync(tc.refusal, tc.fenceIn, "notice")
			if c.Reason != tc.reason || (c.Status == metav1.ConditionTrue) != (tc.reason == "") || (c.Message == "notice") != (tc.reason == "") {
				t.Errorf("got %+v", c)
			}
		})
	}
}

// The konnector's conditions in the same list stay.
func TestReportKeepsOthers(t *testing.T) {
	e := newExport("e", "Never")
	connected := kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionConnected, "APIServiceBindingNotFound", kubebindv1alpha2.SeverityInfo, "")
	kubebindv1alpha2.SetCondition(&e.Status.Conditions, connected)
	report(e, inSync(nil, 0, ""))
	if got := kubebindv1alpha2.FindCondition(e.Status.Conditions, kubebindv1alpha2.ConditionConnected); got == nil || got.Reason != connected.Reason {
		t.Errorf("conditions %+v", e.Status.Conditions)
	}
}
