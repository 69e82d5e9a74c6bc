// SPDX-License-Identifier: Apache-2.0

package kcpinit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	corev1alpha1 "github.com/kcp-dev/sdk/apis/core/v1alpha1"
	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	conditionsv1alpha1 "github.com/kcp-dev/sdk/apis/third_party/conditions/apis/conditions/v1alpha1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/providers/kcp"
)

const (
	// limit is how long kcp may take for something.
	limit = 30 * time.Second
	pause = 50 * time.Millisecond
)

// world is shared by all tests of this package: each prepares workspaces of its own.
var world struct {
	kcp    *controlplane.KCP
	scheme *runtime.Scheme
	// program is the built kcp-init.
	program string
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctrl.SetLogger(klog.Background())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "kcp-init-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	world.program = filepath.Join(dir, "kcp-init")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", world.program, "./cmd/kcp-init").CombinedOutput(); err != nil {
		fmt.Fprintln(os.Stderr, "building kcp-init:", err, string(out))
		return 1
	}
	world.scheme = runtime.NewScheme()
	err = errors.Join(clientgoscheme.AddToScheme(world.scheme), kcp.AddToScheme(world.scheme), kubebindv1alpha2.AddToScheme(world.scheme), apiextensionsv1.AddToScheme(world.scheme))
	if err == nil {
		world.kcp, err = controlplane.StartKCP(ctx, controlplane.Options{Name: "kcp-init"})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = world.kcp.Stop() }()
	return m.Run()
}

// prepare runs Init for a workspace below root, and returns what it reported.
func prepare(t *testing.T, o kcpinit.Options) (*kcpinit.Prepared, []string) {
	t.Helper()
	out, reported, err := tryPrepare(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return out, reported
}

func tryPrepare(t *testing.T, o kcpinit.Options) (*kcpinit.Prepared, []string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var reported []string
	o.Report = func(format string, args ...any) { reported = append(reported, fmt.Sprintf(format, args...)) }
	if o.Config == nil {
		o.Config = world.kcp.Config("root")
	}
	out, err := kcpinit.Init(ctx, o)
	return out, reported, err
}

// admin may do everything in a workspace.
func admin(t *testing.T, workspace string) client.Client {
	t.Helper()
	return clientFor(t, world.kcp.Config(workspace))
}

func clientFor(t *testing.T, cfg *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(cfg, client.Options{Scheme: world.scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// user is somebody whom kcp knows, in a workspace.
func user(t *testing.T, workspace, name string, groups ...string) *rest.Config {
	t.Helper()
	raw, err := world.kcp.UserKubeconfig(workspace, name, groups...)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := clientcmd.RESTConfigFromKubeConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS = -1
	return cfg
}

// eventually waits until check has nothing more to complain about.
func eventually(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), pause, limit, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v: %v", what, err, last)
	}
}

// newWorkspace makes a workspace below root, and returns its path and a client for who may do everything there.
func newWorkspace(t *testing.T, name string) (string, client.Client) {
	t.Helper()
	root := admin(t, "root")
	ws := &tenancyv1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	ws.Spec.Type = &tenancyv1alpha1.WorkspaceTypeReference{Name: "universal", Path: "root"}
	if err := root.Create(t.Context(), ws); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the workspace "+name, func(ctx context.Context) error {
		if err := root.Get(ctx, client.ObjectKeyFromObject(ws), ws); err != nil {
			return err
		}
		if ws.Status.Phase != corev1alpha1.LogicalClusterPhaseReady {
			return fmt.Errorf("its phase is %q", ws.Status.Phase)
		}
		return nil
	})
	return "root:" + name, admin(t, "root:"+name)
}

// bind has a workspace bind kube-bind's API, and waits until all claims are applied.
func bind(t *testing.T, in client.Client, prepared *kcpinit.Prepared) *apisv1alpha2.APIBinding {
	t.Helper()
	binding := newBinding(prepared)
	if err := in.Create(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the binding", func(ctx context.Context) error {
		if err := in.Get(ctx, client.ObjectKeyFromObject(binding), binding); err != nil {
			return err
		}
		return bound(binding)
	})
	return binding
}

func newBinding(prepared *kcpinit.Prepared) *apisv1alpha2.APIBinding {
	out := &apisv1alpha2.APIBinding{ObjectMeta: metav1.ObjectMeta{Name: kcp.ExportName}}
	out.Spec.Reference.Export = &apisv1alpha2.ExportBindingReference{Path: prepared.Path, Name: kcp.ExportName}
	out.Spec.PermissionClaims = kcpinit.Accepted(prepared.Claims)
	return out
}

func bound(b *apisv1alpha2.APIBinding) error {
	for _, want := range []string{"Ready", "PermissionClaimsApplied", "PermissionClaimsValid"} {
		if !slices.ContainsFunc(b.Status.Conditions, func(c conditionsv1alpha1.Condition) bool { return string(c.Type) == want && c.Status == "True" }) {
			return fmt.Errorf("%s is not true: phase %q, %+v", want, b.Status.Phase, b.Status.Conditions)
		}
	}
	return nil
}

// snapshot is the version of everything in a workspace that an administrator can list.
func snapshot(t *testing.T, workspace string) map[string]string {
	t.Helper()
	cfg := world.kcp.Config(workspace)
	d, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := d.ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") {
				continue
			}
			objects, err := dyn.Resource(gv.WithResource(r.Name)).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatalf("listing %s in %s: %v", r.Name, workspace, err)
			}
			for _, o := range objects.Items {
				out[strings.Join([]string{r.Name, gv.Group, o.GetNamespace(), o.GetName()}, "/")] = string(o.GetUID()) + " " + o.GetResourceVersion()
			}
		}
	}
	return out
}

// writes notes the requests of a client that change something.
type writes struct {
	mu   sync.Mutex
	seen []string
}

func (w *writes) through(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet && r.URL.Query().Get("dryRun") != metav1.DryRunAll {
			w.mu.Lock()
			w.seen = append(w.seen, r.Method+" "+r.URL.Path)
			w.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// binding gives a user a ClusterRole.
func binding(name, user, role string) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
}

func clusterRole(name string) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func contains(snapshot map[string]string, name string) bool {
	for key := range snapshot {
		if strings.HasSuffix(key, "/"+name) {
			return true
		}
	}
	return false
}
