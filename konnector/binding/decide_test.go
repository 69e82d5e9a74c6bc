// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
	"kube-bind.io/kube-bind/konnector/schema"
	"kube-bind.io/kube-bind/konnector/sync"
)

// facts are those of a binding where all is well, changed by modifiers.
func facts(modifiers ...func(*Facts)) Facts {
	cowboys := kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}
	crd := &apiextensionsv1.CustomResourceDefinition{
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Scope: apiextensionsv1.NamespaceScoped,
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{
				{Name: "v1alpha1", Served: true},
				{Name: "v1", Served: true, Storage: true, Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}}},
			},
		},
		Status: apiextensionsv1.CustomResourceDefinitionStatus{
			Conditions: []apiextensionsv1.CustomResourceDefinitionCondition{{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue}},
		},
	}
	f := Facts{
		Binding: &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: "cowboys"}},
		Health:  connection.Health{Synced: true, Beaten: true, PrettyName: "BigCorp"},
		Export: &kubebindv1alpha2.APIServiceExport{
			Spec: kubebindv1alpha2.APIServiceExportSpec{
				Resources:        []kubebindv1alpha2.ExportedResource{{GroupResource: cowboys}},
				PermissionClaims: []kubebindv1alpha2.PermissionClaim{{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}}},
				InformerScope:    kubebindv1alpha2.NamespacedScope,
				Isolation:        kubebindv1alpha2.IsolationPrefixed,
			},
			Status: kubebindv1alpha2.APIServiceExportStatus{Conditions: []kubebindv1alpha2.Condition{kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionProviderInSync)}},
		},
		Resources: []ResourceFacts{{Name: cowboys, Bound: &kubebindv1alpha2.BoundSchema{}, Step: schema.Step{Verdict: schema.InSync}, CRD: crd}},
		Progress:  connection.Progress{Running: 1, Synced: 1},
	}
	for _, modify := range modifiers {
		modify(&f)
	}
	return f
}

func secretProblem(reason string) func(*Facts) {
	return func(f *Facts) {
		f.Secret = &connection.Problem{Reason: reason, Message: "do this"}
		f.Health, f.Export, f.Resources, f.Progress = connection.Health{}, nil, nil, connection.Progress{}
	}
}

func away(reason string) func(*Facts) {
	return func(f *Facts) { f.Health.Provider = &connection.Problem{Reason: reason, Message: "do that"} }
}

func noExport(f *Facts) {
	f.Export = nil
	f.Resources[0].Bound, f.Resources[0].Step = nil, schema.Step{}
}

// withFarms adds a resource that the binding brought and that the export has not any more.
func withFarms(f *Facts) {
	farms := f.Resources[0]
	farms.Name.Resource, farms.Bound, farms.Step = "farms", nil, schema.Step{}
	farms.CRD = farms.CRD.DeepCopy()
	f.Resources = append(f.Resources, farms)
}

// carried has cluster-scoped objects of which copies lie by an isolation; the export has isolation Prefixed.
func carried(isolation kubebindv1alpha2.Isolation) func(*Facts) {
	return resource(func(r *ResourceFacts) { r.CRD.Spec.Scope, r.Carried = apiextensionsv1.ClusterScoped, isolation })
}

func resource(change func(*ResourceFacts)) func(*Facts) {
	return func(f *Facts) { change(&f.Resources[0]) }
}

// lack is for a right on cowboys or, if it is claimed, on Secrets.
func lack(claimed bool, verbs ...string) func(*Facts) {
	return func(f *Facts) {
		resource := runtimeschema.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}
		if claimed {
			resource = runtimeschema.GroupResource{Resource: "secrets"}
		}
		binding := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: "cowboys"}}
		binding.Spec.KubeconfigSecretRef.Name = "bigcorp"
		l := lackOf(binding, resource, claimed)
		l.Verbs = verbs
		f.Lacks = append(f.Lacks, l)
	}
}

