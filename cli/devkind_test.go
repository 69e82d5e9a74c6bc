// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/dev"
)

// kindTools is the only folder of the PATH: what docker, kind and helm would answer is scripts. Each writes what it is called with.
type kindTools struct{ bin, dir, calls string }

func newKindTools(t *testing.T, docker, kind string) *kindTools {
	t.Helper()
	k := &kindTools{bin: t.TempDir(), dir: filepath.Join(t.TempDir(), "dev")}
	k.calls = filepath.Join(k.bin, "calls")
	t.Setenv("PATH", k.bin)
	t.Setenv("KIND_EXPERIMENTAL_PROVIDER", "")
	for name, body := range map[string]string{"docker": docker, "kind": kind, "helm": "exit 1"} {
		k.tool(t, name, body)
	}
	return k
}

func (k *kindTools) tool(t *testing.T, name, body string) {
	t.Helper()
	write(t, filepath.Join(k.bin, name), "#!/bin/sh\necho "+name+" \"$@\" >>"+k.calls+"\n"+body+"\n", 0o700)
}

// said are the calls of a tool so far.
func (k *kindTools) said(t *testing.T, prefix string) (out []string) {
	t.Helper()
	raw, err := os.ReadFile(k.calls)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(raw), "\n") {
		if strings.HasPrefix(line, prefix) {
			out = append(out, line)
		}
	}
	return out
}

func (k *kindTools) create(t *testing.T, args ...string) error {
	t.Helper()
	_, _, err := run(t, append([]string{"dev", "create", "--runtime", "kind", "--dir", k.dir}, args...)...)
	return err
}

// inspected is a docker that has a node of the provider, in a network.
func inspected(network string) string {
	return `case "$1 $2" in
"container inspect") echo '[{"Name":"/kind-provider-control-plane","State":{"Running":true},"NetworkSettings":{"Networks":{"` + network + `":{}}}}]'; exit 1;;
"network ls") echo kube-bind-dev;;
"ps --all") [ -z "$BUSY" ] || echo 0123;;
esac`
}

// noNodes is a docker that works, and has nothing.
const noNodes = `case "$1 $2" in
"container inspect") echo "[]"; echo "Error: No such container" >&2; exit 1;;
"network ls") echo bridge;;
esac`

// What is missing is told before anything is made.
func TestDevKindNeeds(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*kindTools)
		docker  string
		args    []string
		words   []string
	}{
		"no programs": {func(k *kindTools) { t.Setenv("PATH", filepath.Join(k.bin, "none")) }, "", nil,
			[]string{"not in the PATH: docker, kind, helm\n", "Install them: https://docs.docker.com"}},
		"no Helm": {func(k *kindTools) { _ = os.Remove(filepath.Join(k.bin, "helm")) }, "", nil, []string{"not in the PATH: helm\n", "https://helm.sh"}},
		"Docker sleeps": {nil, `echo "Cannot connect to the Docker daemon" >&2; exit 1`, nil,
			[]string{"docker is installed, but does not answer: docker ps: exit status 1: Cannot connect to the Docker daemon\n", "Start it"}},
		"Docker falls asleep": {nil, `case "$1" in container) : >"$0.down"; echo "[]"; exit 1;; ps) [ ! -e "$0.down" ];; esac`, nil, []string{"docker is installed, but does not answer"}},
		"another engine":      {func(*kindTools) { t.Setenv("KIND_EXPERIMENTAL_PROVIDER", "nerdctl") }, "", nil, []string{"KIND_EXPERIMENTAL_PROVIDER=nerdctl", "docker or podman"}},
		"somebody's cluster": {nil, inspected("kube-bind-dev"), []string{"--port", freePort(t)},
			[]string{"there is a cluster kind-provider already, and it is not of this environment", "--provider-cluster-name"}},
		"one for both": {nil, noNodes, []string{"--consumer-cluster-name", "kind-provider"}, []string{"cannot both be the cluster kind-provider"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKindTools(t, tc.docker, "exit 1")
			if tc.prepare != nil {
				tc.prepare(k)
			}
			err := k.create(t, tc.args...)
			for _, words := range tc.words {
				if ExitCode(err) != ExitFailed || !strings.Contains(fmt.Sprint(err), words) {
					t.Errorf("got %v, want %q", err, words)
				}
			}
			if _, err := os.Stat(k.dir); !os.IsNotExist(err) {
				t.Errorf("there is a folder: %v", err)
			}
		})
	}
}

