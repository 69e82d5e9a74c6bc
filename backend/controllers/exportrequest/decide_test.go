// SPDX-License-Identifier: Apache-2.0

package exportrequest

import (
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
)

func mangos() kubebindv1alpha2.ExportedResource {
	return kubebindv1alpha2.ExportedResource{GroupResource: kubebindv1alpha2.GroupResource{Group: "x.org", Resource: "mangos"}}
}

// facts of a good request that was not looked at yet.
func given(mods ...func(*facts)) facts {
	template := kubebindv1alpha2.APIServiceExportTemplate{ObjectMeta: metav1.ObjectMeta{Name: "fruit"}}
	template.Spec.Resources = []kubebindv1alpha2.ExportedResource{mangos()}
	template.Spec.Namespaces = []kubebindv1alpha2.Namespace{{Name: "orchard"}}
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "mangos.x.org"}}
	crd.Spec.Group, crd.Spec.Scope = "x.org", apiextensionsv1.NamespaceScoped
	crd.Spec.Names.Plural, crd.Spec.Names.Kind = "mangos", "Mango"
	crd.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{
		Name: "v1", Served: true, Storage: true,
		Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}},
	}}
	resource := mangos()
	f := facts{
		request: &kubebindv1alpha2.APIServiceExportRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: "cn", Name: "my-mangos"},
			Spec:       catalog.RequestFor(&template.Spec),
		},
		granted: []kubebindv1alpha2.APIServiceExportTemplate{template},
		sources: catalog.Sources{resource.GroupResource.GroupResource(): crd},
		terms:   catalog.Terms{InformerScope: kubebindv1alpha2.NamespacedScope, Isolation: kubebindv1alpha2.IsolationPrefixed},
	}
	for _, mod := range mods {
		mod(&f)
	}
	return f
}

// exported adds the export that the request asks for.
func exported(mods ...func(*kubebindv1alpha2.APIServiceExport)) func(*facts) {
	return func(f *facts) {
		f.export = exportFor(f.request, f.request.Spec.Resources, f.terms).DeepCopy()
		for _, mod := range mods {
			mod(f.export)
		}
	}
}

func inSync(c kubebindv1alpha2.Condition) func(*kubebindv1alpha2.APIServiceExport) {
	return func(e *kubebindv1alpha2.APIServiceExport) {
		kubebindv1alpha2.SetCondition(&e.Status.Conditions, c)
	}
}

func TestDecide(t *testing.T) {
	ready := kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionProviderInSync)
	broken := kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionProviderInSync, "SchemaConflict", kubebindv1alpha2.SeverityError, "taken")
	type want struct {
		phase      kubebindv1alpha2.Phase
		reason     string
		creates    bool
		namespaces int
	}
	const (
		pending   = kubebindv1alpha2.PhasePending
		failed    = kubebindv1alpha2.PhaseFailed
		succeeded = kubebindv1alpha2.PhaseSucceeded
	)
	for name, tc := range map[string]struct {
		facts facts
		want  want
	}{
		"new":                      {given(), want{pending, "ExportNotReady", true, 1}},
		"export being set up":      {given(exported()), want{pending, "ExportNotReady", false, 1}},
		"export ready":             {given(exported(inSync(ready))), want{succeeded, "", false, 1}},
		"export broken":            {given(exported(inSync(broken))), want{pending, "ExportNotReady", false, 1}},
		"export of something else": {given(exported(inSync(ready), func(e *kubebindv1alpha2.APIServiceExport) { e.Spec.Resources[0].Versions = []string{"v7"} })), want{failed, "ExportConflict", false, 0}},
		"export with another policy": {given(exported(inSync(ready), func(e *kubebindv1alpha2.APIServiceExport) {
			e.Annotations[kubebindv1alpha2.SchemaUpdatePolicyAnnotation] = "Always"
		})), want{failed, "ExportConflict", false, 0}},
		"export made under older terms": {given(exported(inSync(ready), func(e *kubebindv1alpha2.APIServiceExport) {
			e.Spec.Isolation = kubebindv1alpha2.IsolationNone
		})), want{succeeded, "", false, 1}},
		"older export going": {given(exported(func(e *kubebindv1alpha2.APIServiceExport) { now := metav1.Now(); e.DeletionTimestamp = &now })), want{pending, "ExportNotReady", false, 0}},
		"nothing granted":    {given(func(f *facts) { f.granted = nil }), want{failed, "NotOffered", false, 0}},
		"not granted":        {given(func(f *facts) { f.request.Spec.Resources[0].Resource = "melons" }), want{failed, "NotOffered", false, 0}},
		"no CRD":             {given(func(f *facts) { f.sources = nil }), want{pending, "SchemaNotFound", false, 0}},
		"no CRD, but export": {given(exported(inSync(ready)), func(f *facts) { f.sources = nil }), want{succeeded, "", false, 1}},
		"version not there":  {given(func(f *facts) { f.request.Spec.Resources[0].Versions = []string{"v9"} }), want{pending, "VersionNotFound", false, 0}},
		"claim of pods": {given(func(f *facts) {
			f.request.Spec.PermissionClaims = []kubebindv1alpha2.PermissionClaim{{GroupResource: kubebindv1alpha2.GroupResource{Resource: "pods"}}}
		}), want{failed, "InvalidPermissionClaim", false, 0}},
		"no namespaces asked": {given(func(f *facts) { f.request.Spec.Namespaces = nil }), want{pending, "ExportNotReady", true, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			d := decide(tc.facts)
			got := want{d.phase, d.exports.Reason, d.create != nil, len(d.namespaces)}
			if got != tc.want {
				t.Errorf("got %+v, want %+v (%s)", got, tc.want, d.exports.Message)
			}
			var status kubebindv1alpha2.APIServiceExportRequestStatus
			report(&status, d)
			if (status.TerminalMessage != "") != (tc.want.phase == failed) {
				t.Errorf("terminal message %q in phase %s", status.TerminalMessage, status.Phase)
			}
			if kubebindv1alpha2.IsTrue(status.Conditions, kubebindv1alpha2.ConditionReady) != (tc.want.phase == succeeded) {
				t.Errorf("conditions %+v in phase %s", status.Conditions, status.Phase)
			}
		})
	}
}