// refuses has the consumer refuse the claim on Secrets.
func refuses(f *Facts) {
	f.Binding = f.Binding.DeepCopy()
	f.Binding.Spec.PermissionClaims = []kubebindv1alpha2.PermissionClaimConsent{{
		GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}, State: kubebindv1alpha2.ConsentRefused,
	}}
}

// deniedByProvider is what the provider has said of a resource that is not watched.
func deniedByProvider(f *Facts) {
	f.Progress.Synced, f.Progress.Denied = 0, map[runtimeschema.GroupResource]sync.Denied{{Group: "wildwest.dev", Resource: "cowboys"}: {There: true}}
}

func TestDecideConditions(t *testing.T) {
	for name, tc := range map[string]struct {
		facts Facts
		// What the condition says, as "status/severity/reason"; Ready is the summary.
		condition, want, ready string
	}{
		"all is well": {facts(), kubebindv1alpha2.ConditionConnected, "True//", "True//"},
		"Secret not read yet": {facts(secretProblem(kubebindv1alpha2.ReasonPending)),
			kubebindv1alpha2.ConditionSecretValid, "Unknown//Pending", "Unknown//Pending"},
		"Secret missing": {facts(secretProblem(kubebindv1alpha2.ReasonKubeconfigSecretNotFound)),
			kubebindv1alpha2.ConditionSecretValid, "False/Error/KubeconfigSecretNotFound", "False/Error/KubeconfigSecretNotFound"},
		"Secret refused": {facts(secretProblem(kubebindv1alpha2.ReasonKubeconfigRefused)),
			kubebindv1alpha2.ConditionSecretValid, "False/Error/KubeconfigRefused", "False/Error/KubeconfigRefused"},
		"provider away": {facts(away(kubebindv1alpha2.ReasonProviderUnreachable)),
			kubebindv1alpha2.ConditionConnected, "False/Warning/ProviderUnreachable", "False/Warning/ProviderUnreachable"},
		"credential rejected": {facts(away(kubebindv1alpha2.ReasonUnauthorized)),
			kubebindv1alpha2.ConditionConnected, "False/Error/Unauthorized", "False/Error/Unauthorized"},
		"contract namespace not read yet": {facts(func(f *Facts) { f.Health.Synced, f.Export, f.Resources = false, nil, nil }),
			kubebindv1alpha2.ConditionConnected, "False/Info/Pending", "False/Info/Pending"},
		"first heartbeat pending": {facts(func(f *Facts) { f.Health.Beaten = false }),
			kubebindv1alpha2.ConditionHeartbeating, "Unknown//Pending", "Unknown//Pending"},
		"heartbeat failed": {facts(func(f *Facts) {
			f.Health.Heartbeat = &connection.Problem{Reason: kubebindv1alpha2.ReasonClusterBindingUpdateFailed}
		}), kubebindv1alpha2.ConditionHeartbeating, "False/Warning/ClusterBindingUpdateFailed", "False/Warning/ClusterBindingUpdateFailed"},
		"no export": {facts(noExport),
			kubebindv1alpha2.ConditionConnected, "False/Error/APIServiceExportNotFound", "False/Error/APIServiceExportNotFound"},
		"made again without a resource": {facts(withFarms),
			kubebindv1alpha2.ConditionConnected, "False/Warning/ResourceWithdrawn", "False/Warning/ResourceWithdrawn"},
		"made again without a resource, the schema is in sync": {facts(withFarms),
			kubebindv1alpha2.ConditionSchemaInSync, "True//", "False/Warning/ResourceWithdrawn"},
		"made again without a resource, whose CRD is gone": {facts(withFarms, func(f *Facts) { f.Resources[1].CRD = nil }),
			kubebindv1alpha2.ConditionConnected, "True//", "True//"},
		"made again without a resource, and another is not there": {facts(withFarms, resource(func(r *ResourceFacts) { r.Bound = nil })),
			kubebindv1alpha2.ConditionConnected, "False/Error/BoundSchemaFetchFailed", "False/Error/BoundSchemaFetchFailed"},
		"made again with another isolation": {facts(carried(kubebindv1alpha2.IsolationNone)),
			kubebindv1alpha2.ConditionConnected, "False/Error/IsolationChanged", "False/Error/IsolationChanged"},
		"made again with another isolation, and not ready": {facts(carried(kubebindv1alpha2.IsolationNone), func(f *Facts) {
			f.Export.Status.Conditions, f.Binding.Status.BoundSchemas = nil, []kubebindv1alpha2.BoundSchemaReference{{}}
		}), kubebindv1alpha2.ConditionConnected, "False/Error/IsolationChanged", "False/Error/IsolationChanged"},
		"made again as it was": {facts(carried(kubebindv1alpha2.IsolationPrefixed)),
			kubebindv1alpha2.ConditionConnected, "True//", "True//"},
		"request refused": {facts(noExport, func(f *Facts) {
			f.Request = &kubebindv1alpha2.APIServiceExportRequest{Status: kubebindv1alpha2.APIServiceExportRequestStatus{Phase: kubebindv1alpha2.PhaseFailed, TerminalMessage: "100% no"}}
		}), kubebindv1alpha2.ConditionConnected, "False/Error/APIServiceExportFailed", "False/Error/APIServiceExportFailed"},
		"export not ready": {facts(func(f *Facts) { f.Export.Status.Conditions, f.Resources, f.Progress = nil, nil, connection.Progress{} }),
			kubebindv1alpha2.ConditionConnected, "False/Info/ExportNotReady", "False/Info/ExportNotReady"},
		"schema missing": {facts(resource(func(r *ResourceFacts) { r.Bound = nil })),
			kubebindv1alpha2.ConditionConnected, "False/Error/BoundSchemaFetchFailed", "False/Error/BoundSchemaFetchFailed"},
		"schema invalid": {facts(resource(func(r *ResourceFacts) { r.Step.Verdict = schema.Invalid })),
			kubebindv1alpha2.ConditionSchemaInSync, "False/Error/BoundSchemasNotValid", "False/Error/BoundSchemasNotValid"},
		"foreign CRD": {facts(resource(func(r *ResourceFacts) { r.Step.Verdict, r.CRD = schema.Foreign, nil })),
			kubebindv1alpha2.ConditionConnected, "False/Error/ForeignCustomResourceDefinition", "False/Error/ForeignCustomResourceDefinition"},
		"CRD not created": {facts(resource(func(r *ResourceFacts) { r.Step.Verdict, r.CRD, r.Err = schema.Create, nil, errors.New("no") })),
			kubebindv1alpha2.ConditionConnected, "False/Error/CustomResourceDefinitionCreateFailed", "False/Error/CustomResourceDefinitionCreateFailed"},
		"W39 CRD not updated": {facts(resource(func(r *ResourceFacts) { r.Step.Verdict, r.Err = schema.Update, errors.New("no") })),
			kubebindv1alpha2.ConditionSchemaInSync, "False/Error/CustomResourceDefinitionUpdateFailed", "False/Error/CustomResourceDefinitionUpdateFailed"},
		"CRD going": {facts(resource(func(r *ResourceFacts) { r.Step.Verdict = schema.Terminating })),
			kubebindv1alpha2.ConditionSchemaInSync, "False/Info/CustomResourceDefinitionNotEstablished", "False/Info/CustomResourceDefinitionNotEstablished"},
		"W34 informers not synced": {facts(func(f *Facts) { f.Progress.Synced = 0 }),
			kubebindv1alpha2.ConditionInformersSynced, "False/Info/InformersPending", "False/Info/InformersPending"},
		"no right to watch": {facts(lack(false, "list", "watch"), func(f *Facts) { f.Progress.Synced = 0 }),
			kubebindv1alpha2.ConditionInformersSynced, "False/Warning/PermissionMissing", "False/Warning/PermissionMissing"},
		"no right to watch any more": {facts(lack(false, "watch")),
			kubebindv1alpha2.ConditionInformersSynced, "False/Warning/PermissionMissing", "False/Warning/PermissionMissing"},
		"no right to write": {facts(lack(false, "patch")),
			kubebindv1alpha2.ConditionObjectsInSync, "False/Warning/PermissionMissing", "False/Warning/PermissionMissing"},
		"no right on what is claimed": {facts(lack(true, "list")),
			kubebindv1alpha2.ConditionPermissionClaim, "False/Warning/PermissionMissing", "True//"},
		"no right on what is refused": {facts(lack(true, "list"), refuses),
			kubebindv1alpha2.ConditionPermissionClaim, "False/Info/ClaimRefused", "True//"},
		"no right on what is refused, and still shared": {facts(lack(true, "list"), shares(connection.ClaimProgress{Counts: sync.Counts{Left: 1}}), refuses),
			kubebindv1alpha2.ConditionPermissionClaim, "False/Warning/PermissionMissing", "True//"},
		"the provider gives no right": {facts(deniedByProvider),
			kubebindv1alpha2.ConditionInformersSynced, "False/Warning/PermissionMissing", "False/Warning/PermissionMissing"},
		"the provider gave no right, and is away": {facts(deniedByProvider, away(kubebindv1alpha2.ReasonProviderUnreachable)),
			kubebindv1alpha2.ConditionInformersSynced, "False/Info/InformersPending", "False/Warning/ProviderUnreachable"},
		"the provider gave no right, and is connected to anew": {facts(deniedByProvider, func(f *Facts) { f.Health.Synced = false }),
			kubebindv1alpha2.ConditionInformersSynced, "False/Info/InformersPending", "False/Info/Pending"},
		"W45 one object fails, the binding is ready": {facts(func(f *Facts) { f.Progress.Problems = map[string]int{"Conflict": 2, "Rejected": 1} }),
			kubebindv1alpha2.ConditionObjectsInSync, "False/Info/ObjectsFailing", "True//"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Decide(tc.facts).Status.Conditions
			if have := text(got, tc.condition); have != tc.want {
				t.Errorf("%s is %s, want %s", tc.condition, have, tc.want)
			}
			if have := text(got, kubebindv1alpha2.ConditionReady); have != tc.ready {
				t.Errorf("Ready is %s, want %s", have, tc.ready)
			}
		})
	}
}

