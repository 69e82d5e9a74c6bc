// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// TestOnACluster shares one API server between everything that needs one here.
func TestOnACluster(t *testing.T) {
	s := newStage(t)
	for _, tc := range []struct {
		name string
		run  func(*testing.T, *stage)
	}{
		// The first finds a cluster in which nothing was done.
		{"nothing is written without consent", testConsent},
		{"no konnector without an image", testUnversioned},
		{"a dry run writes nothing", testDryRun},
		{"Ctrl-C and timeouts, whatever is waited for", testWaiting},
		{"an answer that asks for more is asked about", testGreedy},
		{"results in all formats", testFormats},
		{"a spinner on a terminal, lines elsewhere", testSpinner},
		{"a konnector of another version", testUpgrade},
		{"who asks, and whom", testKubectlFlags},
		{"what Tab completes", testCompletion},
		{"what is refused before, later and still", testRefusals},
		{"what the provider has withdrawn", testWithdrawn},
		{"a konnector whose image cannot be pulled", testStuck},
		{"what is not healthy", testUnhealthy},
		{"a request of that name that asks for something else", testOtherRequest},
		{"a provider that is elsewhere for the konnector", testProviderAddress},
		// The last brings the examples.
		{"clusters of kind", testKindStarts},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.run(t, s)
			s.clear(t)
		})
	}
}

func testConsent(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	untouched := func(what string) {
		t.Helper()
		if s.has(t, &corev1.Namespace{}, "", kubebindv1alpha2.ConsumerNamespace) || s.asked.Load() > 0 {
			t.Errorf("%s, and something was made", what)
		}
	}
	terms := []string{"Binding cowboys", "  - cowboys.wildwest.dev", "The provider also asks to share:", "  - secrets with the labels app=cowboy"}
	s.run(t.Context(), "--template", "cowboys").wants(t, ExitDeclined, append(terms, "this is no terminal", "Add --yes")...)
	untouched("nobody was there")
	s.run(t.Context(), "apiservice", "riders", "--template-name", "cowboys").wants(t, ExitDeclined, "Binding riders", "Add --yes")
	untouched("nobody was there")
	for _, answer := range []string{"n", "", "yes please"} {
		s.atTerminal(t.Context(), t, []string{answer}, "--template", "cowboys").wants(t, ExitDeclined, append(terms, "not agreed: nothing was done", "--refuse-claim")...)
		untouched("somebody said " + answer)
	}
	s.atTerminal(t.Context(), t, nil, "--template", "cowboys", "--timeout", "300ms").wants(t, ExitTimeout, "nobody answered in time: nothing was done", "--yes")
	untouched("nobody answered")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, context.Canceled)
	defer cancel()
	s.atTerminal(ctx, t, nil, "--template", "cowboys").wants(t, ExitInterrupted, "Error: interrupted")
	untouched("somebody pressed Ctrl-C")
	s.run(t.Context(), "--template", "sheriffs", "--yes").wants(t, ExitRefused, `there is no template "sheriffs"`, "kubectl bind templates")
	s.run(t.Context(), "--template", "cowboys", "--yes", "--refuse-claim", "configmaps").wants(t, ExitUsage, "--refuse-claim=configmaps: the provider does not claim it")
	untouched("it made no sense")
}

func testDryRun(t *testing.T, s *stage) {
	s.plays(true, false, false, true)
	away := *s.terminal
	away.kubeconfig = s.kubeconfig + ".none"
	for _, format := range []string{"", "yaml", "json", "name", "wide", "jsonpath={.items[*].kind}", "custom-columns=KIND:.kind,NAME:.metadata.name"} {
		args := []string{"--template", "cowboys", "--yes", "--dry-run=client", "--refuse-claim", "secrets"}
		if format != "" {
			args = append(args, "-o", format)
		}
		got := away.run(t.Context(), args...)
		got.wants(t, ExitOK, "Your cluster cannot be reached", "secrets with the labels app=cowboy (refused by you)", "This has a credential",
			"Made at the provider: namespace kube-bind-place at "+s.plane.Config().Host+", with the exports cowboys. Nothing was written to your cluster.")
		for _, kind := range []string{"namespace", "deployment", "secret", "clusterrole", "customresourcedefinition"} {
			if !strings.Contains(strings.ToLower(got.stdout), kind) {
				t.Errorf("-o %s has no %s:\n%s", format, kind, got.stdout)
			}
		}
		if format != "yaml" {
			continue
		}
		_, role, _ := strings.Cut(got.stdout, "name: kube-bind-konnector-cowboys:kubeconfig-")
		role, _, _ = strings.Cut(role, "---\n")
		if !strings.Contains(role, "- cowboys/status\n") || strings.Contains(role, "secrets") {
			t.Errorf("Secrets are refused, and the konnector may:\n%s", role)
		}
	}
	s.run(t.Context(), "--template", "cowboys", "--yes", "-d", "--skip-konnector").wants(t, ExitOK, "Nothing was written")
	if s.has(t, &corev1.Namespace{}, "", kubebindv1alpha2.ConsumerNamespace) {
		t.Error("a dry run wrote in the cluster")
	}
	if !s.has(t, &kubebindv1alpha2.APIServiceExportRequest{}, place, "cowboys") {
		t.Error("nothing was made at the provider")
	}
}

