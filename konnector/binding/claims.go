// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
)

// consented are the claims of an export that the consumer has not refused, and the resources of those that it has.
func consented(f Facts) (accepted []kubebindv1alpha2.PermissionClaim, refused []string) {
	for _, claim := range f.Export.Spec.PermissionClaims {
		if f.Binding.Consent(claim.GroupResource) == kubebindv1alpha2.ConsentRefused {
			refused = append(refused, claim.ResourceGroupName())
		} else {
			accepted = append(accepted, claim)
		}
	}
	return accepted, refused
}

// ReasonClaimsChanged says, in an Event on the binding, that its export was made anew and claims other objects than before.
const ReasonClaimsChanged = "ClaimsChanged"

// claimedSince says which kinds are claimed in another way than before, once there was a before: a provider that makes its export anew
// may claim other objects than the binding was agreed with.
func claimedSince(before, after kubebindv1alpha2.APIServiceBindingStatus) string {
	if len(before.BoundSchemas) == 0 {
		return ""
	}
	changed := sets.New[string]()
	for _, claim := range after.PermissionClaims {
		same := func(was kubebindv1alpha2.PermissionClaim) bool { return equality.Semantic.DeepEqual(was, claim) }
		if !slices.ContainsFunc(before.PermissionClaims, same) {
			changed.Insert(claim.ResourceGroupName())
		}
	}
	if len(changed) == 0 {
		return ""
	}
	return fmt.Sprintf("Objects of %s are claimed in another way than before, and are shared so from now on. The claims are in "+
		"status.permissionClaims; one that you do not agree with can be refused in spec.permissionClaims.", strings.Join(sets.List(changed), ", "))
}

// claimsToFollow are the claims of the export by resource. They are not known while a resource whose objects refer to
// claimed ones is not: what it refers to would not count as claimed.
func claimsToFollow(f Facts) (out []connection.Claim, known bool) {
	if f.Export == nil || !providerReady(f.Export) {
		return nil, f.Export == nil
	}
	accepted, _ := consented(f)
	return claimsAccepting(f, accepted)
}

// claimsToTakeBack are the claims of the export, and nothing of them is accepted any more.
func claimsToTakeBack(f Facts) []connection.Claim {
	claims, _ := claimsAccepting(f, nil)
	return claims
}

func claimsAccepting(f Facts, accepted []kubebindv1alpha2.PermissionClaim) (out []connection.Claim, known bool) {
	for _, claim := range claimable(f) {
		claim.Isolation = f.Export.Spec.Isolation
		claim.Made, claim.Accepted = claimsOn(claim.GVR, f.Export.Spec.PermissionClaims), claimsOn(claim.GVR, accepted)
		if len(claim.Made) == 0 {
			continue
		}
		if claim.Referrers, known = referrers(f, claim.Accepted); !known {
			return nil, false
		}
		out = append(out, claim)
	}
	return out, true
}

// claimable are the resources that can be claimed: those of Kubernetes itself that are claimable, and those of the
// export that are namespaced on both sides. Nothing else is looked at, whatever a provider claims. Of the export's own,
// only the provider's objects are shared by claims: the consumer's go up anyway.
func claimable(f Facts) []connection.Claim {
	var out []connection.Claim
	for _, resource := range kubebindv1alpha2.ClaimableResources() {
		out = append(out, connection.Claim{GVR: runtimeschema.GroupVersionResource{Version: "v1", Resource: resource}})
	}
	for _, r := range resourcesToSync(f) {
		if r.Namespaced && !r.Withdrawn {
			out = append(out, connection.Claim{GVR: r.GVR, ProvidersOnly: true, StatusSubresource: r.Served[r.GVR.Version].Status})
		}
	}
	return out
}

func claimsOn(gvr runtimeschema.GroupVersionResource, claims []kubebindv1alpha2.PermissionClaim) []kubebindv1alpha2.PermissionClaim {
	return slices.DeleteFunc(slices.Clone(claims), func(c kubebindv1alpha2.PermissionClaim) bool {
		return c.GroupResource.GroupResource() != gvr.GroupResource()
	})
}

// referrers are the resources of the export that claims refer from, in the version to read. Other resources are not
// looked at.
func referrers(f Facts, claims []kubebindv1alpha2.PermissionClaim) (map[runtimeschema.GroupResource]connection.Referrer, bool) {
	out := map[runtimeschema.GroupResource]connection.Referrer{}
	for _, claim := range claims {
		for _, reference := range claim.Selector.References {
			r := resourceOf(f, reference.GroupResource)
			if r == nil {
				continue
			}
			if r.CRD == nil {
				return nil, false
			}
			if version := readVersion(r.CRD, reference.Versions); version != "" {
				out[reference.GroupResource.GroupResource()] = connection.Referrer{Version: version, Table: r.Table, Binding: f.Binding.Name}
			}
		}
	}
	return out, true
}