// What a review has found is told of what was refused only, apart for bound and for claimed objects of the same resource.
func TestReviewed(t *testing.T) {
	cowboys, secrets := runtimeschema.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}, runtimeschema.GroupResource{Resource: "secrets"}
	here := sync.Denied{Here: true}
	refused := func(f *Facts) {
		f.Progress.Denied = map[runtimeschema.GroupResource]sync.Denied{cowboys: here, {Resource: "others"}: {There: true}}
		f.Progress.Claims = map[runtimeschema.GroupVersionResource]connection.ClaimProgress{
			secrets.WithVersion("v1"): {Denied: here}, cowboys.WithVersion("v1"): {Denied: here}, {Version: "v1", Resource: "configmaps"}: {},
		}
	}
	for name, tc := range map[string]struct {
		facts          Facts
		bound, claimed map[runtimeschema.GroupResource]bool
	}{
		"nothing refused": {facts(), map[runtimeschema.GroupResource]bool{}, map[runtimeschema.GroupResource]bool{}},
		"by a quota":      {facts(refused), map[runtimeschema.GroupResource]bool{cowboys: false}, map[runtimeschema.GroupResource]bool{secrets: false, cowboys: false}},
		"bound": {facts(refused, lack(false, "patch")),
			map[runtimeschema.GroupResource]bool{cowboys: true}, map[runtimeschema.GroupResource]bool{secrets: false, cowboys: false}},
		"claimed": {facts(refused, lack(true, "patch")),
			map[runtimeschema.GroupResource]bool{cowboys: false}, map[runtimeschema.GroupResource]bool{secrets: true, cowboys: false}},
	} {
		t.Run(name, func(t *testing.T) {
			bound, claimed := reviewed(tc.facts)
			if !maps.Equal(bound, tc.bound) || !maps.Equal(claimed, tc.claimed) {
				t.Errorf("bound %v, claimed %v", bound, claimed)
			}
		})
	}
}

