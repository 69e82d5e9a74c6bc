// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/konnector"
	"kube-bind.io/kube-bind/konnector/connection"
)

// Lack is what this cluster does not let the konnector do with a resource.
type Lack struct {
	// Resource is the resource, Claimed whether it is claimed rather than bound.
	Resource runtimeschema.GroupResource
	Claimed  bool
	// Verbs are those that are missing: on the resource, or as "verb resource/status".
	Verbs []string
	// Rule is what it takes, and Role the ClusterRole where kubectl bind has it.
	Rule rbacv1.PolicyRule
	Role string
}

// reads says that objects cannot even be seen.
func (l Lack) reads() bool {
	return slices.Contains(l.Verbs, "list") || slices.Contains(l.Verbs, "watch")
}

// matters says that something waits for the right. Nothing does for one on a claim that is refused, of which nothing is known to be
// shared: kubectl bind gives none on what was refused from the start.
func (l Lack) matters(f Facts) bool {
	refused := f.Binding.Consent(kubebindv1alpha2.GroupResource{Group: l.Resource.Group, Resource: l.Resource.Resource}) == kubebindv1alpha2.ConsentRefused
	if !l.Claimed || !refused {
		return true
	}
	for gvr, claim := range f.Progress.Claims {
		if gvr.GroupResource() == l.Resource && claim.Left > 0 {
			return true
		}
	}
	return false
}

// String says what to do about it.
func (l Lack) String() string {
	quoted := make([]string, 0, len(l.Rule.APIGroups))
	for _, group := range l.Rule.APIGroups {
		quoted = append(quoted, fmt.Sprintf("%q", group))
	}
	return fmt.Sprintf("This cluster does not let the konnector %s %s. Add to the ClusterRole %s, with the label %s=true, this rule: "+
		"{apiGroups: [%s], resources: [%s], verbs: [%s]}. It goes on by itself then.", strings.Join(l.Verbs, ", "), l.Resource, l.Role, konnector.AggregateLabel,
		strings.Join(quoted, ", "), strings.Join(l.Rule.Resources, ", "), strings.Join(l.Rule.Verbs, ", "))
}

// lacks asks this cluster which rights the konnector lacks on resources of which it was told that it may not. Without such an answer
// nothing is asked. Who may not even ask does not get to know.
func (c *Controller) lacks(ctx context.Context, binding *kubebindv1alpha2.APIServiceBinding, progress connection.Progress) ([]Lack, error) {
	var out []Lack
	add := func(resource runtimeschema.GroupResource, claimed bool) error {
		lack := lackOf(binding, resource, claimed)
		for _, name := range lack.Rule.Resources {
			missing, err := c.missing(ctx, resource.Group, name, lack.Rule.Verbs)
			if err != nil {
				return err
			}
			lack.Verbs = append(lack.Verbs, missing...)
		}
		if len(lack.Verbs) > 0 {
			out = append(out, lack)
		}
		return nil
	}
	for _, resource := range denied(progress) {
		if err := add(resource, false); err != nil {
			return nil, err
		}
	}
	for _, gvr := range byResource(progress.Claims) {
		if !progress.Claims[gvr].Denied.Here {
			continue
		}
		if err := add(gvr.GroupResource(), true); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// denied are the bound resources of which this cluster has said that we may not.
func denied(progress connection.Progress) []runtimeschema.GroupResource {
	var out []runtimeschema.GroupResource
	for resource, by := range progress.Denied {
		if by.Here {
			out = append(out, resource)
		}
	}
	slices.SortFunc(out, func(a, b runtimeschema.GroupResource) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// reviewed are the resources of which this cluster has said that we may not, bound ones and claimed ones, and whether a right is missing.
func reviewed(f Facts) (bound, claimed map[runtimeschema.GroupResource]bool) {
	lacks := func(resource runtimeschema.GroupResource, claimed bool) bool {
		return slices.ContainsFunc(f.Lacks, func(l Lack) bool { return l.Resource == resource && l.Claimed == claimed })
	}
	bound, claimed = map[runtimeschema.GroupResource]bool{}, map[runtimeschema.GroupResource]bool{}
	for _, resource := range denied(f.Progress) {
		bound[resource] = lacks(resource, false)
	}
	for gvr, claim := range f.Progress.Claims {
		if claim.Denied.Here {
			claimed[gvr.GroupResource()] = lacks(gvr.GroupResource(), true)
		}
	}
	return bound, claimed
}

// lackOf is what it takes to work with a resource, as kubectl bind asks for it.
func lackOf(binding *kubebindv1alpha2.APIServiceBinding, resource runtimeschema.GroupResource, claimed bool) Lack {
	of := kubebindv1alpha2.GroupResource{Group: resource.Group, Resource: resource.Resource}
	request := &kubebindv1alpha2.APIServiceExportRequestSpec{}
	if claimed {
		request.PermissionClaims = []kubebindv1alpha2.PermissionClaim{{GroupResource: of}}
	} else {
		request.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: of}}
	}
	role := konnector.RoleFor(binding, request)
	return Lack{Resource: resource, Claimed: claimed, Rule: role.Rules[0], Role: role.Name}
}

// missing are the verbs that this cluster refuses. A status is only ever patched.
func (c *Controller) missing(ctx context.Context, group, name string, verbs []string) ([]string, error) {
	resource, sub, _ := strings.Cut(name, "/")
	if sub != "" {
		verbs = []string{"patch"}
	}
	var out []string
	for _, verb := range verbs {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Group: group, Resource: resource, Subresource: sub, Verb: verb},
		}}
		err := c.client.Create(ctx, review)
		switch {
		case apierrors.IsForbidden(err):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("asking this cluster what the konnector may do with %s: %w", name, err)
		case review.Status.Allowed:
		case sub != "":
			out = append(out, verb+" "+name+" of")
		default:
			out = append(out, verb)
		}
	}
	return out, nil
}

// lacking are the texts of what is missing for bound or for claimed resources, of those that are wanted.
func lacking(f Facts, wanted func(Lack) bool) string {
	var out []string
	for _, lack := range f.Lacks {
		if wanted(lack) {
			out = append(out, lack.String())
		}
	}
	return strings.Join(out, " ")
}

// deniedThere are the resources that the provider does not let us read.
func deniedThere(f Facts) string {
	var out []string
	for resource, by := range f.Progress.Denied {
		if by.There {
			out = append(out, resource.String())
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
