// SPDX-License-Identifier: Apache-2.0

package kcpinit_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/providers/kcp"
)

func kubeconfigFile(t *testing.T, dir string) string {
	t.Helper()
	raw, err := world.kcp.Kubeconfig("root")
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, filepath.Join(dir, "kcp.kubeconfig"), raw)
}

func writeFile(t *testing.T, file string, raw []byte) string {
	t.Helper()
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What goes wrong ends the program with 1, and a message that says what and where.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := kubeconfigFile(t, dir)
	port, err := controlplane.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := world.kcp.UserKubeconfig("root", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	broken := kubeconfigTo(t, dir, "broken", "http://127.0.0.1:1", true)
	for name, tc := range map[string]struct {
		args []string
		says []string
	}{
		"no such file":       {[]string{"--kcp-kubeconfig=" + filepath.Join(dir, "none")}, []string{"reading the kubeconfig of kcp", "no such file"}},
		"no such context":    {[]string{"--kcp-kubeconfig=" + good, "--context=none"}, []string{"reading the kubeconfig of kcp", `context "none" does not exist`}},
		"no kubeconfig":      {[]string{"--kcp-kubeconfig=" + broken}, []string{"reading the kubeconfig of kcp"}},
		"no rights":          {[]string{"--kcp-kubeconfig=" + writeFile(t, filepath.Join(dir, "nobody"), nobody)}, []string{"making the workspace root:kube-bind", "forbidden", "administrator of the workspace root"}},
		"no such parent":     {[]string{"--kcp-kubeconfig=" + good, "--parent=root:none"}, []string{"making the workspace root:none:kube-bind"}},
		"nothing listens":    {[]string{"--kcp-kubeconfig=" + kubeconfigTo(t, dir, "away", "https://127.0.0.1:"+strconv.Itoa(port), false), "--timeout=1s"}, []string{"waiting for the workspace root:kube-bind", "deadline exceeded", "connection refused"}},
		"nobody answers":     {[]string{"--kcp-kubeconfig=" + kubeconfigTo(t, dir, "silent", silent.URL, false), "--timeout=1s"}, []string{"waiting for the workspace root:kube-bind", "deadline exceeded", "no answer from " + silent.URL}},
		"a user's file":      {[]string{"--kcp-kubeconfig=" + good, "--backend-kubeconfig=" + filepath.Join(dir, "x")}, []string{"--backend-kubeconfig", "--backend-user="}},
		"somebody else's CA": {[]string{"--kcp-kubeconfig=" + kubeconfigTo(t, dir, "ca", world.kcp.Config("root").Host, false)}, []string{"making the workspace root:kube-bind", "certificate"}},
		"an argument":        {[]string{"root:kube-bind"}, []string{"unknown command"}},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			cmd := exec.CommandContext(t.Context(), world.program, tc.args...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			failed, ok := errors.AsType[*exec.ExitError](err)
			if !ok || failed.ExitCode() != 1 {
				t.Fatalf("it ends with %v: %s", err, stderr.String())
			}
			for _, want := range tc.says {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("it does not say %q, but %s", want, stderr.String())
				}
			}
			if lines := strings.Count(stderr.String(), "\n"); lines != 1 || stdout.Len() > 0 {
				t.Errorf("it says %d lines: %s%s", lines, stderr.String(), stdout.String())
			}
		})
	}
}

// kubeconfigTo writes a kubeconfig for another server than kcp, or one that is none.
func kubeconfigTo(t *testing.T, dir, name, server string, broken bool) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if broken {
		return writeFile(t, file, []byte("- neither: this\n"))
	}
	raw, err := world.kcp.Kubeconfig("root")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, cluster := range config.Clusters {
		cluster.Server, cluster.CertificateAuthorityData = server, nil
	}
	if raw, err = clientcmd.Write(*config); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, file, raw)
}

// A kcp that is starting is waited for.
func TestWaitsForKCP(t *testing.T) {
	t.Parallel()
	cfg := world.kcp.Config("root")
	var refused atomic.Int32
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if refused.Add(1) <= 3 {
				recorder := httptest.NewRecorder()
				recorder.WriteHeader(http.StatusServiceUnavailable)
				return recorder.Result(), nil
			}
			return next.RoundTrip(r)
		})
	})
	prepare(t, kcpinit.Options{Config: cfg, Workspace: "waits", BackendUser: backendUser})
	if refused.Load() <= 3 {
		t.Error("kcp was not asked again")
	}
}

// What kcp-init has not made is neither used nor changed.
func TestForeign(t *testing.T) {
	t.Parallel()
	t.Run("workspace", func(t *testing.T) {
		newWorkspace(t, "foreign")
		_, _, err := tryPrepare(t, kcpinit.Options{Workspace: "foreign", BackendUser: backendUser})
		if err == nil || !strings.Contains(err.Error(), "the Workspace foreign is there, and kcp-init has not made it") {
			t.Errorf("got %v", err)
		}
		if left := snapshot(t, "root:foreign"); len(left) == 0 || contains(left, kcp.ExportName) {
			t.Errorf("it has made something there: %v", left)
		}
	})
	for name, obj := range map[string]client.Object{
		"Namespace":     &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: kcpinit.Namespace}},
		"WorkspaceType": &tenancyv1alpha1.WorkspaceType{ObjectMeta: metav1.ObjectMeta{Name: kcp.ConsumerType}},
		"ClusterRole":   clusterRole(kcpinit.BindersRole),
	} {
		t.Run(name, func(t *testing.T) {
			o := kcpinit.Options{Workspace: "foreign-" + strings.ToLower(name), BackendUser: backendUser}
			prepared, _ := prepare(t, o)
			own := admin(t, prepared.Path)
			replace(t, own, obj)
			_, _, err := tryPrepare(t, o)
			if err == nil || !strings.Contains(err.Error(), "the "+name+" "+obj.GetName()+" is there, and kcp-init has not made it") {
				t.Errorf("got %v", err)
			}
			after := obj.DeepCopyObject().(client.Object)
			if err := own.Get(t.Context(), client.ObjectKeyFromObject(obj), after); err != nil || after.GetUID() != obj.GetUID() || after.GetGeneration() != obj.GetGeneration() {
				t.Errorf("it is changed: %v", err)
			}
		})
	}
}

// replace has somebody else's object where kcp-init's was.
func replace(t *testing.T, c client.Client, obj client.Object) {
	t.Helper()
	eventually(t, "somebody's "+obj.GetName(), func(ctx context.Context) error {
		old := obj.DeepCopyObject().(client.Object)
		old.SetResourceVersion("")
		if err := client.IgnoreNotFound(c.Delete(ctx, old)); err != nil {
			return err
		}
		obj.SetResourceVersion("")
		return c.Create(ctx, obj, client.FieldOwner("somebody"))
	})
}

// An administrator of the parent alone cannot bring a workspace up to date that is not theirs, and is told so at once.
func TestNoRightsInside(t *testing.T) {
	t.Parallel()
	prepare(t, kcpinit.Options{Workspace: "inside", BackendUser: backendUser})
	allow(t, "root", "parent-admin", "cluster-admin")
	var err error
	eventually(t, "rights in root", func(context.Context) error {
		_, _, err = tryPrepare(t, kcpinit.Options{Config: user(t, "root", "parent-admin"), Workspace: "inside", BackendUser: backendUser})
		if err != nil && strings.Contains(err.Error(), "making the workspace") {
			return err
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "root:inside") || !strings.Contains(err.Error(), "forbidden") || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