func text(conditions []kubebindv1alpha2.Condition, conditionType string) string {
	c := kubebindv1alpha2.FindCondition(conditions, conditionType)
	if c == nil {
		return "absent"
	}
	return string(c.Status) + "/" + string(c.Severity) + "/" + c.Reason
}

func message(d Decision, conditionType string) string {
	return kubebindv1alpha2.FindCondition(d.Status.Conditions, conditionType).Message
}

func TestDecideMessages(t *testing.T) {
	counted := Decide(facts(func(f *Facts) { f.Progress.Problems = map[string]int{"Rejected": 1, "Conflict": 2} }))
	if got, want := message(counted, kubebindv1alpha2.ConditionObjectsInSync), "Not in sync: 2 Conflict, 1 Rejected."; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q first", got, want)
	}
	unwatched := Decide(facts(func(f *Facts) { f.Progress.Synced, f.Progress.WatchError = 0, "cowboys is forbidden" }))
	if got, want := message(unwatched, kubebindv1alpha2.ConditionInformersSynced), "0 of 1 resources are being watched on both sides. cowboys is forbidden"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	missing := Decide(facts(lack(false, "list", "patch cowboys/status of"), lack(true, "create")))
	for condition, want := range map[string]string{
		kubebindv1alpha2.ConditionInformersSynced: "This cluster does not let the konnector list, patch cowboys/status of cowboys.wildwest.dev. Add to the ClusterRole " +
			"kube-bind-konnector-cowboys:bigcorp, with the label rbac.kube-bind.io/aggregate-to-konnector=true, this rule: {apiGroups: [\"wildwest.dev\"], " +
			"resources: [cowboys, cowboys/status], verbs: [get, list, watch, update, patch, delete]}. It goes on by itself then.",
		kubebindv1alpha2.ConditionPermissionClaim: "This cluster does not let the konnector create secrets. Add to the ClusterRole " +
			"kube-bind-konnector-cowboys:bigcorp, with the label rbac.kube-bind.io/aggregate-to-konnector=true, this rule: {apiGroups: [\"\"], " +
			"resources: [secrets], verbs: [get, list, watch, create, update, patch, delete]}. It goes on by itself then. Nothing is shared.",
	} {
		if got := message(missing, condition); got != want {
			t.Errorf("%s says %q, want %q", condition, got, want)
		}
	}
	if missing.Again != refusedAgain {
		t.Errorf("it is looked at again after %s", missing.Again)
	}
	if again := Decide(facts(lack(true, "list"), refuses)).Again; again != 0 {
		t.Errorf("for a right that nothing waits for it is looked at again after %s", again)
	}
	refused := Decide(facts(noExport, func(f *Facts) {
		f.Request = &kubebindv1alpha2.APIServiceExportRequest{Status: kubebindv1alpha2.APIServiceExportRequestStatus{Phase: kubebindv1alpha2.PhaseFailed, TerminalMessage: "100% no"}}
	}))
	if got := message(refused, kubebindv1alpha2.ConditionConnected); !strings.HasSuffix(got, "100% no") {
		t.Errorf("the provider's words are not repeated as they are: %q", got)
	}
}

