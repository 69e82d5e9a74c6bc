// SPDX-License-Identifier: Apache-2.0

package boundschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Options say how a resource is exported.
type Options struct {
	// InformerScope says how widely konnectors may watch. With Namespaced, cluster-scoped resources are refused.
	InformerScope kubebindv1alpha2.InformerScope
	// Isolation is that of the export. With Namespaced, a namespaced resource is cluster-scoped in the consumer, and
	// one that is cluster-scoped already is refused.
	Isolation kubebindv1alpha2.Isolation
	// Versions are the versions to export. None means all, served or not.
	Versions []string
}

// FromCRD returns the BoundSchema of a provider's CRD: named "<plural>.<group>", without a namespace, annotated with
// its hash and with the approval that the API server asks for in groups of the Kubernetes community.
//
// All that a CRD's versions have travels, schemas as the API server gives them. When the versions asked for leave out
// the one that the provider stores, the most stable of them is the one that the consumer stores. A conversion webhook
// never travels: a CRD that has one is offered in its storage version only, and an annotation says so; asking only for
// others is refused. Two columns of the same name are one. Nothing else is left out: what cannot travel is refused with a
// RefusedError.
func FromCRD(crd *apiextensionsv1.CustomResourceDefinition, o Options) (*kubebindv1alpha2.BoundSchema, error) {
	crd = crd.DeepCopy()
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	refuse := refusal{resource: crd.Spec.Names.Plural + "." + crd.Spec.Group}
	if err := checkSource(crd, refuse); err != nil {
		return nil, err
	}
	scope, err := consumerScope(crd.Spec.Scope, o, refuse)
	if err != nil {
		return nil, err
	}
	versions, err := selectVersions(crd.Spec.Versions, o.Versions, refuse)
	if err != nil {
		return nil, err
	}
	versions, notice, err := withoutWebhook(crd, versions, refuse)
	if err != nil {
		return nil, err
	}
	bound := &kubebindv1alpha2.BoundSchema{
		TypeMeta: metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: "BoundSchema"},
		Spec: kubebindv1alpha2.BoundSchemaSpec{
			InformerScope: o.InformerScope, Group: crd.Spec.Group, Names: crd.Spec.Names, Scope: scope,
		},
	}
	if bound.Spec.Versions, err = versionsFromCRD(versions, refuse); err != nil {
		return nil, err
	}
	if len(versions) > 1 {
		bound.Spec.Conversion = &kubebindv1alpha2.BoundSchemaConversion{Strategy: apiextensionsv1.NoneConverter}
	}
	bound.Name = bound.ResourceGroupName()
	if err := finish(bound, crd.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation], refuse); err != nil {
		return nil, err
	}
	if notice != "" {
		bound.Annotations[kubebindv1alpha2.SchemaNoticeAnnotation] = notice
	}
	return bound, nil
}

// withoutWebhook leaves of a CRD that converts by a webhook the version that is stored, and says so if that leaves anything
// out: consumers call no webhook of a provider, and only what is stored is the object itself.
func withoutWebhook(
	crd *apiextensionsv1.CustomResourceDefinition, selected []apiextensionsv1.CustomResourceDefinitionVersion, refuse refusal,
) (_ []apiextensionsv1.CustomResourceDefinitionVersion, notice string, err error) {
	if len(crd.Spec.Versions) < 2 || crd.Spec.Conversion == nil || crd.Spec.Conversion.Strategy == apiextensionsv1.NoneConverter {
		return selected, "", nil
	}
	const why = "it converts between versions by a webhook, and consumers call no webhook of a provider"
	stored := slices.IndexFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Storage })
	if stored < 0 {
		return nil, "", refuse.invalid("no version is stored")
	}
	v := crd.Spec.Versions[stored]
	if !v.Served {
		return nil, "", refuse.invalid("%s; its storage version %s, which alone could be offered, is not served", why, v.Name)
	}
	if !slices.ContainsFunc(selected, func(s apiextensionsv1.CustomResourceDefinitionVersion) bool { return s.Name == v.Name }) {
		return nil, "", refuse.invalid("%s; only its storage version %s could be offered, which is not among those asked for", why, v.Name)
	}
	if len(selected) > 1 {
		notice = fmt.Sprintf("%s is offered in its storage version %s only: %s", refuse.resource, v.Name, why)
	}
	return []apiextensionsv1.CustomResourceDefinitionVersion{v}, notice, nil
}

// finish adds the annotations, and checks the result as the consumer will.
func finish(bound *kubebindv1alpha2.BoundSchema, approval string, refuse refusal) error {
	bound.Annotations = map[string]string{}
	if approval != "" {
		bound.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation] = approval
	}
	if err := check(bound, refuse); err != nil {
		return err
	}
	hash, err := Hash(bound)
	if err != nil {
		return err
	}
	bound.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] = hash
	return nil
}

