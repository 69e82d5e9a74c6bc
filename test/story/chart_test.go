// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli"
	"kube-bind.io/kube-bind/test/charts"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// The konnector is Helm's, installed without any value, and kubectl bind leaves it alone. It gets the rights for what is bound all the
// same, none on what is refused, and these once that is accepted.
func TestKonnectorOfTheChart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair.Options{})
	command, err := (&charts.Installer{}).InstallKonnector(t.Context(), w.Consumer, filepath.Join(w.home, "chart"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.StartKonnector(append(command.Args, "--server-address", "0", "--lease-namespace", kubebindv1alpha2.ConsumerNamespace)...); err != nil {
		t.Fatal(err)
	}
	w.run(t, cli.ExitOK, "login", w.Door())
	bind := []string{"--template", "cowboys", "--yes", "--skip-konnector"}
	says(t, w.run(t, cli.ExitOK, append(bind, "--refuse-claim", "secrets")...).stderr, "(refused by you)", "Created APIServiceBinding cowboys", "Resources bound successfully!")
	w.syncs(t, "billy-the-kid")
	w.claim(t, metav1.ConditionFalse, kubebindv1alpha2.ReasonClaimRefused)
	if w.konnectorLists(t, "secrets") || !w.konnectorLists(t, "namespaces") {
		t.Error("the konnector may list all Secrets, which were refused, or not even Namespaces")
	}

	w.kubectl(t, "", `kubectl patch apiservicebinding cowboys --type=merge -p {"spec":{"permissionClaims":[{"group":"","resource":"secrets","state":"Accepted"}]}}`)
	message := w.claim(t, metav1.ConditionFalse, kubebindv1alpha2.ReasonPermissionMissing)
	says(t, message, "Add to the ClusterRole kube-bind-konnector-cowboys:kubeconfig-",
		`, with the label rbac.kube-bind.io/aggregate-to-konnector=true, this rule: {apiGroups: [""], resources: [secrets]`)
	says(t, w.run(t, cli.ExitOK, bind...).stderr, "Kept APIServiceBinding cowboys")
	w.claim(t, metav1.ConditionTrue, "")
	if !w.konnectorLists(t, "secrets") {
		t.Error("the konnector may not list Secrets, which were accepted")
	}

	// What is refused later is taken back with the rights that there are.
	says(t, w.run(t, cli.ExitOK, append(bind, "--refuse-claim", "secrets")...).stderr, "The konnector keeps its rights on secrets", "Updated APIServiceBinding cowboys")
	w.claim(t, metav1.ConditionFalse, kubebindv1alpha2.ReasonClaimRefused)
	w.run(t, cli.ExitOK, "unbind", "cowboys", "--yes")
	expect.Eventually(t, "the rights should go with the binding", func(context.Context) error {
		if w.konnectorLists(t, "secrets") {
			return errors.New("the konnector may still list all Secrets")
		}
		return nil
	})
}

// claim waits for what the condition PermissionClaim is to be, and returns its message.
func (w *world) claim(t *testing.T, status metav1.ConditionStatus, reason string) string {
	t.Helper()
	b, err := w.WaitBinding(t.Context(), "cowboys", kubebindv1alpha2.ConditionPermissionClaim, status, reason)
	if err != nil {
		t.Fatal(err)
	}
	return kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionPermissionClaim).Message
}

// konnectorLists tells whether the konnector's ServiceAccount may list all objects of a resource.
func (w *world) konnectorLists(t *testing.T, resource string) bool {
	t.Helper()
	review := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"user": "system:serviceaccount:kube-bind:konnector", "resourceAttributes": map[string]any{"resource": resource, "verb": "list"},
	}}}
	review.SetAPIVersion("authorization.k8s.io/v1")
	review.SetKind("SubjectAccessReview")
	if err := w.Consumer.Client.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	allowed, _, err := unstructured.NestedBool(review.Object, "status", "allowed")
	if err != nil {
		t.Fatal(err)
	}
	return allowed
}
