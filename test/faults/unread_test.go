// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/expect"
)

// A backend that may not read something waits for the right; told to end meanwhile, it does, within the grace of its Pod, and says what
// it has waited for.
func TestBackendThatMayNotReadEnds(t *testing.T) {
	t.Parallel()
	const name = "blind"
	reads := []string{"get", "list", "watch"}
	expect.Create(t, world.Provider, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}})
	expect.Create(t, world.Provider, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"namespaces", "secrets"}, Verbs: reads},
		{APIGroups: []string{kubebindv1alpha2.GroupName, rbacv1.GroupName, "apiextensions.k8s.io", "admissionregistration.k8s.io"}, Resources: []string{"*"}, Verbs: reads},
	}})
	expect.Create(t, world.Provider, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: name}},
	})
	kubeconfig, err := world.Provider.AccountKubeconfig(t.Context(), "default", name)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	backend, err := controlplane.StartProcess(controlplane.ProcessOptions{
		Path: filepath.Join(world.Bin(), "kube-bind-backend"), LogFile: filepath.Join(t.TempDir(), "backend.log"), StopGrace: 30 * time.Second,
		Args: []string{"--kubeconfig", file, "--frontend-disabled", "--install-crds=false", "--leader-elect=false", "--health-address=0", "--metrics-address=0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	expect.Eventually(t, "the backend should be refused", func(context.Context) error {
		if log := backend.LogTail(50); !strings.Contains(log, "serviceaccounts is forbidden") {
			return errors.New(log)
		}
		return nil
	})
	if err := backend.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := backend.Wait(t.Context()); err == nil {
		t.Error("it ends as if all was well")
	}
	if log := backend.LogTail(1); !strings.Contains(log, "those of the kinds ServiceAccount are missing") {
		t.Errorf("at last it says %q", log)
	}
}
