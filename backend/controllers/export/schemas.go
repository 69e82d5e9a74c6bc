// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
)

// exportKind is the kind of the owner of BoundSchemas.
const exportKind = "APIServiceExport"

// schemaFacts are all that the BoundSchema of one resource depends on.
type schemaFacts struct {
	export *kubebindv1alpha2.APIServiceExport
	// have is the BoundSchema that is there, or nil. Owners that are gone are not among its owners any more.
	have *kubebindv1alpha2.BoundSchema
	// stale is whether an owner that is gone was.
	stale bool
	// source is what the provider offers now, or nil if refusal says why it cannot be exported.
	source  *kubebindv1alpha2.BoundSchema
	refusal *catalog.Refusal
}

// schemaDecision is what becomes of one BoundSchema.
type schemaDecision struct {
	// want is the BoundSchema as it should be, or nil if this export has none.
	want *kubebindv1alpha2.BoundSchema
	// write is whether want differs from what is there.
	write bool
	// refusal is why the export is not in sync, or nil.
	refusal *catalog.Refusal
}

// decideSchema follows the source if the policy says so, and otherwise keeps what was there first. Whatever happens to
// the source, a BoundSchema that consumers use is neither removed nor replaced by something broken. One that belongs to
// another export of the consumer as well is shared if both want the same, and otherwise left to the other one.
func decideSchema(f schemaFacts) schemaDecision {
	policy := f.export.Annotations[kubebindv1alpha2.SchemaUpdatePolicyAnnotation]
	if f.have == nil {
		if f.refusal != nil {
			return schemaDecision{refusal: f.refusal}
		}
		want := f.source.DeepCopy()
		want.Namespace = f.export.Namespace
		want.Annotations[kubebindv1alpha2.SchemaUpdatePolicyAnnotation] = policy
		want.OwnerReferences = owners(nil, f.export)
		return schemaDecision{want: want, write: true}
	}
	want := f.have.DeepCopy()
	if others(f.have, f.export) {
		if message := differs(f, policy); message != "" {
			return schemaDecision{refusal: &catalog.Refusal{
				Reason:  kubebindv1alpha2.ReasonSchemaConflict,
				Message: fmt.Sprintf("another export of this consumer has %s %s", f.have.Name, message),
			}}
		}
	}
	want.OwnerReferences = owners(f.have.OwnerReferences, f.export)
	d := schemaDecision{want: want}
	if policy == string(kubebindv1alpha2.SchemaUpdateAlways) || !others(f.have, f.export) && orphaned(f.have, f.export) {
		d.refusal = f.refusal
		if f.source != nil {
			want.Spec = f.source.Spec
			want.Annotations = merge(f.have.Annotations, f.source.Annotations, policy)
		}
	}
	d.write = f.stale || !equality.Semantic.DeepEqual(f.have.OwnerReferences, want.OwnerReferences) || changed(f.have, want)
	return d
}

// changed compares hashes rather than specs: the API server writes schemas in its own way.
func changed(have, want *kubebindv1alpha2.BoundSchema) bool {
	for _, key := range []string{
		kubebindv1alpha2.SourceSpecHashAnnotation, kubebindv1alpha2.SchemaUpdatePolicyAnnotation, kubebindv1alpha2.SchemaNoticeAnnotation,
	} {
		if have.Annotations[key] != want.Annotations[key] {
			return true
		}
	}
	return false
}

func merge(have, source map[string]string, policy string) map[string]string {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]string{}
	}
	// What the source has no notice of any more must not stay.
	delete(out, kubebindv1alpha2.SchemaNoticeAnnotation)
	maps.Copy(out, source)
	out[kubebindv1alpha2.SchemaUpdatePolicyAnnotation] = policy
	return out
}

// differs says in what way another export holds the resource that this one cannot share.
func differs(f schemaFacts, policy string) string {
	if other := f.have.Annotations[kubebindv1alpha2.SchemaUpdatePolicyAnnotation]; other != policy {
		return fmt.Sprintf("with schemaUpdatePolicy %s", other)
	}
	if f.source == nil {
		return ""
	}
	have, want := &f.have.Spec, &f.source.Spec
	switch {
	case have.InformerScope != want.InformerScope:
		return fmt.Sprintf("with informer scope %s", have.InformerScope)
	case have.Scope != want.Scope:
		return fmt.Sprintf("with scope %s", have.Scope)
	case !slices.Equal(versions(have), versions(want)):
		return fmt.Sprintf("in versions %v", versions(have))
	}
	return ""
}

func versions(spec *kubebindv1alpha2.BoundSchemaSpec) []string {
	var out []string
	for _, v := range spec.Versions {
		out = append(out, v.Name)
	}
	slices.Sort(out)
	return out
}

// others tells whether a BoundSchema belongs to another export as well.
func others(schema *kubebindv1alpha2.BoundSchema, export *kubebindv1alpha2.APIServiceExport) bool {
	return slices.ContainsFunc(schema.OwnerReferences, func(o metav1.OwnerReference) bool {
		return o.Kind == exportKind && o.Name != export.Name
	})
}

// dropGone removes those of the owners that are exports, but none of these: the garbage collector takes its time.
func dropGone(schema *kubebindv1alpha2.BoundSchema, exports []kubebindv1alpha2.APIServiceExport) (dropped bool) {
	before := len(schema.OwnerReferences)
	schema.OwnerReferences = slices.DeleteFunc(slices.Clone(schema.OwnerReferences), func(o metav1.OwnerReference) bool {
		return o.Kind == exportKind && !slices.ContainsFunc(exports, func(e kubebindv1alpha2.APIServiceExport) bool { return e.UID == o.UID })
	})
	return len(schema.OwnerReferences) < before
}

// orphaned tells whether a BoundSchema was left behind by an export that is gone: it is made anew for this one.
func orphaned(schema *kubebindv1alpha2.BoundSchema, export *kubebindv1alpha2.APIServiceExport) bool {
	return !slices.ContainsFunc(schema.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == export.UID })
}

// owners adds an export to the owners. A single one is the controller; of several none is, as there can be only one, and
// the BoundSchema goes with the last of them. An earlier export of the same name is dropped.
func owners(have []metav1.OwnerReference, export *kubebindv1alpha2.APIServiceExport) []metav1.OwnerReference {
	out := slices.DeleteFunc(slices.Clone(have), func(o metav1.OwnerReference) bool {
		return o.Kind == exportKind && o.Name == export.Name && o.UID != export.UID
	})
	if !slices.ContainsFunc(out, func(o metav1.OwnerReference) bool { return o.UID == export.UID }) {
		out = append(out, metav1.OwnerReference{
			APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: exportKind, Name: export.Name, UID: export.UID,
		})
	}
	for i := range out {
		out[i].Controller = nil
		if len(out) == 1 {
			out[i].Controller = ptr.To(true)
		}
	}
	return out
}
