// SPDX-License-Identifier: Apache-2.0

package boundschema

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// check refuses BoundSchemas that must not be installed, or of which no API server would make sense. Both sides ask:
// the provider so that its admin learns early, the consumer because it need not trust the provider.
func check(bound *kubebindv1alpha2.BoundSchema, refuse refusal) error {
	if err := checkGroup(bound, refuse); err != nil {
		return err
	}
	if err := checkNames(bound.Spec.Names, refuse); err != nil {
		return err
	}
	if bound.Spec.Scope != apiextensionsv1.ClusterScoped && bound.Spec.Scope != apiextensionsv1.NamespaceScoped {
		return refuse.invalid("its scope is %q", bound.Spec.Scope)
	}
	if err := checkVersions(bound.Spec.Versions, refuse); err != nil {
		return err
	}
	return checkConversion(bound.Spec.Conversion, refuse)
}

// builtIn reports whether Kubernetes itself serves an API group, or one that it keeps to itself: a CRD there would
// stand in the way of an API that every cluster relies on.
func builtIn(group string) bool {
	return !strings.Contains(group, ".") || slices.Contains([]string{
		"admission.k8s.io", "admissionregistration.k8s.io", "apidiscovery.k8s.io", "apiextensions.k8s.io",
		"apiregistration.k8s.io", "apiserver.k8s.io", "apps.k8s.io", "audit.k8s.io", "authentication.k8s.io",
		"authorization.k8s.io", "batch.k8s.io", "certificates.k8s.io", "client.authentication.k8s.io",
		"coordination.k8s.io", "custom.metrics.k8s.io", "discovery.k8s.io", "events.k8s.io",
		"external.metrics.k8s.io", "flowcontrol.apiserver.k8s.io", "imagepolicy.k8s.io", "internal.apiserver.k8s.io",
		"lighthouse.k8s.io", "meta.k8s.io", "metrics.k8s.io", "networking.k8s.io", "node.k8s.io", "policy.k8s.io",
		"rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io",
	}, group)
}

// CheckResource says why a resource cannot be exported, whatever its schema is: no CRD can be called so, or it is not the provider's.
func CheckResource(resource kubebindv1alpha2.GroupResource) error {
	if problem := groupProblem(resource.APIGroup()); problem != "" {
		return errors.New(problem)
	}
	if problems := validation.IsDNS1035Label(resource.Resource); len(problems) > 0 {
		return fmt.Errorf("resource %q: %s", resource.Resource, strings.Join(problems, "; "))
	}
	return nil
}

// groupProblem says why no provider can have an API group, or nothing.
func groupProblem(group string) string {
	problems := validation.IsDNS1123Subdomain(group)
	switch {
	case group != "" && len(problems) > 0:
		return fmt.Sprintf("group %q: %s", group, strings.Join(problems, "; "))
	case builtIn(group):
		return fmt.Sprintf("group %q belongs to Kubernetes itself", group)
	case group == kubebindv1alpha2.GroupName || strings.HasSuffix(group, "."+kubebindv1alpha2.GroupName):
		return fmt.Sprintf("group %q belongs to kube-bind itself", group)
	}
	return ""
}

func checkGroup(bound *kubebindv1alpha2.BoundSchema, refuse refusal) error {
	group := bound.Spec.Group
	if problem := groupProblem(group); problem != "" {
		return refuse.invalid("%s", problem)
	}
	if !apihelpers.IsProtectedCommunityGroup(group) {
		return nil
	}
	switch state, why := apihelpers.GetAPIApprovalState(bound.Annotations); state {
	case apihelpers.APIApproved, apihelpers.APIApprovalBypassed:
		return nil
	default:
		return refuse.invalid("group %q is protected: %s", group, why)
	}
}

func checkNames(names apiextensionsv1.CustomResourceDefinitionNames, refuse refusal) error {
	for _, n := range []struct{ field, value string }{
		{"plural", names.Plural}, {"kind", strings.ToLower(names.Kind)},
		{"singular", names.Singular}, {"listKind", strings.ToLower(names.ListKind)},
	} {
		optional := n.field == "singular" || n.field == "listKind"
		if optional && n.value == "" {
			continue
		}
		if problems := validation.IsDNS1035Label(n.value); len(problems) > 0 {
			return refuse.invalid("names.%s %q: %s", n.field, n.value, strings.Join(problems, "; "))
		}
	}
	for _, name := range slices.Concat(names.ShortNames, names.Categories) {
		if problems := validation.IsDNS1035Label(name); len(problems) > 0 {
			return refuse.invalid("name %q: %s", name, strings.Join(problems, "; "))
		}
	}
	return nil
}

func checkVersions(versions []kubebindv1alpha2.BoundSchemaVersion, refuse refusal) error {
	// The same pattern as in the schema of BoundSchema itself.
	pattern := regexp.MustCompile(`^v[1-9][0-9]*([a-z]+[1-9][0-9]*)?$`)
	var names, stored, served []string
	for _, v := range versions {
		if !pattern.MatchString(v.Name) {
			return refuse.invalid("version %q is not named like v1 or v1alpha1", v.Name)
		}
		if slices.Contains(names, v.Name) {
			return refuse.invalid("version %s is there twice", v.Name)
		}
		names = append(names, v.Name)
		if v.Storage {
			stored = append(stored, v.Name)
		}
		if v.Served {
			served = append(served, v.Name)
		}
	}
	if len(served) == 0 {
		return refuse.invalid("no version is served")
	}
	if len(stored) != 1 {
		return refuse.invalid("%d versions are stored (%s), and exactly one must be",
			len(stored), strings.Join(stored, ", "))
	}
	return nil
}

// checkConversion keeps the consumer's API server from calling a webhook that the provider chose, with every object of
// the consumer (W15).
func checkConversion(conversion *kubebindv1alpha2.BoundSchemaConversion, refuse refusal) error {
	if conversion == nil || conversion.Strategy == apiextensionsv1.NoneConverter && conversion.Webhook == nil {
		return nil
	}
	return refuse.invalid("its conversion strategy is %q, and only None is accepted", conversion.Strategy)
}
