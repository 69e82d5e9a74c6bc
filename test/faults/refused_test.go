// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

const denial = "no outlaws in this town"

// denyCreates makes the provider refuse new cowboys of these names, and waits until it does.
func denyCreates(t *testing.T, p *pair.Pair, names ...string) {
	t.Helper()
	quoted := "'" + strings.Join(names, "','") + "'"
	for _, manifest := range []string{
		fmt.Sprintf(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"no-outlaws"},"spec":{
			"matchConstraints":{"resourceRules":[{"apiGroups":["wildwest.dev"],"apiVersions":["*"],"operations":["CREATE"],"resources":["cowboys"]}]},
			"validations":[{"expression":"!(object.metadata.name in [%s])","message":"%s"}]}}`, quoted, denial),
		`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"no-outlaws"},"spec":{
			"policyName":"no-outlaws","validationActions":["Deny"]}}`,
	} {
		if err := p.Provider.ApplyYAML(t.Context(), []byte(manifest)); err != nil {
			t.Fatal(err)
		}
	}
	expect.Eventually(t, "the policy should be in force", func(ctx context.Context) error {
		err := p.Provider.Client.Create(ctx, expect.Cowboy("default", names[0]), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), denial) {
			return fmt.Errorf("a create gets %w", errors.Join(err, errors.New("no denial")))
		}
		return nil
	})
}

func allowCreates(t *testing.T, p *pair.Pair) {
	t.Helper()
	for _, kind := range []string{"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"} {
		o := expect.Cowboy("", "no-outlaws")
		o.SetAPIVersion("admissionregistration.k8s.io/v1")
		o.SetKind(kind)
		expect.Delete(t, p.Provider, o)
	}
	expect.Eventually(t, "the policy should be out of force", func(ctx context.Context) error {
		return errors.Join(
			p.Provider.Client.Create(ctx, expect.Cowboy("default", "kept"), client.DryRunAll),
			p.Provider.Client.Create(ctx, expect.Cowboy("default", "outlaw"), client.DryRunAll))
	})
}

// An object that the provider refuses is its owner's affair: they are told why, others go on, the provider is not flooded,
// and it goes up once it may.
func TestRefusedObjectIsReportedAndHeals(t *testing.T) {
	p := world.Pair
	ns := expect.Namespace(t, p.Consumer, "refused")
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "first"))
	expect.Exists(t, p.Provider, expect.Cowboy(there(ns), "first"))
	denyCreates(t, p, "outlaw")
	outlaw := expect.Cowboy(ns, "outlaw")
	expect.Create(t, p.Consumer, outlaw.DeepCopy())
	if message := expect.Event(t, p.Consumer, outlaw, sync.ReasonRejected); !strings.Contains(message, denial) {
		t.Errorf("the Event does not repeat the provider's words: %q", message)
	}
	b := bindingHas(t, "cowboys", kubebindv1alpha2.ConditionObjectsInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonObjectsFailing)
	if c := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionObjectsInSync); !strings.Contains(c.Message, sync.ReasonRejected) {
		t.Errorf("the condition says %q", c.Message)
	}
	bindingHas(t, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")

	const window, most = 8 * time.Second, 12
	before := writes(t, p.Provider)
	others := 0
	err := wait.PollUntilContextTimeout(t.Context(), time.Second, window, true, func(context.Context) (bool, error) {
		name := fmt.Sprintf("other-%d", others)
		expect.Create(t, p.Consumer, expect.Cowboy(ns, name))
		expect.Exists(t, p.Provider, expect.Cowboy(there(ns), name))
		others++
		return false, nil
	})
	if !wait.Interrupted(err) {
		t.Fatal(err)
	}
	if tried := writes(t, p.Provider) - before - others; tried > most {
		t.Errorf("the object was tried %d times in %s", tried, window)
	}
	allowCreates(t, p)
	// A change is tried at once; else it would be the next retry.
	expect.Change(t, p.Consumer, outlaw, expect.Set("repent", "spec", "intent"))
	expect.Has(t, p.Provider, expect.Cowboy(there(ns), "outlaw"), "repent", "spec", "intent")
	bindingHas(t, "cowboys", kubebindv1alpha2.ConditionObjectsInSync, metav1.ConditionTrue, "")
}

func writes(t *testing.T, side *pair.Side) int {
	t.Helper()
	r, err := pair.CountRequests(t.Context(), side, "cowboys")
	if err != nil {
		t.Fatal(err)
	}
	return r.Writes()
}