// testWaiting stops a bind, and an unbind, in each state: by time, and by Ctrl-C.
func testWaiting(t *testing.T, s *stage) {
	bind := []string{"--template", "cowboys", "--yes"}
	for _, tc := range []struct {
		name                  string
		answers, runs, binds  bool
		args                  []string
		when, waitsFor, until string
	}{
		{"the provider", false, false, false, bind, "it has not looked at it yet", "waiting for the provider's answer took longer than 1s", "Asked the provider for cowboys"},
		{"the konnector", true, false, false, bind, "0 of 2 replicas are ready", "waiting for the konnector to run took longer than 1s", "Waiting for the konnector to be ready..."},
		{"the binding", true, true, false, bind, "no konnector has looked at the binding yet", "waiting for the konnector took longer than 1s", "APIServiceBinding cowboys for 1 resources"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.plays(tc.answers, tc.runs, tc.binds, true)
			there := "Your place at the provider is namespace kube-bind-place at " + s.plane.Config().Host
			s.run(t.Context(), append(tc.args, "--timeout", "1s")...).wants(t, ExitTimeout, tc.until, tc.waitsFor, tc.when, there, "--timeout waits longer")
			s.interrupted(t, "   "+tc.when, tc.args...).wants(t, ExitInterrupted, tc.until, there, "Error: interrupted", "again")
		})
	}
	// The same command goes on from there.
	s.plays(true, true, true, false)
	got := s.run(t.Context(), bind...)
	got.wants(t, ExitOK, "Updated secret", "stays as it is", "Kept APIServiceBinding cowboys", "Resources bound successfully!")
	if got.stdout != "  - cowboys\n" {
		t.Errorf("stdout is %q", got.stdout)
	}
	unbind := []string{"unbind", "cowboys", "--yes"}
	s.run(t.Context(), "unbind", "cowboys").wants(t, ExitDeclined, "This removes 0 objects of 1 resource from your cluster, and the provider's copies of them.", "Add --yes")
	s.run(t.Context(), append(unbind, "--timeout", "1s")...).wants(t, ExitTimeout, "   Left to go: 3 cowboys.", "The removal of cowboys goes on without this program. See: kubectl bind status cowboys", "took longer than 1s: Left to go: 3 cowboys.")
	s.interrupted(t, "Left to go", unbind...).wants(t, ExitInterrupted, "The removal of cowboys goes on without this program")
	s.run(t.Context(), append(unbind, "--wait=false")...).wants(t, ExitOK, "The binding cowboys is being removed")
	s.plays(true, true, true, true)
	s.run(t.Context(), unbind...)
	if s.has(t, &kubebindv1alpha2.APIServiceBinding{}, "", "cowboys") {
		t.Error("the binding is still there")
	}
	s.run(t.Context(), unbind...).wants(t, ExitFailed, `there is no APIServiceBinding "cowboys"`, "kubectl bind status")
}

// testGreedy: what was shown, and agreed to, is what is asked for, or people are asked again.
func testGreedy(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	args := []string{"--template", "cowboys", "--name", "greedy"}
	got := s.atTerminal(t.Context(), t, []string{"y", "n"}, args...)
	got.wants(t, ExitDeclined, "secrets with the labels app=cowboy", "The provider now asks for something else than it has shown:", "secrets all", "not agreed")
	if s.has(t, &kubebindv1alpha2.APIServiceExportRequest{}, place, "greedy") {
		t.Error("it was asked for all the same")
	}
	s.run(t.Context(), append(args, "--yes")...).wants(t, ExitOK, "The provider now asks for something else than it has shown:", "secrets all")
}

