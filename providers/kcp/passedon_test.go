// SPDX-License-Identifier: Apache-2.0

package kcp_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/test/wild"
)

// claims are answers to what the API of another provider claims: "" is none, "-" a rejection, "*" all objects, and anything else those of
// an app.
func claims(of map[string]string) []apisv1alpha2.AcceptablePermissionClaim {
	var out []apisv1alpha2.AcceptablePermissionClaim
	for _, resource := range []string{"configmaps", "secrets"} {
		said := of[resource]
		answer := apisv1alpha2.AcceptablePermissionClaim{State: apisv1alpha2.ClaimAccepted}
		answer.Resource, answer.Verbs = resource, []string{"*"}
		switch said {
		case "":
			continue
		case "-":
			answer.State, answer.Selector.MatchAll = apisv1alpha2.ClaimRejected, true
		case "*":
			answer.Selector.MatchAll = true
		default:
			answer.Selector.MatchLabels = map[string]string{"app": said}
		}
		out = append(out, answer)
	}
	return out
}

// claimedExport is an API of another provider, with claims, that everybody may bind. It returns where.
func claimedExport(t *testing.T, name string) string {
	t.Helper()
	source, err := world.NewWorkspace(t.Context(), "root", name)
	if err != nil {
		t.Fatal(err)
	}
	exportOf(t, "root:"+name, "den", crd("dens", "Den", apiextensionsv1.NamespaceScoped))
	c, err := world.Client(source)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the claims", func(ctx context.Context) error {
		export := &apisv1alpha2.APIExport{}
		if err := c.Get(ctx, client.ObjectKey{Name: "den"}, export); err != nil {
			return err
		}
		export.Spec.PermissionClaims = nil
		for _, answer := range claims(map[string]string{"configmaps": "*", "secrets": "*"}) {
			export.Spec.PermissionClaims = append(export.Spec.PermissionClaims, answer.PermissionClaim)
		}
		return c.Update(ctx, export)
	})
	meta := metav1.ObjectMeta{Name: "bind-den"}
	for _, o := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"apis.kcp.io"}, Resources: []string{"apiexports"}, Verbs: []string{"bind"}}}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"}}},
	} {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	return "root:" + name
}

// A consumer's workspace says to the claims of another provider's API what the host says to them, also when that changes: a selector
// cannot be changed in place.
func TestClaimsArePassedOn(t *testing.T) {
	path := claimedExport(t, "den-source")
	p := provider(t, kcp.Options{Tenancy: kcp.Workspaces, OfferBindings: true})
	host := workspace(t, p, "den-host")
	binding := apiBinding("den", path, "den")
	binding.Spec.PermissionClaims = claims(map[string]string{"configmaps": "x", "secrets": "-"})
	if err := wild.Bind(t.Context(), host.Client, binding); err != nil {
		t.Fatal(err)
	}
	var place *providers.Place
	eventually(t, "the place", func(ctx context.Context) (err error) {
		place, err = p.Place(ctx, host.Cluster, providers.Consumer{Identity: t.Name(), Requester: "tester"})
		return err
	})
	guest, err := world.Client(string(place.Cluster))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []map[string]string{
		{"configmaps": "x", "secrets": "-"},
		{"secrets": "-"}, // The host cannot change a selector in place either. Its consumers see only what comes of it.
		{"configmaps": "*", "secrets": "-"},
		{"configmaps": "-", "secrets": "*"},
	} {
		eventually(t, "the host's answer", func(ctx context.Context) error {
			if err := host.Client.Get(ctx, client.ObjectKeyFromObject(binding), binding); err != nil {
				return err
			}
			binding.Spec.PermissionClaims = claims(step)
			return host.Client.Update(ctx, binding)
		})
		if len(step) < 2 {
			continue
		}
		eventually(t, fmt.Sprintf("the consumer's workspace to say %v", step), func(ctx context.Context) error {
			if err := p.Serve(ctx, place.Cluster, []schema.GroupResource{{Group: "offers.example.org", Resource: "dens"}}); err != nil {
				return err
			}
			have := &apisv1alpha2.APIBinding{}
			if err := guest.Get(ctx, client.ObjectKey{Name: "den"}, have); err != nil {
				return err
			}
			if diff := cmp.Diff(claims(step), have.Spec.PermissionClaims); diff != "" {
				return fmt.Errorf("it says otherwise: %s", diff)
			}
			return nil
		})
	}
}