func TestDevKindPortIsTaken(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	k := newKindTools(t, noNodes, "exit 1")
	if err := k.create(t, "--port", port); ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), "127.0.0.1:"+port+", is taken by another program") || !strings.Contains(err.Error(), "choose another one with --port") {
		t.Errorf("got %v", err)
	}
	if calls := k.said(t, "kind"); len(calls) > 0 {
		t.Errorf("kind was run: %q", calls)
	}
}

// A create that fails tells what was said, keeps what it was asked for, and leaves what delete removes: no more than is its own.
func TestDevKindFails(t *testing.T) {
	k := newKindTools(t, noNodes, `echo "no space left on device"; exit 3`)
	err := k.create(t, "--port", freePort(t), "--backend-tag", "v9")
	if ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), "creating the cluster kind-provider failed: exit status 3") || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(err.Error(), "kubectl bind dev delete") {
		t.Errorf("create: %v", err)
	}
	if values, err := os.ReadFile(filepath.Join(k.dir, "values.yaml")); err != nil || !strings.Contains(string(values), "tag: v9") {
		t.Errorf("%s, %v", values, err)
	}
	for _, other := range [][]string{{"--kind-network", "x"}, {"--provider-cluster-name", "x"}, {"--port", "1"}} {
		if err := k.create(t, other...); ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), "stay") {
			t.Errorf("create %v: %v", other, err)
		}
	}
	if _, _, err := run(t, "dev", "create", "--runtime", "embedded", "--dir", k.dir, "--bin-dir", embeddedTools(t)); ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), "the runtime of this environment is kind") {
		t.Errorf("as another runtime: %v", err)
	}
	stdout, _, err := run(t, "dev", "status", "--dir", k.dir)
	if ExitCode(err) != ExitUnhealthy || !strings.Contains(err.Error(), "3 of 3 processes do not run: provider, consumer, backend") {
		t.Errorf("status: %v\n%s", err, stdout)
	}
	k.tool(t, "docker", inspected("kind"))
	if _, stderr, err := run(t, "dev", "delete", "--dir", k.dir); err != nil || !strings.Contains(stderr, "Deleted 0 clusters, and removed "+k.dir) {
		t.Errorf("delete: %v, %s", err, stderr)
	}
	if calls := k.said(t, "kind delete"); len(calls) > 0 {
		t.Errorf("somebody else's cluster was deleted: %q", calls)
	}
	if _, err := os.Stat(k.dir); !os.IsNotExist(err) {
		t.Errorf("there is a folder: %v", err)
	}
	if _, stderr, err := run(t, "dev", "delete", "--dir", k.dir); err != nil || !strings.Contains(stderr, "Nothing to delete") {
		t.Errorf("delete again: %v, %s", err, stderr)
	}
}

// A cluster that was made, is gone, and is not made anew to its end is half of one: the next create does not take it for whole.
func TestDevKindForgetsWhatIsGone(t *testing.T) {
	k := newKindTools(t, noNodes, "exit 1")
	if err := k.create(t, "--port", freePort(t)); err == nil {
		t.Fatal("it was created")
	}
	file := filepath.Join(k.dir, ".kube-bind-dev.json")
	state, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, strings.Replace(string(state), `"clusters":{`, `"clusters":{"made":["kind-provider","kind-consumer"],`, 1), 0o600)
	k.tool(t, "docker", inspected("kube-bind-dev"))
	k.tool(t, "kind", `[ "$1" != create ]`)
	if err := k.create(t); ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), "creating the cluster kind-consumer failed") {
		t.Errorf("got %v", err)
	}
	if state, err = os.ReadFile(file); err != nil || !strings.Contains(string(state), `"made":["kind-provider"]`) {
		t.Errorf("the state is %s, %v", state, err)
	}
}

// embeddedTools are programs of the other runtime.
func embeddedTools(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-bind-backend", "konnector"} {
		write(t, filepath.Join(bin, name), "#!/bin/sh\nexit 1\n", 0o700)
	}
	return bin
}

// Delete removes clusters and network that are the environment's own; the network stays as long as somebody is in it.
func TestDevKindDeletes(t *testing.T) {
	for busy, want := range map[string]int{"": 1, "yes": 0} {
		k := newKindTools(t, noNodes, "exit 1")
		if err := k.create(t, "--port", freePort(t)); err == nil {
			t.Fatal("it was created")
		}
		t.Setenv("BUSY", busy)
		k.tool(t, "docker", inspected("kube-bind-dev"))
		k.tool(t, "kind", "exit 1")
		if _, _, err := run(t, "dev", "delete", "--dir", k.dir); ExitCode(err) != ExitFailed {
			t.Errorf("kind fails, and delete says %v", err)
		}
		k.tool(t, "kind", "exit 0")
		if _, stderr, err := run(t, "dev", "delete", "--dir", k.dir); err != nil || !strings.Contains(stderr, "Deleted 1 clusters, and removed "+k.dir) {
			t.Errorf("delete: %v, %s", err, stderr)
		}
		call := "kind delete cluster --name kind-provider --kubeconfig " + filepath.Join(k.dir, "provider.kubeconfig")
		if calls := k.said(t, "kind delete"); len(calls) != 2 || calls[1] != call {
			t.Errorf("got %q", calls)
		}
		if calls := k.said(t, "docker network rm kube-bind-dev"); len(calls) != want {
			t.Errorf("busy %q: got %q", busy, calls)
		}
	}
}