func testSpinner(t *testing.T, s *stage) {
	t.Setenv("TERM", "xterm")
	s.plays(true, false, true, true)
	bind := []string{"--template", "cowboys", "--name", "spun", "--yes", "--timeout", "2s", "--konnector-image", "mine:2"}
	got := s.atTerminal(t.Context(), t, nil, bind...)
	got.wants(t, ExitTimeout, "⠋ 0 of 2 replicas are ready", "⠙ 0 of 2 replicas are ready", "\r\033[K")
	for _, line := range strings.Split(got.stderr, "\n") {
		for _, turn := range strings.Split(line, "\033[K") {
			if width := len([]rune(turn)); strings.ContainsAny(turn, "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏") && width > 60 {
				t.Errorf("a turn of the spinner is wider than the terminal: %d: %q", width, turn)
			}
		}
	}
	plain := s.run(t.Context(), bind...)
	plain.wants(t, ExitTimeout, "\n   0 of 2 replicas are ready")
	if strings.ContainsAny(plain.stderr, "\r\033⠋") || strings.Count(plain.stderr, "   0 of 2 replicas are ready") != 1 {
		t.Errorf("in a pipe there is %q", plain.stderr)
	}
	t.Setenv("TERM", "dumb")
	if got := s.atTerminal(t.Context(), t, nil, bind...); strings.Contains(got.stderr, "\033") {
		t.Errorf("a dumb terminal gets %q", got.stderr)
	}
}

// imageOfKonnector is the one that is deployed.
func (s *stage) imageOfKonnector(t *testing.T) string {
	t.Helper()
	deployment := &appsv1.Deployment{}
	if err := s.client.Get(t.Context(), install.KonnectorKey(), deployment); err != nil {
		t.Fatal(err)
	}
	return install.ImageOf(deployment)
}

func testUpgrade(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	bind := func(version string, args ...string) result {
		mine := *s.terminal
		mine.options.Version = version
		return mine.run(t.Context(), append([]string{"--template", "cowboys", "--yes"}, args...)...)
	}
	bind("v1.0.0", "--konnector-image", konnector.Repository+":v1.0.0").wants(t, ExitOK)
	for _, tc := range []struct {
		version, says, image string
		args                 []string
	}{
		{"v1.1.0", "Updating konnector to v1.1.0", "v1.1.0", nil},
		{"v1.1.0", "stays as it is", "v1.1.0", nil},
		{"v1.0.0", "stays as it is", "v1.1.0", nil},
		{"v1.0.0", "Created secret", "v1.1.0", []string{"--skip-konnector"}},
		{"v1.0.0", "Updating konnector to v1.0.0", "v1.0.0", []string{"--downgrade-konnector"}},
		{"v1.2.0", "Secret kube-bind", "v1.0.0", []string{"--skip-konnector"}},
	} {
		got := bind(tc.version, tc.args...)
		got.wants(t, ExitOK)
		skips := len(tc.args) > 0 && tc.args[0] == "--skip-konnector"
		if image := s.imageOfKonnector(t); image != konnector.Repository+":"+tc.image || !skips && !strings.Contains(got.stderr, tc.says) || skips && strings.Contains(got.stderr, "🚀") {
			t.Errorf("%+v: the konnector is %s\n%s", tc, image, got.stderr)
		}
	}
}

