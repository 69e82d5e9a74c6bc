// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// roleFor is what a konnector may do for a binding: with what its request asks for, but for the claims that the binding refuses.
func roleFor(binding *kubebindv1alpha2.APIServiceBinding, request *kubebindv1alpha2.APIServiceExportRequestSpec) *rbacv1.ClusterRole {
	accepted := *request
	accepted.PermissionClaims = slices.DeleteFunc(slices.Clone(request.PermissionClaims), func(c kubebindv1alpha2.PermissionClaim) bool {
		return binding.Consent(c.GroupResource) == kubebindv1alpha2.ConsentRefused
	})
	return konnector.RoleFor(binding, &accepted)
}

// grant gives the konnector its rights for each binding of a contract. Who may not, and has left the konnector to somebody else, leaves
// them to the same: the conditions of the binding say what is missing.
func (i *Installer) grant(ctx context.Context, c *Contract) error {
	bindings := i.Bindings
	if bindings == nil {
		bindings = c.Bindings()
	}
	for j, binding := range bindings {
		role := roleFor(binding, &c.Requests[j].Spec)
		kept, err := i.kept(ctx, binding, &c.Requests[j].Spec, role)
		if err != nil {
			return err
		}
		if len(kept) > 0 {
			i.Say("ℹ️  The konnector keeps its rights on %s, to bring to an end what was there before. The rule goes with the binding; once nothing of it is left, it "+
				"can be taken out of the ClusterRole %s before.", resourcesOf(kept), role.Name)
		}
		role.Rules = append(role.Rules, kept...)
		err = i.Apply(ctx, role)
		if _, foreign := errors.AsType[*ForeignError](err); i.SkipKonnector && (foreign || apierrors.IsForbidden(err)) {
			i.Say("ℹ️  Whoever runs the konnector has to give it the rights for %s: %v", binding.Name, err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// kept are the rules that the role of a binding has and must not lose: those on refused claims, as a konnector that could not see what it
// has shared could not take it back, and those on resources that the provider has withdrawn, whose objects could not be deleted. A binding
// that is not there yet has neither.
func (i *Installer) kept(
	ctx context.Context, binding *kubebindv1alpha2.APIServiceBinding, request *kubebindv1alpha2.APIServiceExportRequestSpec, role *rbacv1.ClusterRole,
) ([]rbacv1.PolicyRule, error) {
	has := func(r *rbacv1.ClusterRole, rule rbacv1.PolicyRule) bool {
		return slices.ContainsFunc(r.Rules, func(have rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(have, rule) })
	}
	there := &kubebindv1alpha2.APIServiceBinding{}
	err := i.Client.Get(ctx, client.ObjectKeyFromObject(binding), there)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the APIServiceBinding %s: %w", binding.Name, err)
	}
	before := *request.DeepCopy()
	for _, bound := range there.Status.BoundSchemas {
		before.Resources = append(before.Resources, kubebindv1alpha2.ExportedResource{GroupResource: bound.GroupResource})
	}
	former := slices.DeleteFunc(konnector.RoleFor(binding, &before).Rules, func(rule rbacv1.PolicyRule) bool { return has(role, rule) })
	if len(former) == 0 {
		return nil, nil
	}
	have := &rbacv1.ClusterRole{}
	if err := i.Client.Get(ctx, client.ObjectKeyFromObject(role), have); client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading the konnector's rights: %w", err)
	}
	return slices.DeleteFunc(former, func(rule rbacv1.PolicyRule) bool { return !has(have, rule) }), nil
}

// resourcesOf are those that rules are on.
func resourcesOf(rules []rbacv1.PolicyRule) string {
	var out []string
	for _, rule := range rules {
		out = append(out, rule.Resources...)
	}
	return strings.Join(out, ", ")
}
