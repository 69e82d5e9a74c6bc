// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// A kcp keeps its data over a restart, and knows its administrator and nobody else's rights.
func TestKCP(t *testing.T) {
	k, err := StartKCP(t.Context(), Options{Name: "kcp"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	})
	secrets := schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	list := func(cfg *rest.Config) error {
		c, err := dynamic.NewForConfig(cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Resource(secrets).List(t.Context(), metav1.ListOptions{})
		return err
	}
	nobody, err := k.UserKubeconfig("root", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := clientcmd.RESTConfigFromKubeConfig(nobody)
	if err != nil {
		t.Fatal(err)
	}
	if err := list(theirs); !apierrors.IsForbidden(err) {
		t.Errorf("nobody is answered with %v", err)
	}
	if err := k.StopServer(); err != nil {
		t.Fatal(err)
	}
	if err := k.StartServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	admin, err := k.Kubeconfig("root")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := clientcmd.RESTConfigFromKubeConfig(admin)
	if err != nil {
		t.Fatal(err)
	}
	if err := list(ours); err != nil {
		t.Error(err)
	}
}