// testKubectlFlags: kubectl's flags say who asks, and which cluster.
func testKubectlFlags(t *testing.T, s *stage) {
	s.run(t.Context(), "status", "--as", "nobody").wants(t, ExitFailed, "your cluster says", `User "nobody" cannot list resource "apiservicebindings"`, "--as")
	s.run(t.Context(), "cluster-identity", "--as", "nobody", "--as-group", "nothing").wants(t, ExitFailed, `User "nobody" cannot get resource "namespaces"`)
	if got := s.run(t.Context(), "cluster-identity", "--as", "nobody", "--as-group", "system:masters"); got.code != ExitOK {
		t.Errorf("with --as-group: %+v", got)
	}
	s.run(t.Context(), "cluster-identity", "--context", "elsewhere").wants(t, ExitFailed, `context "elsewhere" does not exist`, "--context")
	s.run(t.Context(), "cluster-identity", "--namespace", "nowhere").wants(t, ExitFailed, `namespaces "nowhere" not found`)
	ns := &corev1.Namespace{}
	if !s.has(t, ns, "", "kube-system") {
		t.Fatal("there is no kube-system")
	}
	if got := s.run(t.Context(), "cluster-identity"); got.code != ExitOK || got.stdout != string(ns.UID)+"\n" || got.stderr != "" {
		t.Errorf("got %+v", got)
	}
	away := *s.terminal
	raw := strings.Replace(string(s.plane.Kubeconfig()), s.plane.Config().Host, "https://127.0.0.1:1", 1)
	away.kubeconfig = s.config + ".away"
	write(t, away.kubeconfig, raw, 0o600)
	for _, args := range []string{"status", "cluster-identity", "unbind x --yes", "--template cowboys --yes", "version --client=false"} {
		got := away.run(t.Context(), strings.Fields(args)...)
		if strings.HasPrefix(args, "version") {
			got.stdout = ""
		}
		got.wants(t, ExitUnreachable, "your cluster (https://127.0.0.1:1) cannot be reached", "connection refused", "--kubeconfig")
	}
	none := *s.terminal
	none.kubeconfig = s.config + ".missing"
	t.Setenv("KUBECONFIG", "")
	got := none.run(t.Context(), "status")
	if got.code == ExitOK || !strings.Contains(got.stderr, "KUBECONFIG") {
		t.Errorf("without a kubeconfig: %+v", got)
	}
}

func testCompletion(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	s.run(t.Context(), "--template", "cowboys", "--yes").wants(t, ExitOK)
	for line, want := range map[string]string{
		"--template|":                 "cowboys\tRiders, by the hour",
		"apiservice|--template-name|": "cowboys\tRiders, by the hour",
		"--refuse-claim|":             "secrets",
		"status|":                     "cowboys\tBigCorp",
		"unbind|":                     "cowboys\tBigCorp",
		"status|cowboys|":             "",
		"login|":                      s.door,
		"templates|--server|":         s.door,
		"--context|":                  "cli",
		"--dry-run=":                  "client\nnone",
		"status|-o|cu":                "custom-columns-file=\ncustom-columns=",
		"deploy|-o|js":                "json\njsonpath=\njsonpath-as-json=\njsonpath-file=",
	} {
		args := append([]string{"__complete", "--config-file", s.config, "--kubeconfig", s.kubeconfig}, strings.Split(line, "|")...)
		cmd := NewCommand(genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, ErrOut: io.Discard}, s.options)
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetArgs(args)
		if code := Execute(t.Context(), cmd); code != ExitOK {
			t.Errorf("%s: exit code %d", line, code)
		}
		words, directive, _ := strings.Cut(out.String(), ":")
		if strings.HasPrefix(want, "http") {
			words, directive, _ = strings.Cut(out.String(), "\n:")
			words += "\n"
		}
		// Shells leave out what does not begin so.
		typed := line[strings.LastIndexAny(line, "|=")+1:]
		sorted := strings.Join(slices.DeleteFunc(sortedLines(words), func(w string) bool { return !strings.HasPrefix(w, typed) }), "\n")
		if sorted != strings.Join(sortedLines(want), "\n") {
			t.Errorf("%s: got %q, want %q", line, sorted, want)
		}
		if !strings.HasPrefix(directive, "4") && !strings.HasPrefix(directive, "6") {
			t.Errorf("%s: files are offered: %s", line, directive)
		}
	}
}