// checkSource refuses CRDs that the provider itself does not serve, or serves in a way that cannot travel. A CRD that
// the API server has not looked at yet has no conditions, and passes.
func checkSource(crd *apiextensionsv1.CustomResourceDefinition, refuse refusal) error {
	if !crd.DeletionTimestamp.IsZero() {
		return refuse.invalid("the CRD is being deleted")
	}
	if crd.Name != refuse.resource {
		return refuse.invalid("the CRD is named %q", crd.Name)
	}
	for _, c := range crd.Status.Conditions {
		switch {
		case c.Type == apiextensionsv1.NamesAccepted && c.Status == apiextensionsv1.ConditionFalse:
			return refuse.invalid("the provider's API server does not accept its names: %s", c.Message)
		case c.Type == apiextensionsv1.NonStructuralSchema && c.Status == apiextensionsv1.ConditionTrue:
			return refuse.invalid("its schema is not structural: %s", c.Message)
		case c.Type == apiextensionsv1.KubernetesAPIApprovalPolicyConformant && c.Status == apiextensionsv1.ConditionFalse:
			return refuse.invalid("its group is protected: %s", c.Message)
		}
	}
	if crd.Spec.PreserveUnknownFields {
		return refuse.invalid("spec.preserveUnknownFields cannot travel; " +
			"set x-kubernetes-preserve-unknown-fields in the schema instead")
	}
	return nil
}

// consumerScope returns the scope that a resource has in the consumer.
func consumerScope(
	source apiextensionsv1.ResourceScope, o Options, refuse refusal,
) (apiextensionsv1.ResourceScope, error) {
	if source == apiextensionsv1.ClusterScoped {
		if o.Isolation == kubebindv1alpha2.IsolationNamespaced {
			return "", refuse.scope("cluster-scoped resources cannot be exported with isolation Namespaced, " +
				"which keeps objects in a namespace")
		}
		if o.InformerScope == kubebindv1alpha2.NamespacedScope {
			return "", refuse.scope("cluster-scoped resources cannot be exported with informer scope Namespaced, " +
				"which lets consumers watch namespaces only")
		}
	}
	if o.Isolation == kubebindv1alpha2.IsolationNamespaced {
		return apiextensionsv1.ClusterScoped, nil
	}
	return source, nil
}

// selectVersions returns the wanted versions of a CRD in the CRD's order, exactly one of them stored.
func selectVersions(
	have []apiextensionsv1.CustomResourceDefinitionVersion, want []string, refuse refusal,
) ([]apiextensionsv1.CustomResourceDefinitionVersion, error) {
	var served []string
	for _, v := range have {
		if v.Served {
			served = append(served, v.Name)
		}
	}
	if len(served) == 0 {
		return nil, refuse.invalid("no version is served")
	}
	if len(want) == 0 {
		return have, nil
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(name string) bool { return slices.Contains(served, name) })
	if len(missing) > 0 {
		return nil, refuse.versions(missing, served)
	}
	selected := slices.DeleteFunc(slices.Clone(have), func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return !slices.Contains(want, v.Name)
	})
	ensureStored(selected)
	return selected, nil
}

// ensureStored makes the most stable version the stored one unless one is.
func ensureStored(versions []apiextensionsv1.CustomResourceDefinitionVersion) {
	best := 0
	for i, v := range versions {
		if v.Storage {
			return
		}
		if version.CompareKubeAwareVersionStrings(v.Name, versions[best].Name) > 0 {
			best = i
		}
	}
	versions[best].Storage = true
}

func versionsFromCRD(
	in []apiextensionsv1.CustomResourceDefinitionVersion, refuse refusal,
) ([]kubebindv1alpha2.BoundSchemaVersion, error) {
	out := make([]kubebindv1alpha2.BoundSchemaVersion, 0, len(in))
	for _, v := range in {
		if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
			return nil, refuse.invalid("version %s has no schema", v.Name)
		}
		raw, err := encode(v.Schema)
		if err != nil {
			return nil, fmt.Errorf("%s: encoding the schema of version %s: %w", refuse.resource, v.Name, err)
		}
		out = append(out, kubebindv1alpha2.BoundSchemaVersion{
			Name: v.Name, Served: v.Served, Storage: v.Storage,
			Deprecated: v.Deprecated, DeprecationWarning: v.DeprecationWarning,
			Schema: runtime.RawExtension{Raw: raw}, Subresources: v.Subresources,
			AdditionalPrinterColumns: uniqueColumns(v.AdditionalPrinterColumns),
			SelectableFields:         v.SelectableFields,
		})
	}
	return out, nil
}

// uniqueColumns drops all but the first column of a name: BoundSchemas tell columns apart by name.
func uniqueColumns(in []apiextensionsv1.CustomResourceColumnDefinition) []apiextensionsv1.CustomResourceColumnDefinition {
	var out []apiextensionsv1.CustomResourceColumnDefinition
	for _, c := range in {
		same := func(o apiextensionsv1.CustomResourceColumnDefinition) bool { return o.Name == c.Name }
		if !slices.ContainsFunc(out, same) {
			out = append(out, c)
		}
	}
	return out
}

// encode writes JSON without the escapes that browsers need, so that rules in a schema read as they were written. The
// way over generic values is there because JSONSchemaProps encodes its parts by itself, with escapes. Numbers stay as
// they are.
func encode(value any) ([]byte, error) {
	escaped, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(escaped))
	decoder.UseNumber()
	var generic any
	if err := decoder.Decode(&generic); err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(generic); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