func TestDecideWhatToSync(t *testing.T) {
	gvr := runtimeschema.GroupVersionResource{Group: "wildwest.dev", Version: "v1", Resource: "cowboys"}
	served := servedVersions(facts().Resources[0].CRD, time.Time{})
	synced := connection.Resource{GVR: gvr, Served: served, Namespaced: true, Isolation: kubebindv1alpha2.IsolationPrefixed}
	for name, tc := range map[string]struct {
		facts Facts
		known bool
		want  []connection.Resource
	}{
		"the storage version":                    {facts(), true, []connection.Resource{synced}},
		"all namespaces at once":                 {facts(func(f *Facts) { f.Export.Spec.InformerScope = kubebindv1alpha2.ClusterScope }), true, []connection.Resource{{GVR: gvr, Served: served, Namespaced: true, Isolation: kubebindv1alpha2.IsolationPrefixed, ClusterWide: true}}},
		"W38 the next served version":            {facts(resource(func(r *ResourceFacts) { r.CRD.Spec.Versions[1].Served = false })), true, []connection.Resource{{GVR: gvr.GroupResource().WithVersion("v1alpha1"), Served: map[string]connection.Version{"v1alpha1": served["v1alpha1"]}, Namespaced: true, Isolation: kubebindv1alpha2.IsolationPrefixed}}},
		"nothing before the CRD is served":       {facts(resource(func(r *ResourceFacts) { r.CRD.Status.Conditions = nil })), true, nil},
		"W2 nothing without a CRD of ours":       {facts(resource(func(r *ResourceFacts) { r.CRD = nil })), true, nil},
		"withdrawn: objects may be let go":       {facts(noExport), true, []connection.Resource{{GVR: gvr, Served: served, Namespaced: true, Withdrawn: true}}},
		"one of two withdrawn":                   {facts(withFarms), true, []connection.Resource{synced, {GVR: gvr.GroupVersion().WithResource("farms"), Served: served, Namespaced: true, Withdrawn: true}}},
		"cluster-scoped":                         {facts(carried("")), true, []connection.Resource{{GVR: gvr, Served: served, Isolation: kubebindv1alpha2.IsolationPrefixed}}},
		"cluster-scoped, made again as it was":   {facts(carried(kubebindv1alpha2.IsolationPrefixed)), true, []connection.Resource{{GVR: gvr, Served: served, Isolation: kubebindv1alpha2.IsolationPrefixed}}},
		"cluster-scoped, with another isolation": {facts(carried(kubebindv1alpha2.IsolationNone)), true, []connection.Resource{{GVR: gvr, Served: served, Isolation: kubebindv1alpha2.IsolationPrefixed, Was: kubebindv1alpha2.IsolationNone}}},
		"cluster-scoped, withdrawn":              {facts(carried(kubebindv1alpha2.IsolationNone), noExport), true, []connection.Resource{{GVR: gvr, Served: served, Withdrawn: true}}},
		"as it is while the Secret is bad":       {facts(secretProblem(kubebindv1alpha2.ReasonKubeconfigSecretInvalid)), false, nil},
		"as it is until all is known":            {facts(func(f *Facts) { f.Health.Synced, f.Resources = false, nil }), false, nil},
		"goes on while the provider is away":     {facts(away(kubebindv1alpha2.ReasonProviderUnreachable)), true, []connection.Resource{synced}},
		"goes on until the CRD is really gone":   {facts(resource(func(r *ResourceFacts) { r.Step.Verdict = schema.Terminating })), true, []connection.Resource{synced}},
	} {
		t.Run(name, func(t *testing.T) {
			d := Decide(tc.facts)
			if d.Known != tc.known || len(d.Sync) != len(tc.want) {
				t.Fatalf("got %v %+v, want %v %+v", d.Known, d.Sync, tc.known, tc.want)
			}
			for i := range d.Sync {
				if !reflect.DeepEqual(d.Sync[i], tc.want[i]) {
					t.Errorf("got %+v, want %+v", d.Sync[i], tc.want[i])
				}
			}
		})
	}
}