func testUnhealthy(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	s.run(t.Context(), "--template", "cowboys", "--yes").wants(t, ExitOK)
	s.run(t.Context(), "status", "--exit-code").wants(t, ExitOK)
	b := &kubebindv1alpha2.APIServiceBinding{}
	if !s.has(t, b, "", "cowboys") {
		t.Fatal("there is no binding")
	}
	problems := kubebindv1alpha2.ObjectProblems{"Conflict": 2, "Rejected": 1}
	kubebindv1alpha2.SetCondition(&b.Status.Conditions, kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionObjectsInSync,
		kubebindv1alpha2.ReasonObjectsFailing, kubebindv1alpha2.SeverityInfo, problems.Message()))
	if err := s.client.Status().Update(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	got := s.run(t.Context(), "status", "cowboys", "--exit-code")
	got.wants(t, ExitUnhealthy, "the binding cowboys is not healthy", "kubectl describe apiservicebinding cowboys")
	if want := "cowboys: ObjectsInSync: ObjectsFailing: Not in sync: 2 Conflict, 1 Rejected."; !strings.Contains(got.stdout, want) || !strings.Contains(got.stdout, "false") {
		t.Errorf("stdout is %s", got.stdout)
	}
	if got := s.run(t.Context(), "status", "-o", "jsonpath={.items[0].conflicts}"); got.stdout != "2" {
		t.Errorf("there are %q conflicts", got.stdout)
	}
	s.run(t.Context(), "status").wants(t, ExitOK)
	s.run(t.Context(), "status", "other").wants(t, ExitFailed, `there is no APIServiceBinding "other"`)

	// The konnector has gone silent, and then the credential is gone as well.
	later := *s.terminal
	later.options.Now = func() time.Time { return time.Now().Add(3 * time.Hour) }
	if got := later.run(t.Context(), "status", "--exit-code"); got.code != ExitUnhealthy || !strings.Contains(got.stdout, "the provider has not heard of the konnector for 3h, which means to report every 1h0m0s") {
		t.Errorf("got %+v", got)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: kubebindv1alpha2.ConsumerNamespace, Name: b.Spec.KubeconfigSecretRef.Name}}
	if err := s.client.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	if got := s.run(t.Context(), "status", "--exit-code"); got.code != ExitUnhealthy || !strings.Contains(got.stdout, "the provider cannot be asked, as the Secret kube-bind/"+secret.Name) {
		t.Errorf("got %+v", got)
	}
}

func testOtherRequest(t *testing.T, s *stage) {
	other := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "cowboys"}}
	other.Spec.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "sheriffs"}}}
	if err := s.client.Create(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	s.plays(true, true, true, true)
	s.run(t.Context(), "--template", "cowboys", "--yes").wants(t, ExitRefused, "a request called cowboys was made a short time ago, for something else", "--name")
	if s.has(t, &kubebindv1alpha2.APIServiceBinding{}, "", "cowboys") {
		t.Error("it was bound all the same")
	}
	// One that has failed says why.
	if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(other), other); err != nil {
		t.Fatal(err)
	}
	failed := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "failed"}}
	failed.Spec = offeredRequest()
	if err := s.client.Create(t.Context(), failed); err != nil {
		t.Fatal(err)
	}
	s.plays(false, true, true, true)
	failed.Status.Phase, failed.Status.TerminalMessage = kubebindv1alpha2.PhaseFailed, "no such CRD"
	if err := s.client.Status().Update(t.Context(), failed); err != nil {
		t.Fatal(err)
	}
	s.run(t.Context(), "--template", "cowboys", "--name", "failed", "--yes").wants(t, ExitRefused, "the provider refuses the export: no such CRD", "ten minutes")
}

// offeredRequest asks for what the template offers.
func offeredRequest() kubebindv1alpha2.APIServiceExportRequestSpec {
	template := offered()
	return kubebindv1alpha2.APIServiceExportRequestSpec{Resources: template.Spec.Resources, PermissionClaims: template.Spec.PermissionClaims}
}

// testProviderAddress binds with a provider whose address is good for the konnector only. At the other one there must be the same server.
func testProviderAddress(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	answer := filepath.Join(t.TempDir(), "answer.yaml")
	for name, tc := range map[string]struct {
		server string
		args   []string
		code   int
		words  string
	}{
		"without":        {"https://kubernetes.default.svc:1", nil, ExitUnreachable, "the provider's cluster (https://kubernetes.default.svc:1) cannot be reached"},
		"with":           {"https://kubernetes.default.svc:1", []string{"--provider-address", s.plane.Config().Host}, ExitOK, "Resources bound successfully!"},
		"another server": {"https://api.example.com:1", []string{"--provider-address", s.plane.Config().Host}, ExitUnreachable, "not api.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := s.response(strings.ReplaceAll(name, " ", "-"), nil)
			if err != nil {
				t.Fatal(err)
			}
			response.Kubeconfig = bytes.ReplaceAll(response.Kubeconfig, []byte(s.plane.Config().Host), []byte(tc.server))
			write(t, answer, encode(t, response), 0o600)
			s.run(t.Context(), append([]string{"deploy", "-f", answer, "--yes"}, tc.args...)...).wants(t, tc.code, tc.words)
		})
	}
}