func TestExport(t *testing.T) {
	d := decide(given(func(f *facts) {
		f.granted[0].Spec.Resources[0].Versions = []string{"v1"}
		f.request.Spec.Resources = []kubebindv1alpha2.ExportedResource{mangos()}
	}))
	e := d.create
	if e == nil {
		t.Fatalf("no export: %+v", d)
	}
	if e.Name != "my-mangos" || e.Namespace != "cn" || len(e.OwnerReferences) != 0 {
		t.Errorf("metadata %+v", e.ObjectMeta)
	}
	if e.Annotations[kubebindv1alpha2.SchemaUpdatePolicyAnnotation] != "Never" {
		t.Errorf("annotations %v", e.Annotations)
	}
	if got := e.Spec.Resources[0].Versions; len(got) != 1 || got[0] != "v1" {
		t.Errorf("versions %v, want those of the template", got)
	}
	if e.Spec.InformerScope != kubebindv1alpha2.NamespacedScope || e.Spec.Isolation != kubebindv1alpha2.IsolationPrefixed {
		t.Errorf("spec %+v", e.Spec)
	}
	// W18: a namespace outlives the export that it came with.
	if ns := d.namespaces[0]; ns.Labels[kubebindv1alpha2.OwnerLabel] != "provider" || len(ns.OwnerReferences) != 0 {
		t.Errorf("namespace %+v", ns.ObjectMeta)
	}
}

func TestExpiry(t *testing.T) {
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		phase    kubebindv1alpha2.Phase
		age      time.Duration
		finished bool
		left     time.Duration
	}{
		"not looked at":         {"", time.Hour, false, 0},
		"pending for long":      {kubebindv1alpha2.PhasePending, time.Hour, false, 0},
		"succeeded":             {kubebindv1alpha2.PhaseSucceeded, time.Minute, true, 9 * time.Minute},
		"failed":                {kubebindv1alpha2.PhaseFailed, 10 * time.Minute, true, 0},
		"succeeded long ago":    {kubebindv1alpha2.PhaseSucceeded, time.Hour, true, -50 * time.Minute},
		"W30d: succeeded later": {kubebindv1alpha2.PhaseSucceeded, 2 * time.Minute, true, 8 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			r := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(made)}}
			r.Status.Phase = tc.phase
			finished, left := expiry(r, made.Add(tc.age))
			if finished != tc.finished || left != tc.left {
				t.Errorf("got %v, %s", finished, left)
			}
		})
	}
}
