// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/leak"
	"kube-bind.io/kube-bind/test/pair"
)

// scouts are of a group that no role of the charts has.
const scouts = "scouts.frontier.dev"

// offerScouts offers them, with the rights that the backend needs.
func offerScouts(t *testing.T) {
	t.Helper()
	crd, _, err := pair.Variant(t.Context(), "scouts")
	if err != nil {
		t.Fatal(err)
	}
	if !world.place.Own {
		expect.Create(t, world.Provider, &rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: "exported-scouts", Labels: map[string]string{"rbac.kube-bind.io/aggregate-to-backend": "true"}},
			Rules: []rbacv1.PolicyRule{{
				APIGroups: []string{"frontier.dev"}, Resources: []string{"scouts"},
				Verbs: []string{"get", "list", "watch", "create", "update", "patch", "delete"},
			}},
		})
	}
	offer(t, world.Pair, parsed(t, strings.ReplaceAll(string(crd), "wildwest.dev", "frontier.dev")))
}

// asked is the ClusterRole that a message asks for.
func asked(t *testing.T, message string) *rbacv1.ClusterRole {
	t.Helper()
	parts := regexp.MustCompile(`Add to the ClusterRole (\S+), with the label (\S+)=true, this rule: (\{.*?\})\.`).FindStringSubmatch(message)
	if parts == nil {
		t.Fatalf("the message asks for no rule: %q", message)
	}
	out := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: parts[1], Labels: map[string]string{parts[2]: "true"}}, Rules: []rbacv1.PolicyRule{{}}}
	if err := yaml.UnmarshalStrict([]byte(parts[3]), &out.Rules[0]); err != nil {
		t.Fatalf("the rule of the message %q: %v", message, err)
	}
	return out
}

// konnectorMay asks the consumer whether the konnector may do something with scouts.
func konnectorMay(ctx context.Context, verb string) (bool, error) {
	review := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"user":               "system:serviceaccount:kube-bind:konnector",
		"resourceAttributes": map[string]any{"group": "frontier.dev", "resource": "scouts", "verb": verb},
	}}}
	review.SetAPIVersion("authorization.k8s.io/v1")
	review.SetKind("SubjectAccessReview")
	if err := world.Consumer.Client.Create(ctx, review); err != nil {
		return false, err
	}
	allowed, _, err := unstructured.NestedBool(review.Object, "status", "allowed")
	return allowed, err
}

// A konnector without rights on what is bound says which rule to add, and where; somebody who does just that need do nothing else. So
// it is when it may see objects, but not write them.
func TestMissingPermissionIsNamed(t *testing.T) {
	t.Parallel()
	offerScouts(t)
	ctx := t.Context()
	identity, err := world.Consumer.ClusterUID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	place, err := world.Request(ctx, scouts, scouts, identity)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(world.SaveKubeconfig(ctx, scouts, place.Kubeconfig), world.CreateBinding(ctx, scouts, scouts)); err != nil {
		t.Fatal(err)
	}
	bindingHas(t, scouts, kubebindv1alpha2.ConditionReady, metav1.ConditionFalse, kubebindv1alpha2.ReasonPermissionMissing)
	b := bindingHas(t, scouts, kubebindv1alpha2.ConditionInformersSynced, metav1.ConditionFalse, kubebindv1alpha2.ReasonPermissionMissing)
	message := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionInformersSynced).Message
	if !strings.HasPrefix(message, "This cluster does not let the konnector get, list, watch, ") || !strings.Contains(message, scouts) {
		t.Errorf("the condition says %q", message)
	}
	role := asked(t, message)
	expect.Create(t, world.Consumer, role)
	bindingHas(t, scouts, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	here := expect.Cowboy(expect.Namespace(t, world.Consumer, "frontier"), "kit")
	here.SetAPIVersion("frontier.dev/v1alpha1")
	here.SetKind("Scout")
	copied := here.DeepCopy()
	copied.SetNamespace(there("frontier"))
	roundTrip(t, world.Pair, here, copied)

	before := role.DeepCopy()
	role.Rules[0].Verbs = []string{"get", "list", "watch"}
	if err := world.Consumer.Client.Patch(ctx, role, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	expect.Eventually(t, "the konnector should have lost the right to write", func(ctx context.Context) error {
		if may, err := konnectorMay(ctx, "patch"); may || err != nil {
			return errors.Join(errors.New("it has it"), err)
		}
		return nil
	})
	expect.Create(t, world.Consumer, here.DeepCopy())
	b = bindingHas(t, scouts, kubebindv1alpha2.ConditionObjectsInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonPermissionMissing)
	again := asked(t, kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionObjectsInSync).Message)
	bindingHas(t, scouts, kubebindv1alpha2.ConditionReady, metav1.ConditionFalse, kubebindv1alpha2.ReasonPermissionMissing)
	again.ResourceVersion = role.ResourceVersion
	if err := world.Consumer.Client.Update(ctx, again); err != nil {
		t.Fatal(err)
	}
	expect.Has(t, world.Provider, copied, leak.Body, "spec", "intent")
	bindingHas(t, scouts, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	bindingHas(t, scouts, kubebindv1alpha2.ConditionObjectsInSync, metav1.ConditionTrue, "")
}
