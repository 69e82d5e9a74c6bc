// SPDX-License-Identifier: Apache-2.0

package story

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// The story of seeds/internals-deep-dive.md: sign in, bind, the konnector is deployed, an object goes there and its status
// comes back; and on to the end: how it is, and unbinding.
func TestDeepDive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair.Options{Workloads: true})
	if out := w.run(t, cli.ExitSignIn, "templates"); !strings.Contains(out.stderr, "kubectl bind login") || out.stdout != "" {
		t.Errorf("somebody who is not signed in is told: %s%s", out.stdout, out.stderr)
	}
	out := w.run(t, cli.ExitOK, "login", w.Door())
	says(t, out.stderr, "Connecting to kube-bind server "+w.Door()+"...", "Opening browser", "Successfully authenticated to", "Configuration saved to: ")
	file := filepath.Join(w.home, ".kube-bind", "config")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the config file: %v, %v", info, err)
	}
	says(t, w.run(t, cli.ExitOK, "templates").stdout, "NAME", "RESOURCES", "PERMISSIONCLAIMS", "AGE", "cowboys", "cowboys.wildwest.dev", "secrets")
	if out := w.run(t, cli.ExitOK, "templates", "-o", "name").stdout; out != "apiserviceexporttemplate.kube-bind.io/cowboys\n" {
		t.Errorf("-o name prints %q", out)
	}

	// Nobody is there to be asked.
	out = w.run(t, cli.ExitDeclined, "--template", "cowboys")
	says(t, out.stderr, "cowboys.wildwest.dev", "secrets with the labels app=cowboy", "--yes")
	if exists(t, w, kubebindv1alpha2.ConsumerNamespace) {
		t.Error("something was written in the consumer without consent")
	}

	bound := make(chan result, 1)
	go func() { bound <- w.run(t, cli.ExitOK, "--template", "cowboys", "--yes") }()
	w.konnectorPod(t)
	out = <-bound
	says(t, out.stderr, "Created kube-bind namespace.", "Created secret kube-bind/kubeconfig-", "for host "+w.Provider.Config().Host,
		"Deploying konnector v0.0.1 to namespace kube-bind.", "Waiting for the konnector to be ready", "Created APIServiceBinding cowboys for 1 resources",
		"Created 1 APIServiceBinding(s):", "Resources bound successfully!")
	if out.stdout != "  - cowboys\n" {
		t.Errorf("stdout is %q", out.stdout)
	}
	w.syncs(t, "billy-the-kid")

	// Once more is fine, and changes nothing.
	out = w.run(t, cli.ExitOK, "--template", "cowboys", "--yes", "-o", "name")
	says(t, out.stderr, "The konnector in your cluster stays as it is", "Kept APIServiceBinding cowboys")
	if out.stdout != "apiservicebinding.kube-bind.io/cowboys\n" {
		t.Errorf("-o name prints %q", out.stdout)
	}
	says(t, w.run(t, cli.ExitOK, "status", "--exit-code").stdout, "NAME", "SYNCED", "HEARTBEAT", "cowboys", "BigCorp.com", "true", "cowboys.wildwest.dev", "1/1", "0", "ago", "ms")

	says(t, w.run(t, cli.ExitOK, "version").stdout, "kubectl-bind v0.0.1", "server       v0.0.1 ("+w.Door()+", BigCorp.com)", "konnector    ghcr.io/kbind-dev/konnector:v0.0.1")

	says(t, w.run(t, cli.ExitDeclined, "unbind", "cowboys").stderr, "--yes")
	says(t, w.run(t, cli.ExitOK, "unbind", "cowboys", "--yes").stderr, "Unbound cowboys. Gone from your cluster: 1 object of 1 resource.")
	if out := w.run(t, cli.ExitOK, "status"); !strings.Contains(out.stderr, "Nothing is bound.") {
		t.Errorf("status says %s%s", out.stdout, out.stderr)
	}
	w.run(t, cli.ExitOK, "logout")
	w.run(t, cli.ExitSignIn, "templates")
}

func exists(t *testing.T, w *world, namespace string) bool {
	t.Helper()
	err := w.Consumer.Client.Get(t.Context(), client.ObjectKey{Name: namespace}, &corev1.Namespace{})
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return err == nil
}

// syncsOnceBound waits for the binding first.
func (w *world) syncsOnceBound(t *testing.T, name string) {
	t.Helper()
	if _, err := w.WaitBinding(t.Context(), "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, ""); err != nil {
		t.Fatal(err)
	}
	w.syncs(t, name)
}

// syncs makes an object in the consumer, and sees it at the provider and its status back.
func (w *world) syncs(t *testing.T, name string) {
	t.Helper()
	cowboy := expect.Cowboy("default", name)
	expect.Create(t, w.Consumer, cowboy)
	places := &kubebindv1alpha2.ClusterBindingList{}
	if err := w.Provider.Client.List(t.Context(), places); err != nil || len(places.Items) != 1 {
		t.Fatalf("there are %d places: %v", len(places.Items), err)
	}
	there := expect.Cowboy(places.Items[0].Namespace+"-default", name)
	expect.Exists(t, w.Provider, there)
	expect.ChangeStatus(t, w.Provider, there, expect.Set("The cattle are safe", "status", "result"))
	expect.Has(t, w.Consumer, cowboy, "The cattle are safe", "status", "result")
}
