// SPDX-License-Identifier: Apache-2.0

package kcpinit_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/providers/kcp"
)

// verbs are all that RBAC and kcp know.
func verbs() []string {
	return []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind", "escalate", "impersonate", "use", "access", "initialize"}
}

// In kube-bind's workspace the backend may do what is listed here, and nothing else.
func TestRightsOfTheBackend(t *testing.T) {
	t.Parallel()
	prepared, _ := prepare(t, kcpinit.Options{Workspace: "rights", BackendUser: backendUser})
	backend := clientFor(t, user(t, prepared.Path, backendUser))
	all := []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	for _, tc := range []struct {
		namespace, group, resource, name string
		may                              []string
	}{
		{"", "apis.kcp.io", "apiexportendpointslices", "", []string{"get", "list", "watch"}},
		{"", "apis.kcp.io", "apiexports", kcp.ExportName, []string{"bind", "get"}},
		{"", "apis.kcp.io", "apiexports", "another", nil},
		{"", "apis.kcp.io", "apiexports/content", kcp.ExportName, all},
		{"", "apis.kcp.io", "apiexports/content", "another", nil},
		{"", "apis.kcp.io", "apiresourceschemas", "", nil},
		{"", "tenancy.kcp.io", "workspacetypes", kcp.ConsumerType, []string{"use"}},
		{"", "tenancy.kcp.io", "workspacetypes", "another", nil},
		{"", "tenancy.kcp.io", "workspaces", "", nil},
		{"", "rbac.authorization.k8s.io", "clusterroles", "", nil},
		{"", "rbac.authorization.k8s.io", "clusterrolebindings", "", nil},
		{"", "", "namespaces", "", nil},
		{"", "", "secrets", "", nil},
		{"", "", "users", "", nil},
		{kcpinit.Namespace, "coordination.k8s.io", "leases", "kube-bind-backend", []string{"create", "delete", "get", "list", "update"}},
		{kcpinit.Namespace, "", "events", "", []string{"create", "patch"}},
		{kcpinit.Namespace, "events.k8s.io", "events", "", []string{"create", "patch"}},
		{kcpinit.Namespace, "", "secrets", "", []string{"create"}},
		{kcpinit.Namespace, "", "secrets", "kube-bind-session-keys", []string{"create", "get", "update"}},
		{kcpinit.Namespace, "", "secrets", "kube-bind-ended-sessions", []string{"create", "get", "update"}},
		{kcpinit.Namespace, "", "secrets", "kube-bind-backend", []string{"create"}},
		{kcpinit.Namespace, "", "serviceaccounts/token", "kube-bind-backend", nil},
		{"default", "", "secrets", "kube-bind-session-keys", nil},
	} {
		want := slices.Clone(tc.may)
		slices.Sort(want)
		// kcp's authorizers take a moment to see new rights.
		eventually(t, tc.namespace+" "+tc.resource+"."+tc.group+" "+tc.name, func(context.Context) error {
			var may []string
			for _, verb := range verbs() {
				if allowed(t, backend, tc.namespace, verb, tc.group, tc.resource, tc.name) {
					may = append(may, verb)
				}
			}
			slices.Sort(may)
			if !slices.Equal(may, want) {
				return fmt.Errorf("the backend may %v, not %v", may, want)
			}
			return nil
		})
	}
	// Elsewhere it does not even come in.
	root := clientFor(t, user(t, "root", backendUser))
	if err := root.List(t.Context(), &corev1.SecretList{}); !apierrors.IsForbidden(err) {
		t.Errorf("in root the backend is answered with %v", err)
	}
}

func allowed(t *testing.T, c client.Client, namespace, verb, group, resource, name string) bool {
	t.Helper()
	resource, subresource, _ := strings.Cut(resource, "/")
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
		Namespace: namespace, Verb: verb, Group: group, Version: "*", Resource: resource, Subresource: subresource, Name: name,
	}}}
	if err := c.Create(t.Context(), review); err != nil {
		t.Log(err) // not even that, yet
		return false
	}
	return review.Status.Allowed
}

