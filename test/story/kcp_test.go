// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// The provider is one of a kcp's many workspaces: whoever binds says which, to kubectl bind and by it to the page. The konnector is
// that of any other cluster.
func TestBindFromAWorkspace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair.Options{Kind: pair.KCPWorkspace})
	if err := w.StartKonnector(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.OfferVariant(t.Context(), "sheriffs"); err != nil {
		t.Fatal(err)
	}
	w.run(t, cli.ExitOK, "login", w.Door())
	says(t, w.run(t, cli.ExitRefused, "templates").stderr, "--cluster")

	w.run(t, cli.ExitOK, "login", w.Door(), "--cluster", w.Cluster())
	expect.Eventually(t, "the templates of the workspace", func(context.Context) error {
		if out := w.run(t, cli.ExitOK, "templates", "-o", "name").stdout; !strings.Contains(out, "cowboys") || !strings.Contains(out, "sheriffs") {
			return fmt.Errorf("they are %q", out)
		}
		return nil
	})
	says(t, w.run(t, cli.ExitOK, "--template", "cowboys", "--yes", "--skip-konnector").stderr, "Created APIServiceBinding cowboys", "Resources bound successfully!")
	w.servedInPlace(t, "cowboys")
	w.run(t, cli.ExitOK, "logout")

	w.desk = func(ctx context.Context, address string) error { return w.chooses(ctx, address, "sheriffs", "law") }
	says(t, w.run(t, cli.ExitOK, w.Door(), "--cluster", w.Cluster(), "--yes", "--skip-konnector").stderr, "Created APIServiceBinding law", "Resources bound successfully!")
	w.bound(t, "law")
}

// bound waits until a binding is ready.
func (w *world) bound(t *testing.T, name string) {
	t.Helper()
	if _, err := w.WaitBinding(t.Context(), name, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, ""); err != nil {
		t.Fatal(err)
	}
}

// servedInPlace has an object carried to the consumer's own workspace, and its status back.
func (w *world) servedInPlace(t *testing.T, binding string) {
	t.Helper()
	w.bound(t, binding)
	cowboy := expect.Cowboy("default", "billy-the-kid")
	expect.Create(t, w.Consumer, cowboy.DeepCopy())
	expect.Exists(t, w.Provider, cowboy.DeepCopy())
	expect.ChangeStatus(t, w.Provider, cowboy.DeepCopy(), expect.Set("The cattle are safe", "status", "result"))
	expect.Has(t, w.Consumer, cowboy, "The cattle are safe", "status", "result")
}