// testKindStarts plays two clusters of kind with one real API server, and the front door that the chart would bring: all is waited for,
// the examples are offered, and a second create makes nothing anew.
func testKindStarts(t *testing.T, s *stage) {
	k := newKindTools(t, noNodes, `case $1 in create|export) for last; do :; done; /bin/cp "`+s.kubeconfig+`" "$last";; esac`)
	k.tool(t, "helm", "exit 0")
	port := freePort(t)
	k.openDoor(t, port)
	args := []string{"dev", "create", "--runtime", "kind", "--dir", k.dir, "--port", port, "--konnector-image", "x:y", "--image-archive", "a.tar"}
	stdout, stderr, err := run(t, args...)
	next := "kubectl bind --template cowboys --konnector-image x:y --provider-address " + s.plane.Config().Host + "\n"
	if err != nil || !strings.Contains(stdout, next) || !strings.Contains(stdout, "kubectl bind login http://127.0.0.1:"+port+"\n") {
		t.Fatalf("create: %v, %s%s", err, stdout, stderr)
	}
	if !s.has(t, &kubebindv1alpha2.APIServiceExportTemplate{}, "", "sheriffs") {
		t.Error("the examples are not offered")
	}
	if calls := k.said(t, "helm upgrade --install kube-bind "+filepath.Join(k.dir, "chart")+" --namespace kube-bind"); len(calls) != 1 {
		t.Errorf("Helm installs %q", k.said(t, "helm"))
	}
	if _, err := os.Stat(filepath.Join(k.dir, "chart", "templates", "_helpers.tpl")); err != nil {
		t.Error(err)
	}
	if calls := k.said(t, "kind load image-archive a.tar --name"); len(calls) != 2 {
		t.Errorf("images are loaded by %q", calls)
	}
	k.tool(t, "docker", strings.ReplaceAll(inspected("kube-bind-dev"), `}}}]`, `}}},{"Name":"/kind-consumer-control-plane","State":{"Running":true},"NetworkSettings":{"Networks":{"kube-bind-dev":{}}}}]`))
	if stdout, _, err := run(t, "dev", "create", "--dir", k.dir); err != nil || !strings.Contains(stdout, next) {
		t.Errorf("create again: %v, %s", err, stdout)
	}
	if made, started := k.said(t, "kind create"), k.said(t, "docker start"); len(made) != 2 || len(started) != 2 {
		t.Errorf("clusters are made by %q, and started by %q", made, started)
	}
	stdout, _, err = run(t, "dev", "status", "--dir", k.dir, "-o", "jsonpath={range .items[*]}{.metadata.name} {.running} {.address}{'\\n'}{end}")
	host := strings.TrimPrefix(s.plane.Config().Host, "https://")
	if want := "provider true " + host + "\nconsumer true " + host + "\nbackend true 127.0.0.1:" + port + "\n"; err != nil || stdout != want {
		t.Errorf("status: %v, %q, want %q", err, stdout, want)
	}
}

// openDoor answers at the front door once Helm was run.
func (k *kindTools) openDoor(t *testing.T, port string) {
	t.Helper()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })}
	ended := make(chan error, 1)
	go func() {
		err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			raw, _ := os.ReadFile(k.calls)
			return strings.Contains(string(raw), "\nhelm upgrade"), nil
		})
		var listener net.Listener
		if err == nil {
			listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+port)
		}
		if err == nil {
			err = server.Serve(listener)
		}
		ended <- err
	}()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// What people are to type next tells kubectl bind what it cannot know.
func TestBindingFlags(t *testing.T) {
	for want, binding := range map[string]dev.Binding{
		" --skip-konnector": {SkipKonnector: true},
		" --konnector-image x:y --provider-address https://127.0.0.1:4711": {Konnector: "x:y", ProviderAddress: "https://127.0.0.1:4711"},
	} {
		if got := bindingFlags(binding); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