// resourceOf are the facts of a resource of the export.
func resourceOf(f Facts, resource kubebindv1alpha2.GroupResource) *ResourceFacts {
	for i := range f.Resources {
		if f.Resources[i].Name.GroupResource() == resource.GroupResource() && !withdrawn(f, resource) {
			return &f.Resources[i]
		}
	}
	return nil
}

// readVersion is the first of the wanted versions that is served; any will do if none is wanted.
func readVersion(crd *apiextensionsv1.CustomResourceDefinition, wanted []string) string {
	var served []string
	for _, v := range crd.Spec.Versions {
		if v.Served {
			served = append(served, v.Name)
		}
	}
	if len(wanted) == 0 {
		wanted = served
	}
	for _, version := range wanted {
		if slices.Contains(served, version) {
			return version
		}
	}
	return ""
}

// permissionClaim is the condition of that name: what is refused, what cannot be followed, and how many objects are
// shared.
func permissionClaim(f Facts) kubebindv1alpha2.Condition {
	condition := kubebindv1alpha2.ConditionPermissionClaim
	no := func(reason string, severity kubebindv1alpha2.ConditionSeverity, message string) kubebindv1alpha2.Condition {
		return kubebindv1alpha2.FalseCondition(condition, reason, severity, message)
	}
	if f.Secret != nil || !f.Health.Synced || f.Export == nil {
		return unchanged(f, condition)
	}
	_, refused := consented(f)
	shared := sharedObjects(f.Progress.Claims)
	missing := lacking(f, func(l Lack) bool { return l.Claimed && l.matters(f) })
	switch {
	case len(f.Export.Spec.PermissionClaims) == 0:
		return kubebindv1alpha2.TrueCondition(condition)
	case missing != "":
		return permissionMissing(condition, missing+" "+shared)
	case len(refused) > 0:
		return no(kubebindv1alpha2.ReasonClaimRefused, kubebindv1alpha2.SeverityInfo,
			"This cluster refuses the claims on "+strings.Join(refused, ", ")+". "+shared)
	case danglingReference(f) != "":
		return no(kubebindv1alpha2.ReasonReferenceNotBound, kubebindv1alpha2.SeverityError, fmt.Sprintf("A claim refers to objects by %s, "+
			"which this export does not bind: nothing is claimed so. The provider has to mend its template. %s", danglingReference(f), shared))
	case claimProblems(f.Progress.Claims) != "":
		return no(kubebindv1alpha2.ReasonObjectsFailing, kubebindv1alpha2.SeverityInfo,
			fmt.Sprintf("Not shared: %s. See the Events of the objects. %s", claimProblems(f.Progress.Claims), shared))
	case claimsPending(f.Progress.Claims) != "":
		return no(kubebindv1alpha2.ReasonInformersPending, kubebindv1alpha2.SeverityInfo, claimsPending(f.Progress.Claims))
	}
	c := kubebindv1alpha2.TrueCondition(condition)
	c.Message = shared
	return c
}

func danglingReference(f Facts) string {
	for _, claim := range f.Export.Spec.PermissionClaims {
		for _, reference := range claim.Selector.References {
			if resourceOf(f, reference.GroupResource) == nil {
				return reference.ResourceGroupName()
			}
		}
	}
	return ""
}

func byResource(all map[runtimeschema.GroupVersionResource]connection.ClaimProgress) []runtimeschema.GroupVersionResource {
	return slices.SortedFunc(maps.Keys(all), func(a, b runtimeschema.GroupVersionResource) int { return strings.Compare(a.String(), b.String()) })
}

func sharedObjects(all map[runtimeschema.GroupVersionResource]connection.ClaimProgress) string {
	parts := make([]string, 0, len(all))
	for _, gvr := range byResource(all) {
		parts = append(parts, fmt.Sprintf("%s: %d of this cluster, %d of the provider", gvr.Resource, all[gvr].Up, all[gvr].Down))
	}
	if len(parts) == 0 {
		return "Nothing is shared."
	}
	return "Shared " + strings.Join(parts, "; ") + "."
}

func claimProblems(all map[runtimeschema.GroupVersionResource]connection.ClaimProgress) string {
	var parts []string
	for _, gvr := range byResource(all) {
		for _, reason := range slices.Sorted(maps.Keys(all[gvr].Problems)) {
			parts = append(parts, fmt.Sprintf("%d %s %s", all[gvr].Problems[reason], gvr.Resource, reason))
		}
	}
	return strings.Join(parts, ", ")
}

func claimsPending(all map[runtimeschema.GroupVersionResource]connection.ClaimProgress) string {
	for _, gvr := range byResource(all) {
		if !all[gvr].Synced {
			return strings.TrimSpace(fmt.Sprintf("The claimed %s are being read. %s", gvr.Resource, all[gvr].WatchError))
		}
	}
	return ""
}
