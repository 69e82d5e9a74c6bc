// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"path/filepath"
	"testing"

	"kube-bind.io/kube-bind/test/pair"
)

const (
	consumerGuide = "docs/guides/consumer.md"
	providerGuide = "docs/guides/provider.md"
)

// The guide for consumers begins with a provider that offers something.
func TestConsumerGuide(t *testing.T) {
	t.Parallel()
	guide(t, consumerGuide, "crd-cowboys.yaml", "template-cowboys.yaml")
}

// The guide for providers begins with a backend and nothing to offer, and ends with everything taken back.
func TestProviderGuide(t *testing.T) {
	t.Parallel()
	guide(t, providerGuide)
}

// guide runs a page that has a backend already, which offers examples. The konnector that the page deploys is played.
func guide(t *testing.T, page string, examples ...string) {
	t.Helper()
	p, err := pair.StartControlPlanes(t.Context(), pair.Options{LogDir: t.TempDir(), FrontDoor: true, Workloads: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := p.StartBackend(); err != nil {
		t.Fatal(err)
	}
	if err := p.AwaitBackend(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range examples {
		if err := p.ApplyTemplate(t.Context(), filepath.Join(root, "deploy", "examples", name)); err != nil {
			t.Fatal(err)
		}
	}
	played := make(chan error, 1)
	file := filepath.Join(t.TempDir(), "konnector.kubeconfig")
	go func() { played <- p.PlayKonnectorPods(t.Context(), file) }()
	s := newShell(t, "PROVIDER="+p.Provider.KubeconfigFile(), "CONSUMER="+p.Consumer.KubeconfigFile(), "SERVER="+p.Door())
	s.walk(t, page)
	if err := <-played; err != nil {
		t.Error(err)
	}
}
