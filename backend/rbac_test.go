// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
)

// documentedRoles reads the roles out of the page about them.
func documentedRoles(t *testing.T) []*rbacv1.ClusterRole {
	t.Helper()
	page, err := os.ReadFile("../docs/reference/backend-rbac.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []*rbacv1.ClusterRole
	for _, part := range strings.Split(string(page), "```yaml\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		role := &rbacv1.ClusterRole{}
		if err := yaml.UnmarshalStrict([]byte(block), role); err != nil {
			t.Fatal(err)
		}
		out = append(out, role)
	}
	if len(out) != 3 {
		t.Fatalf("%d roles, want 3", len(out))
	}
	return out
}

func bindUser(t *testing.T, user, role string) {
	t.Helper()
	create(t, admin(t), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	})
}

func unbindUser(t *testing.T, role string) {
	t.Helper()
	if err := admin(t).Delete(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: role}}); err != nil {
		t.Fatal(err)
	}
}

func configOf(t *testing.T, user string) *rest.Config {
	t.Helper()
	kubeconfig, err := provider.UserKubeconfig(user)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// The backend gets along with the rights that are documented, in all that it does.
func TestDocumentedRightsAreEnough(t *testing.T) {
	const user = "backend"
	roles := documentedRoles(t)
	fixed, exports := create(t, admin(t), roles[0]), roles[1]
	bindUser(t, user, fixed.Name)
	start(t, func(o *backend.Options) {
		o.Config, o.ConsumerScope, o.LeaderElect, o.LeaseName = configOf(t, user), kubebindv1alpha2.ClusterScope, true, unique(t)
	})
	a, tree := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped), newAPI(t, "trees", apiextensionsv1.ClusterScoped)
	requests := newNamespace(t, "-requests")

	// Without the second role it says what it lacks.
	request := create(t, admin(t), newRequest(requests, "mangos", t.Name(), newTemplate(t, "-a", nil, a).Name))
	finished(t, request, kubebindv1alpha2.PhasePending, kubebindv1alpha2.ReasonExportNotReady)
	eventually(t, "the lack to be named", func(context.Context) error {
		message := get(t, admin(t), requests, "mangos", request).Status.Conditions[0].Message
		if !strings.Contains(message, "mangos") || !strings.Contains(message, "not currently held") {
			return errorf("the request says %q", message)
		}
		return nil
	})
	for i, resource := range []api{a, tree} {
		rule := *exports.Rules[0].DeepCopy()
		rule.APIGroups, rule.Resources = []string{resource.Group}, []string{resource.Resource}
		exports.Rules = append(exports.Rules[:i], rule)
	}
	bindUser(t, user, create(t, admin(t), exports).Name)
	c := answerOf(t, finished(t, request, kubebindv1alpha2.PhaseSucceeded, kubebindv1alpha2.ReasonSecretReady))
	create(t, c.Client, a.object(c.serviceNamespace(t, "garden"), "x"))
	bind(t, requests, "trees", t.Name(), newTemplate(t, "-b", nil, tree).Name)
	// With claims it takes the third role.
	bindUser(t, user, create(t, admin(t), roles[2]).Name)
	bind(t, requests, "claims", t.Name(), newTemplate(t, "-c", claimsOf, a).Name)
	if err := c.List(t.Context(), &corev1.SecretList{}, client.InNamespace(c.serviceNamespace(t, "orchard"))); err != nil {
		t.Errorf("claimed objects: %v", err)
	}

	// What it made it may take away: first a token that an earlier backend made.
	static := &corev1.Secret{Type: corev1.SecretTypeServiceAccountToken}
	static.Namespace, static.Name = c.namespace, kubebindv1alpha2.BinderName
	static.Labels = map[string]string{kubebindv1alpha2.ContractNamespaceLabel: c.namespace}
	static.Annotations = map[string]string{
		corev1.ServiceAccountNameKey: kubebindv1alpha2.BinderName, kubebindv1alpha2.DeleteAtAnnotation: "2026-01-01T00:00:00Z",
	}
	gone(t, "the token", create(t, admin(t), static))
	for _, name := range []string{"mangos", "trees", "claims"} {
		export := get(t, admin(t), c.namespace, name, &kubebindv1alpha2.APIServiceExport{})
		if err := admin(t).Delete(t.Context(), export); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Delete(t.Context(), &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "garden"}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all rights on objects to go", func(context.Context) error {
		if left := append(roleList(t, c.namespace), roleBindingList(t, c.namespace)...); len(left) != 2 {
			return errorf("%d are left", len(left))
		}
		return nil
	})
	noClusterRights(t, c)
	place := get(t, admin(t), c.namespace, kubebindv1alpha2.ClusterBindingName, &kubebindv1alpha2.ClusterBinding{})
	if err := admin(t).Delete(t.Context(), place); err != nil {
		t.Fatal(err)
	}
	gone(t, "the place of a consumer that is removed", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}})
}

// The front door gets along with them too: it lets those in whom the flags name, and keeps what replicas share.
func TestDocumentedRightsOpenTheDoor(t *testing.T) {
	const user = "doorkeeper"
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", nil, a)
	roles := documentedRoles(t)
	roles[1].Rules[0].APIGroups, roles[1].Rules[0].Resources = []string{a.Group}, []string{a.Resource}
	for i, role := range roles[:2] {
		role.Name = fmt.Sprintf("%s-%d", unique(t), i)
		bindUser(t, user, create(t, admin(t), role).Name)
	}
	if err := client.IgnoreNotFound(admin(t).Delete(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "kube-bind-oidc-user"}})); err != nil {
		t.Fatal(err)
	}
	d := openDoor(t, func(o *backend.Options) { o.Config, o.LeaderElect = configOf(t, user), true })
	alice := d.signIn("alice").allowed()
	alice.do(http.MethodPost, "/api/bind", wishFor("fruit", template.Name, "ui-identity"), http.StatusOK, nil)
	alice.do(http.MethodGet, "/api/consumer-status", nil, http.StatusOK, nil)
	alice.do(http.MethodGet, "/api/collections", nil, http.StatusOK, nil)
	alice.do(http.MethodPost, "/api/logout", nil, http.StatusOK, nil)
}
