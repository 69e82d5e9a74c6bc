// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"testing"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/wild"
)

// export waits until the only APIServiceExport of a consumer has a condition with a status and reason.
func (c *consumer) export(t *testing.T, conditionType string, status metav1.ConditionStatus, reason string) {
	t.Helper()
	expect.Eventually(t, fmt.Sprintf("the condition %s=%s of the export", conditionType, status), func(ctx context.Context) error {
		var list kubebindv1alpha2.APIServiceExportList
		if err := c.List(ctx, &list, client.InNamespace(c.namespace)); err != nil {
			return err
		}
		if len(list.Items) != 1 {
			return fmt.Errorf("there are %d exports", len(list.Items))
		}
		have := kubebindv1alpha2.FindCondition(list.Items[0].Status.Conditions, conditionType)
		if have == nil || have.Status != status || have.Reason != reason {
			return fmt.Errorf("its conditions are %+v", list.Items[0].Status.Conditions)
		}
		return nil
	})
}

// rides fails unless the consumer's object can be changed, and a new one be made.
func (c *consumer) rides(t *testing.T, name string) {
	t.Helper()
	c.create(t, c.cowboy(name))
	o := c.cowboy(name)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Error(err)
	}
}

// A provider's workspace that does not bind kube-bind's API any more is told to its consumers, whose objects stay; others do not
// notice; and when it is bound again everything goes on.
func TestProviderLeavesAndComesBack(t *testing.T) {
	b := world.workspaces
	host, other := b.provider(t, "leaves"), b.provider(t, "leaves-not")
	hit, untouched := b.bind(t, host, "cowboys", "left-alone"), b.bind(t, other, "cowboys", "untouched")
	for _, c := range []*consumer{hit, untouched} {
		c.team(t)
		c.rides(t, "before")
		c.export(t, kubebindv1alpha2.ConditionProviderInSync, metav1.ConditionTrue, "")
	}
	binding := &apisv1alpha2.APIBinding{ObjectMeta: metav1.ObjectMeta{Name: kcp.ExportName}}
	if err := host.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, "the provider to be gone", func(ctx context.Context) error {
		if err := host.Get(ctx, client.ObjectKeyFromObject(binding), binding); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the APIBinding is still there: %w", err)
		}
		return nil
	})
	hit.export(t, kubebindv1alpha2.ConditionProviderInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonProviderGone)
	hit.rides(t, "meanwhile")
	untouched.rides(t, "meanwhile")
	untouched.export(t, kubebindv1alpha2.ConditionProviderInSync, metav1.ConditionTrue, "")
	b.alive(t)

	if err := b.Join(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, "the template to be there again", func(ctx context.Context) error {
		return client.IgnoreAlreadyExists(host.Create(ctx, wild.Template(cowboys(t))))
	})
	hit.export(t, kubebindv1alpha2.ConditionProviderInSync, metav1.ConditionTrue, "")
	again := b.bind(t, host, "cowboys", "left-alone")
	if again.cluster != hit.cluster {
		t.Errorf("the consumer has another place, %s instead of %s", again.cluster, hit.cluster)
	}
	hit.rides(t, "after")
}

// A consumer's workspace that somebody deletes takes the consumer with it, and no one else; who asks again gets a new one.
func TestWorkspaceDeletedByHand(t *testing.T) {
	b := world.workspaces
	host := b.provider(t, "deleted-by-hand")
	hit, untouched := b.bind(t, host, "cowboys", "deleted"), b.bind(t, host, "cowboys", "not-deleted")
	for _, c := range []*consumer{hit, untouched} {
		c.team(t)
		c.rides(t, "before")
	}
	workspace := &tenancyv1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: hit.namespace}}
	if err := host.Delete(t.Context(), workspace); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, "the workspace to be gone", func(ctx context.Context) error {
		if err := host.Get(ctx, client.ObjectKeyFromObject(workspace), workspace); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there (%w): %+v", err, workspace.Status)
		}
		return nil
	})
	if err := hit.List(t.Context(), &kubebindv1alpha2.APIServiceExportList{}, client.InNamespace(hit.namespace)); !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err) {
		t.Errorf("the credential of the deleted workspace gets %v", err)
	}
	untouched.rides(t, "after")
	again := b.bind(t, host, "cowboys", "deleted-again")
	if again.cluster == hit.cluster {
		t.Error("the new place is the old one")
	}
	again.team(t)
	again.rides(t, "after")
	b.alive(t)
}

// Two workspaces with the same template, of which one's name contains the other's, are two providers: the same consumer has a
// place in each of them.
func TestProvidersWithSimilarNames(t *testing.T) {
	for _, b := range []*backend{world.workspaces, world.namespaces} {
		t.Run(b.tenancy, func(t *testing.T) {
			short, long := b.provider(t, "name-"+b.tenancy), b.provider(t, "name-"+b.tenancy+"-longer")
			one, two := b.bind(t, short, "cowboys", "same"), b.bind(t, long, "cowboys", "same")
			if one.cluster == two.cluster {
				t.Fatalf("both places are in %s", one.cluster)
			}
			for _, c := range []*consumer{one, two} {
				c.team(t)
			}
			one.rides(t, "billy")
			o := two.cowboy("billy")
			if err := two.Get(t.Context(), client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
				t.Errorf("what was made in one place is in the other: %v", err)
			}
			if err := one.List(t.Context(), &kubebindv1alpha2.APIServiceExportList{}, client.InNamespace(two.namespace)); one.namespace != two.namespace && !apierrors.IsForbidden(err) {
				t.Errorf("one reads what is the other's: %v", err)
			}
			two.rides(t, "billy")
		})
	}
}