// Objects are read anew at once when the schema of their version changes, again when the API server should have heard of
// it, and again when no watch can be served by the old one any more.
func TestSchemaChangeReadsAnew(t *testing.T) {
	changed := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	at := func(after time.Duration, stamp bool) Decision {
		return Decide(facts(resource(func(r *ResourceFacts) {
			if stamp {
				metav1.SetMetaDataAnnotation(&r.CRD.ObjectMeta, kubebindv1alpha2.SchemaChangedAnnotation, `{"v1":"`+changed.Format(time.RFC3339)+`"}`)
			}
		}), func(f *Facts) { f.Now = changed.Add(after) }))
	}
	never, first, young, old := at(0, false), at(time.Second, true), at(time.Minute, true), at(3*time.Minute, true)
	if never.Sync[0].Served["v1"] != old.Sync[0].Served["v1"] || never.Again != 0 || old.Again != 0 {
		t.Errorf("an old change still counts: %+v", old)
	}
	if young.Sync[0].Served["v1alpha1"] != old.Sync[0].Served["v1alpha1"] {
		t.Errorf("the change of another version counts: %+v", young)
	}
	if young.Sync[0].Served["v1"] == old.Sync[0].Served["v1"] || young.Again <= 0 || young.Again > 2*time.Minute {
		t.Errorf("a young change does not count: %+v", young)
	}
	if first.Sync[0].Served["v1"] == young.Sync[0].Served["v1"] || first.Again != 4*time.Second {
		t.Errorf("a change just made is like a young one: %+v", first)
	}
}

