// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// missingClaims are the resources that kube-bind's APIExport claims and a workspace does not let it have, or not with all verbs.
func missingClaims(binding *apisv1alpha2.APIBinding) []string {
	if binding == nil {
		return nil
	}
	var out []string
	for _, claim := range binding.Status.ExportPermissionClaims {
		if !slices.ContainsFunc(binding.Spec.PermissionClaims, func(a apisv1alpha2.AcceptablePermissionClaim) bool { return accepts(a, claim) }) {
			out = append(out, strings.TrimSuffix(claim.Resource+"."+claim.Group, "."))
		}
	}
	slices.Sort(out)
	return out
}

// accepts tells whether what a binding says of a claim lets the claim's owner have all of it.
func accepts(have apisv1alpha2.AcceptablePermissionClaim, claim apisv1alpha2.PermissionClaim) bool {
	if have.State != apisv1alpha2.ClaimAccepted || !have.EqualGRI(claim) {
		return false
	}
	for _, verb := range claim.Verbs {
		if !slices.Contains(have.Verbs, verb) && !slices.Contains(have.Verbs, "*") {
			return false
		}
	}
	return true
}

// explained is a client whose errors say which claims a workspace has not accepted, when kcp refuses what needs one: kcp itself
// does not.
type explained struct {
	client.Client
	binding func() *apisv1alpha2.APIBinding
}

func (e explained) explain(err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	if missing := missingClaims(e.binding()); len(missing) > 0 {
		return fmt.Errorf("the workspace's APIBinding has to accept what kube-bind's APIExport claims, and does not accept %s: %w", strings.Join(missing, ", "), err)
	}
	return err
}

func (e explained) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	return e.explain(e.Client.Get(ctx, key, obj, opts...))
}

func (e explained) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return e.explain(e.Client.List(ctx, list, opts...))
}

func (e explained) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	return e.explain(e.Client.Create(ctx, obj, opts...))
}

func (e explained) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	return e.explain(e.Client.Update(ctx, obj, opts...))
}

func (e explained) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return e.explain(e.Client.Patch(ctx, obj, patch, opts...))
}

func (e explained) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	return e.explain(e.Client.Delete(ctx, obj, opts...))
}
