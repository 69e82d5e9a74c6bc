// SPDX-License-Identifier: Apache-2.0

package story

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli"
	"kube-bind.io/kube-bind/test/pair"
)

// Nobody signs in: the provider's administrator hands over the answer to a BindableResourcesRequest, or a kubeconfig.
func TestWithoutServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair.Options{})
	if err := w.StartKonnector(); err != nil {
		t.Fatal(err)
	}
	identity, err := w.Consumer.ClusterUID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	place, err := w.Request(t.Context(), "cowboys", "cowboys", identity)
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: pair.RequestNamespace(identity), Name: "cowboys" + kubebindv1alpha2.BindingResponseSecretSuffix}
	if err := w.Provider.Client.Get(t.Context(), key, secret); err != nil {
		t.Fatal(err)
	}

	says(t, w.run(t, cli.ExitUsage, "deploy").stderr, "--file", "--secret")
	says(t, w.runWith(t, cli.ExitFailed, []byte("kind: Nothing"), "deploy", "-f", "-", "--yes").stderr, "no answer of a provider")
	answer := secret.Data[kubebindv1alpha2.BindingResponseKey]
	says(t, w.runWith(t, cli.ExitDeclined, answer, "deploy", "-f", "-", "--skip-konnector").stderr, "cowboys.wildwest.dev", "secrets with the labels app=cowboy", "--yes")
	out := w.runWith(t, cli.ExitOK, answer, "deploy", "-f", "-", "--skip-konnector", "--yes")
	says(t, out.stderr, "Created secret kube-bind/kubeconfig-", "Created APIServiceBinding cowboys")
	if out.stdout != "  - cowboys\n" {
		t.Errorf("stdout is %q", out.stdout)
	}
	w.syncs(t, "billy-the-kid")
	w.run(t, cli.ExitOK, "unbind", "cowboys", "--yes")

	file := filepath.Join(w.home, "request.yaml")
	if err := os.WriteFile(file, []byte(asking), 0o600); err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(w.home, "provider.kubeconfig")
	if err := os.WriteFile(kubeconfig, place.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t, cli.ExitUsage, "apiservice", "-f", file)
	flags := []string{"--remote-kubeconfig", kubeconfig, "--skip-konnector", "--yes"}
	out = w.run(t, cli.ExitOK, append([]string{"apiservice", "-f", file}, flags...)...)
	says(t, out.stderr, "Created APIServiceBinding riders")
	w.syncs(t, "calamity-jane")

	// What the provider has not granted it does not export.
	request := strings.ReplaceAll(asking, "cowboys", "sheriffs")
	out = w.runWith(t, cli.ExitRefused, []byte(request), append([]string{"apiservice", "law", "-f", "-"}, flags...)...)
	says(t, out.stderr, "the provider refuses the export", "sheriffs")
}

// asking is a request in a file.
const asking = `apiVersion: kube-bind.io/v1alpha2
kind: APIServiceExportRequest
metadata:
  name: riders
spec:
  resources:
  - group: wildwest.dev
    resource: cowboys
`
