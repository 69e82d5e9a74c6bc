// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/leak"
	"kube-bind.io/kube-bind/test/pair"
)

// consumerWorkspace makes a workspace that binds nothing of kube-bind's, and returns the kubeconfig of one who may do everything in
// it and nothing anywhere else, and a client with that.
func consumerWorkspace(t *testing.T, b *backend, name string) (kubeconfig []byte, side *pair.Side) {
	t.Helper()
	cluster, err := b.NewWorkspace(t.Context(), "root", name)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := b.Client(cluster)
	if err != nil {
		t.Fatal(err)
	}
	may := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	}
	if err := admin.Create(t.Context(), may); err != nil {
		t.Fatal(err)
	}
	if kubeconfig, err = b.UserKubeconfig(cluster, name); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	side = &pair.Side{}
	if side.Client, err = pair.Client(config); err != nil {
		t.Fatal(err)
	}
	return kubeconfig, side
}

// konnector runs the shipped konnector for a cluster until the test ends.
func konnector(t *testing.T, name string, kubeconfig []byte) *controlplane.Process {
	t.Helper()
	file := filepath.Join(world.logs, name+".kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	process, err := controlplane.StartProcess(controlplane.ProcessOptions{
		Name: "konnector", Path: filepath.Join(world.bin, "konnector"), LogFile: filepath.Join(world.logs, "konnector-"+name+".log"),
		// A workspace has no namespace kube-system.
		Args: []string{"--kubeconfig", file, "--cluster-identity-namespace", "default", "--lease-namespace", "default", "--server-address", "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Stop(); err != nil {
			t.Error(err)
		}
	})
	return process
}

// A consumer may itself be a workspace of a kcp: the konnector runs anywhere, with a kubeconfig to the workspace, and is the same as
// for a plain cluster. Nothing of kube-bind's need be bound there.
func TestConsumerIsAWorkspace(t *testing.T) {
	b := world.workspaces
	host := b.provider(t, "for-a-workspace")
	const name = "consuming"
	kubeconfig, consumer := consumerWorkspace(t, b, name)
	process := konnector(t, name, kubeconfig)
	bound := b.bind(t, host, "cowboys", name)
	there, err := b.Client(bound.cluster)
	if err != nil {
		t.Fatal(err)
	}
	provider := &pair.Side{Client: there}
	p := &pair.Pair{Consumer: consumer, Provider: provider}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.SaveKubeconfig(ctx, name, bound.kubeconfig); err != nil {
		t.Fatal(err)
	}
	expect.Eventually(t, "the konnector's API in the workspace", func(ctx context.Context) error {
		return consumer.Client.List(ctx, &kubebindv1alpha2.APIServiceBindingList{})
	})
	if err := p.CreateBinding(ctx, name, name); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitBinding(ctx, name, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, ""); err != nil {
		t.Fatalf("%v\n%s", err, process.LogTail(20))
	}
	for _, namespace := range []string{"team", metav1.NamespaceDefault} {
		roundTrip(t, consumer, provider, namespace)
	}
}

// roundTrip makes an object in a namespace, which is served at the provider and then deleted.
func roundTrip(t *testing.T, consumer, provider *pair.Side, namespace string) {
	t.Helper()
	expect.Namespace(t, consumer, namespace)
	object := expect.Cowboy(namespace, "billy")
	expect.Create(t, consumer, object)
	expect.Has(t, provider, object, leak.Body, "spec", "intent")
	expect.ChangeStatus(t, provider, object, expect.Set("arrived", "status", "result"))
	expect.Has(t, consumer, object, "arrived", "status", "result")
	expect.Change(t, consumer, object, expect.Set("rest", "spec", "intent"))
	expect.Has(t, provider, object, "rest", "spec", "intent")
	expect.Delete(t, consumer, object)
	for _, side := range []*pair.Side{consumer, provider} {
		expect.Gone(t, side, client.Object(object))
	}
}
