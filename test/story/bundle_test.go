// SPDX-License-Identifier: Apache-2.0

package story

import (
	"html"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
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
	says(t, out.stderr, "Your cluster cannot be reached", "Nothing is written to your cluster. The contract at the provider is made.",
		"This has a credential", "Made at the provider: namespace kube-bind-", "with the exports cowboys. Nothing was written to your cluster.")
	for _, kind := range []string{"Namespace", "CustomResourceDefinition", "Deployment", "Secret", "APIServiceBinding"} {
		if !strings.Contains(out.stdout, "kind: "+kind+"\n") {
			t.Errorf("there is no %s in the bundle", kind)
		}
	}
	w.kubectl(t, out.stdout, "kubectl apply -f -")
	w.konnectorPod(t)
	w.syncsOnceBound(t, "billy-the-kid")
}

// What the page offers for download is that, too: by one kubectl apply it makes a working binding, and the commands that the page
// shows wait for it.
func TestPageIsAWorkingBinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair.Options{Workloads: true})
	b := w.onPage(t)
	bind := func(form url.Values) string {
		t.Helper()
		answer, err := open(t.Context(), b, http.MethodPost, w.Door()+"/templates/cowboys/bundle", form)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	page, manifest := bind(url.Values{"name": {"cowboys"}}), bind(url.Values{"name": {"cowboys"}, "as": {"file"}})
	if shown := element(t, page, "manifest"); shown != manifest {
		t.Errorf("the page shows\n%s\nthe file has\n%s", shown, manifest)
	}

	// The CLI gives the same person the same place, and the same bundle but for its token.
	w.run(t, cli.ExitOK, "login", w.Door())
	printed := w.run(t, cli.ExitOK, "--kubeconfig", filepath.Join(w.home, "nowhere"), "--template", "cowboys", "--yes", "--dry-run=client", "-o", "yaml").stdout
	credential := regexp.MustCompile(`(?m)^  kubeconfig: \S+$`)
	if credential.ReplaceAllString(manifest, "") != credential.ReplaceAllString(printed, "") || !credential.MatchString(manifest) {
		t.Errorf("the page offers\n%s\nkubectl bind prints\n%s", manifest, printed)
	}

	w.kubectl(t, manifest, strings.Replace(element(t, page, "apply"), "cowboys.yaml", "-", 1))
	w.konnectorPod(t)
	w.kubectl(t, "", element(t, page, "appear"))
	w.kubectl(t, "", element(t, page, "ready"))
	w.syncs(t, "billy-the-kid")
}

// element is the text of a code element on a page.
func element(t *testing.T, page, id string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, `<code id="`+id+`">`)
	text, _, ended := strings.Cut(rest, "</code>")
	if !found || !ended {
		t.Fatalf("there is no %s on the page:\n%s", id, page)
	}
	return html.UnescapeString(regexp.MustCompile(`</?span[^>]*>`).ReplaceAllString(text, ""))
}

// kubectl runs a line that somebody types, in the consumer.
func (w *world) kubectl(t *testing.T, stdin, line string) {
	t.Helper()
	bin, err := controlplane.BinDir()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != "kubectl" {
		t.Fatalf("%q is no kubectl", line)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "kubectl"), append(words[1:], "--kubeconfig", w.Consumer.KubeconfigFile())...)
	cmd.Stdin = strings.NewReader(stdin)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, said)
	}
}
