// SPDX-License-Identifier: Apache-2.0

package story

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kube-bind.io/kube-bind/cli"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/pair"
)

// The GitOps path: a dry run needs no consumer, and what it prints makes a working binding of whichever cluster it is applied
// to, by one kubectl apply.
func TestDryRunIsAWorkingBinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair.Options{Workloads: true})
	w.run(t, cli.ExitOK, "login", w.Door())
	out := w.run(t, cli.ExitOK, "--kubeconfig", filepath.Join(w.home, "nowhere"), "--template", "cowboys", "--yes", "--dry-run=client", "-o", "yaml")
	says(t, out.stderr, "Your cluster cannot be reached", "Nothing is written to your cluster. The contract at the provider is made.", "This has a credential")
	for _, kind := range []string{"Namespace", "CustomResourceDefinition", "Deployment", "Secret", "APIServiceBinding"} {
		if !strings.Contains(out.stdout, "kind: "+kind+"\n") {
			t.Errorf("there is no %s in the bundle", kind)
		}
	}
	bin, err := controlplane.BinDir()
	if err != nil {
		t.Fatal(err)
	}
	apply := exec.CommandContext(t.Context(), filepath.Join(bin, "kubectl"), "--kubeconfig", w.Consumer.KubeconfigFile(), "apply", "-f", "-")
	apply.Stdin = strings.NewReader(out.stdout)
	if said, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v\n%s", err, said)
	}
	w.konnectorPod(t)
	w.syncsOnceBound(t, "billy-the-kid")
}
