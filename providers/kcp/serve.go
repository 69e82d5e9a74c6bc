// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// Serve implements providers.Tenancy. A consumer's workspace binds the APIExports that the resources are of. It accepts the claims of
// those of its host; of what the host has bound itself only what the host accepts. In a provider's workspace they are served already; the
// backend only allows itself to clear up there.
func (p *Provider) Serve(ctx context.Context, name multicluster.ClusterName, resources []schema.GroupResource) error {
	m := p.members.get(name)
	if m == nil {
		return multicluster.ErrClusterNotFound
	}
	if m.lodging.Host == "" {
		return p.allowCopies(ctx, m.site, resources)
	}
	host := p.members.get(m.lodging.Host)
	if host == nil {
		return multicluster.ErrClusterNotFound
	}
	offers, err := p.offers(ctx, host)
	if err != nil {
		return err
	}
	wanted := map[string]offer{}
	for _, gr := range resources {
		if o, found := offers[gr]; found {
			wanted[o.path+":"+o.export] = o
		}
	}
	for _, export := range slices.Sorted(maps.Keys(wanted)) {
		if err := p.bind(ctx, m, host, wanted[export]); err != nil {
			return err
		}
	}
	return nil
}

// bind has a consumer's workspace bind an APIExport, and answer what it claims.
func (p *Provider) bind(ctx context.Context, guest, host *member, o offer) error {
	if o.local {
		if err := p.allowBind(ctx, host.site, o.export); err != nil {
			return err
		}
	}
	want := &apisv1alpha2.APIBinding{ObjectMeta: metav1.ObjectMeta{Name: o.export}}
	want.Labels = map[string]string{kubebindv1alpha2.ContractNamespaceLabel: guest.lodging.Name}
	want.Spec.Reference.Export = &apisv1alpha2.ExportBindingReference{Path: o.path, Name: o.export}
	want.Spec.PermissionClaims = o.claims
	have := &apisv1alpha2.APIBinding{}
	err := guest.live.Get(ctx, client.ObjectKeyFromObject(want), have)
	switch {
	case apierrors.IsNotFound(err):
		err := guest.live.Create(ctx, want)
		if apierrors.IsForbidden(err) {
			return fmt.Errorf("binding the APIExport %s for the consumer (its owner has to allow the backend the verb bind on it): %w", o.export, err)
		}
		if client.IgnoreAlreadyExists(err) != nil {
			return fmt.Errorf("binding the APIExport %s: %w", o.export, err)
		}
		return notReady("waiting for the APIExport %s to be bound", o.export)
	case err != nil:
		return fmt.Errorf("reading the APIBinding %s: %w", want.Name, err)
	case have.Labels[kubebindv1alpha2.ContractNamespaceLabel] != guest.lodging.Name:
		return &providers.ForeignError{Object: "APIBinding " + have.Name, Message: "remove it from the consumer's workspace"}
	}
	return p.keepBound(ctx, guest, have, want)
}

// keepBound follows the claims of an APIExport and the answers to them, and waits until it is bound.
func (p *Provider) keepBound(ctx context.Context, guest *member, have, want *apisv1alpha2.APIBinding) error {
	if !equality.Semantic.DeepEqual(have.Spec.PermissionClaims, want.Spec.PermissionClaims) {
		have.Spec.PermissionClaims = nextAnswers(have.Spec.PermissionClaims, want.Spec.PermissionClaims)
		whole := len(have.Spec.PermissionClaims) == len(want.Spec.PermissionClaims)
		if err := guest.live.Update(ctx, have); apierrors.IsConflict(err) {
			return notReady("the APIBinding %s is being changed by others", have.Name)
		} else if err != nil {
			return fmt.Errorf("answering the claims of the APIExport %s: %w", have.Name, err)
		} else if !whole {
			return notReady("the selectors of claims of the APIExport %s are being changed", have.Name)
		}
	}
	if have.Status.Phase != apisv1alpha2.APIBindingPhaseBound {
		return notReady("waiting for the APIExport %s to be bound%s", have.Name, complaint(have.Status.Conditions))
	}
	return nil
}

// accepted are all claims of an APIExport as a binding accepts them.
func accepted(claims []apisv1alpha2.PermissionClaim) []apisv1alpha2.AcceptablePermissionClaim {
	var out []apisv1alpha2.AcceptablePermissionClaim
	for _, c := range claims {
		selector := apisv1alpha2.PermissionClaimSelector{MatchAll: true}
		if c.DefaultSelector != nil {
			selector = *c.DefaultSelector
		}
		out = append(out, apisv1alpha2.AcceptablePermissionClaim{
			ScopedPermissionClaim: apisv1alpha2.ScopedPermissionClaim{PermissionClaim: c, Selector: selector}, State: apisv1alpha2.ClaimAccepted,
		})
	}
	return sorted(out)
}

// passedOn are the claims of somebody else's APIExport as a consumer's workspace answers them: word for word as the host does whose
// APIBinding it is. What the host has not accepted, or for some objects only, its consumers do not accept either: among the Secrets of their
// workspaces are those of their contracts. A claim that the host has not answered is not answered.
func passedOn(b *apisv1alpha2.APIBinding) []apisv1alpha2.AcceptablePermissionClaim {
	var out []apisv1alpha2.AcceptablePermissionClaim
	for _, answer := range b.Spec.PermissionClaims {
		if slices.ContainsFunc(b.Status.ExportPermissionClaims, answer.EqualGRI) {
			out = append(out, answer)
		}
	}
	return sorted(out)
}

// nextAnswers are what to write to get from what is answered to what is to be: a selector cannot be changed, so the answer goes first.
func nextAnswers(have, want []apisv1alpha2.AcceptablePermissionClaim) []apisv1alpha2.AcceptablePermissionClaim {
	return slices.DeleteFunc(slices.Clone(want), func(w apisv1alpha2.AcceptablePermissionClaim) bool {
		return slices.ContainsFunc(have, func(h apisv1alpha2.AcceptablePermissionClaim) bool {
			return h.EqualGRI(w.PermissionClaim) && !equality.Semantic.DeepEqual(h.Selector, w.Selector)
		})
	})
}

func sorted(claims []apisv1alpha2.AcceptablePermissionClaim) []apisv1alpha2.AcceptablePermissionClaim {
	slices.SortFunc(claims, func(a, b apisv1alpha2.AcceptablePermissionClaim) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.IdentityHash, b.IdentityHash))
	})
	return claims
}
