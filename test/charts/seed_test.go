// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// play runs a program as the Pods of a release in a cluster would, on ports of this machine that nobody has.
func play(t *testing.T, p *pair.Pair, side *pair.Side, r *Release, program string, ports ...string) *controlplane.Process {
	t.Helper()
	r.Name, r.Namespace, r.Kubeconfig = "kube-bind", restricted, side.KubeconfigFile()
	made, err := r.Install(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	command, err := made.Command(t.Context(), side, filepath.Join(t.TempDir(), r.Chart))
	if err != nil {
		t.Fatal(err)
	}
	process, err := controlplane.StartProcess(controlplane.ProcessOptions{
		Path: filepath.Join(p.Bin(), program), Args: append(command.Args, ports...), Env: command.Env, LogFile: filepath.Join(p.LogDir(), program+".log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", program, process.LogTail(15))
		}
		if err := process.Stop(); err != nil {
			t.Error(err)
		}
	})
	return process
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := controlplane.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// answered waits until a URL is answered with 200 to somebody who calls it by a host.
func answered(t *testing.T, process *controlplane.Process, url, host string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), poll, timeout, true, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		request.Host = host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil //nolint:nilerr // it is not open yet
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		t.Fatalf("%s is not answered: %v\n%s", url, err, process.LogTail(10))
	}
}

// With the values of the deep dive, only its ports and addresses being other ones, backend and konnector run as their Pods would, with no
// rights but the charts': the probes are good, the page is there on the loopback, an API is bound, and an object gets there and back.
func TestDeepDive(t *testing.T) {
	p, err := pair.StartControlPlanes(t.Context(), pair.Options{LogDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	raw, err := yaml.Marshal(examples(t, Backend)["development"])
	if err != nil {
		t.Fatal(err)
	}
	door, health := freeAddress(t), freeAddress(t)
	host := strings.Replace(door, "127.0.0.1", "kube-bind-backend.kube-bind.svc", 1)
	_, port, _ := strings.Cut(door, ":")
	text := strings.NewReplacer(
		"kube-bind-backend.kube-bind.svc:8080", host, "https://provider-control-plane:6443", p.Provider.Config().Host,
		"tlsExternalServerName:", "listenAddress: ':"+port+"'\n  tlsExternalServerName:",
	).Replace(string(raw))
	backend := play(t, p, p.Provider, &Release{Chart: Backend, Values: values(t, text)}, "kube-bind-backend", "--health-address="+health, "--metrics-address=0")
	answered(t, backend, "http://"+health+"/readyz", "")
	answered(t, backend, "http://"+health+"/healthz", "")
	answered(t, backend, "http://"+door+"/", host)

	probes := freeAddress(t)
	konnector := play(t, p, p.Consumer, &Release{Chart: Konnector, Values: examples(t, Konnector)["gitops"]}, "konnector", "--server-address="+probes)
	answered(t, konnector, "http://"+probes+"/readyz", "")

	var files []string
	for _, name := range []string{"crd-cowboys.yaml", "template-cowboys.yaml"} {
		file, err := pair.Example(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if err := p.ApplyTemplate(t.Context(), files...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*expect.Timeout)
	defer cancel()
	place, err := p.Bind(ctx, "cowboys", "cowboys")
	if err != nil {
		t.Fatal(err)
	}
	cowboy := expect.Cowboy("default", "billy-the-kid")
	expect.Create(t, p.Consumer, cowboy)
	copied := expect.Cowboy(place.There("default"), "billy-the-kid")
	expect.Exists(t, p.Provider, copied)
	expect.ChangeStatus(t, p.Provider, copied, expect.Set("it rides", "status", "result"))
	expect.Has(t, p.Consumer, cowboy, "it rides", "status", "result")
}
