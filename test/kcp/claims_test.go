// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/test/wild"
)

// acceptAll has a provider's workspace accept all that kube-bind claims.
func (b *backend) acceptAll(t *testing.T, host *wild.Provider) {
	t.Helper()
	b.eventually(t, "accepting the claims", func(ctx context.Context) error {
		binding := &apisv1alpha2.APIBinding{}
		if err := host.Get(ctx, client.ObjectKey{Name: kcp.ExportName}, binding); err != nil {
			return err
		}
		binding.Spec.PermissionClaims = kcpinit.Accepted(b.Prepared.Claims)
		return host.Update(ctx, binding)
	})
}

// A provider that does not accept all that kube-bind claims is told which claims are missing; others do not suffer; and once they
// are accepted the bind that waited for them ends well, without a restart.
func TestClaimsAreNotAccepted(t *testing.T) {
	b := world.workspaces
	for _, missing := range [][]string{{"secrets"}, {"workspaces"}} {
		t.Run(missing[0], func(t *testing.T) {
			host := b.provider(t, "without-"+missing[0], missing...)
			request := wish("cowboys", "wants-all")
			request.Namespace, request.Name, request.Spec.Author = "default", "wants-all", "tester"
			if err := host.Create(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			b.eventually(t, "a condition that says what is missing", func(ctx context.Context) error {
				if err := host.Get(ctx, client.ObjectKeyFromObject(request), request); err != nil {
					return err
				}
				for _, c := range request.Status.Conditions {
					if strings.Contains(c.Message, "does not accept "+missing[0]) {
						return nil
					}
				}
				return fmt.Errorf("the status is %+v", request.Status)
			})
			if n, err := b.metric(t.Context(), "kube_bind_kcp_workspaces_missing_claims", ""); err != nil || n < 1 {
				t.Errorf("%v workspaces are said to miss claims: %v", n, err)
			}
			b.acceptAll(t, host)
			b.eventually(t, "the bind to end well", func(ctx context.Context) error {
				if err := host.Get(ctx, client.ObjectKeyFromObject(request), request); err != nil {
					return err
				}
				if request.Status.Phase != kubebindv1alpha2.PhaseSucceeded {
					return fmt.Errorf("the status is %+v", request.Status)
				}
				return nil
			})
		})
	}
	t.Run("what the backend comes in by", func(t *testing.T) {
		before, err := b.metric(t.Context(), "kube_bind_kcp_engagement_failures_total", `step="join"`)
		if err != nil {
			t.Fatal(err)
		}
		host := b.provider(t, "without-clusterroles", "clusterroles")
		b.eventually(t, "the failure to be counted", func(ctx context.Context) error {
			if now, err := b.metric(ctx, "kube_bind_kcp_engagement_failures_total", `step="join"`); err != nil || now <= before {
				return fmt.Errorf("it was %v, and is %v: %w", before, now, err)
			}
			return nil
		})
		b.acceptAll(t, host)
		b.bind(t, host, "cowboys", "late")
	})
	b.eventually(t, "nothing to be missing", func(ctx context.Context) error {
		if n, err := b.metric(ctx, "kube_bind_kcp_workspaces_missing_claims", ""); err != nil || n != 0 {
			return fmt.Errorf("%v workspaces are said to miss claims: %w", n, err)
		}
		return nil
	})
}

// What a provider's own APIExport claims of those who bind it is accepted in a consumer's workspace, also when it is changed.
func TestProvidersOwnClaims(t *testing.T) {
	b := world.workspaces
	host, err := b.NewProvider(t.Context(), "claimant")
	if err != nil {
		t.Fatal(err)
	}
	claim := func(resource string) apisv1alpha2.PermissionClaim {
		return apisv1alpha2.PermissionClaim{GroupResource: apisv1alpha2.GroupResource{Resource: resource}, Verbs: []string{"get", "list", "watch"}}
	}
	b.offer(t, host, cowboys(t), claim("configmaps"))
	c := b.bind(t, host, "cowboys", "claimed-from")
	inside, err := b.Client(c.cluster)
	if err != nil {
		t.Fatal(err)
	}
	applied := func(want ...string) {
		t.Helper()
		b.eventually(t, fmt.Sprintf("the claims %v to be applied", want), func(ctx context.Context) error {
			binding := &apisv1alpha2.APIBinding{}
			if err := inside.Get(ctx, client.ObjectKey{Name: "cowboys.wildwest.dev"}, binding); err != nil {
				return err
			}
			var have []string
			for _, claim := range binding.Status.AppliedPermissionClaims {
				have = append(have, claim.Resource)
			}
			if slices.Sort(have); !slices.Equal(have, want) {
				return fmt.Errorf("they are %v: %+v", have, binding.Status.Conditions)
			}
			return nil
		})
	}
	applied("configmaps")
	b.eventually(t, "claiming more", func(ctx context.Context) error {
		export := &apisv1alpha2.APIExport{}
		if err := host.Get(ctx, client.ObjectKey{Name: "cowboys.wildwest.dev"}, export); err != nil {
			return err
		}
		export.Spec.PermissionClaims = []apisv1alpha2.PermissionClaim{claim("configmaps"), claim("secrets")}
		return host.Update(ctx, export)
	})
	applied("configmaps", "secrets")
	c.team(t)
	c.rides(t, "billy")
}