// The backend may use every claim as it is claimed, and no other way, through the virtual workspace.
func TestClaimsAreGranted(t *testing.T) {
	t.Parallel()
	prepared, _ := prepare(t, kcpinit.Options{Workspace: "claims", BackendUser: backendUser})
	path, provider := newWorkspace(t, "claims-provider")
	bound := bind(t, provider, prepared)
	cluster := bound.Annotations["kcp.io/cluster"]
	virtual := virtualWorkspace(t, prepared.Path, cluster, user(t, prepared.Path, backendUser))
	dyn, err := dynamic.NewForConfig(virtual)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range prepared.Claims {
		if !slices.Contains(c.Verbs, "list") {
			continue
		}
		gvr := schema.GroupVersionResource{Group: c.Group, Version: versionOf(t, virtual, c.Group), Resource: c.Resource}
		eventually(t, "listing "+gvr.String(), func(ctx context.Context) error {
			_, err := dyn.Resource(gvr).List(ctx, metav1.ListOptions{})
			return err
		})
	}
	backend := clientFor(t, virtual)
	event := &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: "default", Name: "told"},
		EventTime:           metav1.NowMicro(),
		ReportingController: "template", ReportingInstance: "backend", Action: "Reconcile", Reason: "Told", Type: corev1.EventTypeNormal,
		Regarding: corev1.ObjectReference{APIVersion: "kube-bind.io/v1alpha2", Kind: "Collection", Name: "some", Namespace: "default"},
	}
	if err := backend.Create(t.Context(), event); err != nil {
		t.Errorf("recording an Event: %v", err)
	}
	for what, obj := range map[string]client.Object{
		"a ConfigMap": &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "not-claimed"}},
		"a Pod":       &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "not-claimed"}},
		"an export":   &apisv1alpha1.APIResourceSchema{ObjectMeta: metav1.ObjectMeta{Name: "today.things.example.org"}},
	} {
		if err := backend.Create(t.Context(), obj); err == nil {
			t.Errorf("the backend can make %s in %s", what, path)
		}
	}
	if err := backend.DeleteAllOf(t.Context(), &corev1.Secret{}, client.InNamespace("default")); !apierrors.IsForbidden(err) {
		t.Errorf("deleting all Secrets is answered with %v", err)
	}
}

// virtualWorkspace is a workspace as it is served through the endpoint of kube-bind's APIExport.
func virtualWorkspace(t *testing.T, home, cluster string, cfg *rest.Config) *rest.Config {
	t.Helper()
	own := admin(t, home)
	out := rest.CopyConfig(cfg)
	eventually(t, "an endpoint", func(ctx context.Context) error {
		slice := &apisv1alpha1.APIExportEndpointSlice{}
		if err := own.Get(ctx, client.ObjectKey{Name: kcp.ExportName}, slice); err != nil {
			return err
		}
		if len(slice.Status.APIExportEndpoints) != 1 {
			return fmt.Errorf("there are the endpoints %v", slice.Status.APIExportEndpoints)
		}
		out.Host = slice.Status.APIExportEndpoints[0].URL + "/clusters/" + cluster
		return nil
	})
	return out
}

func versionOf(t *testing.T, cfg *rest.Config, group string) string {
	t.Helper()
	if group == "" {
		return "v1"
	}
	var out string
	eventually(t, "the group "+group, func(context.Context) error {
		mapping, err := clientFor(t, cfg).RESTMapper().RESTMapping(schema.GroupKind{Group: group, Kind: map[string]string{
			"rbac.authorization.k8s.io": "Role", "admissionregistration.k8s.io": "ValidatingAdmissionPolicy", "apiextensions.k8s.io": "CustomResourceDefinition",
			"apis.kcp.io": "APIResourceSchema", "tenancy.kcp.io": "Workspace",
		}[group]})
		if err == nil {
			out = mapping.Resource.Version
		}
		return err
	})
	if group == "apis.kcp.io" {
		// The kinds of that group have several versions.
		return "v1alpha1"
	}
	return out
}

// As a ServiceAccount the backend gets a kubeconfig, which nobody else can read, with the same rights.
func TestServiceAccount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, kubeconfig := filepath.Join(dir, "backend.kubeconfig"), kubeconfigFile(t, dir)
	if err := os.WriteFile(file, []byte("of before"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"--kcp-kubeconfig=" + kubeconfig, "--workspace=account", "--backend-user=", "--backend-kubeconfig=" + file, "--timeout=" + limit.String()}
	if out, err := exec.CommandContext(t.Context(), world.program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the kubeconfig is %v: %v", info, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v: %v", left, err)
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS = -1
	backend := clientFor(t, cfg)
	review := &authenticationv1.SelfSubjectReview{}
	if err := backend.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	if got := review.Status.UserInfo.Username; got != "system:serviceaccount:kube-bind:kube-bind-backend" {
		t.Errorf("the backend is %q", got)
	}
	may := func(c client.Client) bool {
		return allowed(t, c, "", "use", "tenancy.kcp.io", "workspacetypes", kcp.ConsumerType)
	}
	eventually(t, "the rights of the ServiceAccount", func(context.Context) error {
		if !may(backend) {
			return fmt.Errorf("it may not use the type of consumers' workspaces")
		}
		return nil
	})
	// The backend becomes a user: then the token is good for nothing.
	prepare(t, kcpinit.Options{Workspace: "account", BackendUser: backendUser})
	eventually(t, "the rights of the user", func(context.Context) error {
		if may(backend) || !may(clientFor(t, user(t, "root:account", backendUser))) {
			return fmt.Errorf("they are the ServiceAccount's still")
		}
		return nil
	})
}