// A schema that the provider has broken, or that this API server refuses, stays as it was, and objects go on syncing (W39).
func TestOldSchemaGoesOn(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*ResourceFacts)
		reason string
		again  time.Duration
	}{
		"breaking": {func(r *ResourceFacts) { r.Step = schema.Step{Verdict: schema.Breaking, Message: "spec.x"} }, kubebindv1alpha2.ReasonSchemaIncompatible, 0},
		"refused":  {func(r *ResourceFacts) { r.Step.Verdict, r.Err = schema.Update, errors.New("spec.x") }, kubebindv1alpha2.ReasonCustomResourceDefinitionUpdateFailed, refusedAgain},
	} {
		t.Run(name, func(t *testing.T) {
			d := Decide(facts(resource(tc.change), func(f *Facts) { f.Now = time.Now() }))
			if len(d.Sync) != 1 || d.Again != tc.again {
				t.Errorf("%d resources are synced, again after %s", len(d.Sync), d.Again)
			}
			if !kubebindv1alpha2.IsTrue(d.Status.Conditions, kubebindv1alpha2.ConditionConnected) {
				t.Errorf("it is not connected: %+v", d.Status.Conditions)
			}
			for _, conditionType := range []string{kubebindv1alpha2.ConditionSchemaInSync, kubebindv1alpha2.ConditionReady} {
				c := kubebindv1alpha2.FindCondition(d.Status.Conditions, conditionType)
				if c.Reason != tc.reason || !strings.Contains(c.Message, "spec.x") {
					t.Errorf("%s is %+v", conditionType, c)
				}
			}
		})
	}
}

func TestDecideStatus(t *testing.T) {
	d := Decide(facts())
	if d.Status.ProviderPrettyName != "BigCorp" || len(d.Status.BoundSchemas) != 1 || len(d.Status.PermissionClaims) != 1 {
		t.Errorf("got %+v", d.Status)
	}
	// What was brought must not be forgotten with the export: nothing else says which CRDs are ours.
	before := d.Status
	d = Decide(facts(noExport, func(f *Facts) { f.Binding.Status = before }))
	if len(d.Status.BoundSchemas) != 1 || d.Status.ProviderPrettyName != "BigCorp" {
		t.Errorf("got %+v", d.Status)
	}
	d = Decide(facts(secretProblem(kubebindv1alpha2.ReasonKubeconfigSecretNotFound), func(f *Facts) { f.Binding.Status = before }))
	if len(d.Status.BoundSchemas) != 1 {
		t.Errorf("got %+v", d.Status)
	}
}

func TestDecideIsStable(t *testing.T) {
	first := Decide(facts())
	second := Decide(facts(func(f *Facts) { f.Binding.Status = first.Status }))
	for i, c := range second.Status.Conditions {
		if c != first.Status.Conditions[i] {
			t.Errorf("condition changed from %+v to %+v", first.Status.Conditions[i], c)
		}
	}
}

// W2: the schema's own group and plural must be those that the export names.
func TestW2PlanSchemaRefusesAnotherResource(t *testing.T) {
	bound := &kubebindv1alpha2.BoundSchema{Spec: kubebindv1alpha2.BoundSchemaSpec{
		Group: "", Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "secrets"},
	}}
	r := ResourceFacts{Name: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}, Bound: bound}
	if step := planSchema(r, nil, &kubebindv1alpha2.APIServiceBinding{}, nil); step.Verdict != schema.Invalid {
		t.Errorf("got %+v", step)
	}
}
