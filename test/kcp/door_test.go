// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/backendclient"
	"kube-bind.io/kube-bind/test/browser"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// callback is where a program would wait for its code.
const callback = "http://127.0.0.1:1/callback"

// signIn signs somebody in to a workspace of a provider, as a program does, and returns the token.
func (b *backend) signIn(t *testing.T, user, cluster string) string {
	t.Helper()
	client, err := backendclient.New(backendclient.Options{Server: b.url()})
	if err != nil {
		t.Fatal(err)
	}
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	parameters := url.Values{"client_type": {"cli"}, "redirect_url": {callback}, "session_id": {"session"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}}
	if cluster != "" {
		parameters.Set("cluster_id", cluster)
	}
	visitor, err := browser.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	at, err := visitor.SignIn(t.Context(), client.URL("/api/authorize", parameters), callback, user, user+"-dev-only")
	if err != nil {
		t.Fatal(err)
	}
	token, err := client.Exchange(t.Context(), at.Query().Get("code"), verifier)
	if err != nil {
		t.Fatal(err)
	}
	if token.Cluster != cluster {
		t.Errorf("the token is for %q, want %q", token.Cluster, cluster)
	}
	return token.AccessToken
}

// call sends a request with a token, and returns the status and, in an answer that is an error, its message.
func (b *backend) call(t *testing.T, token, cluster, method, path string, body, into any) (int, string) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	target := b.url() + path
	if cluster != "" {
		target += "?" + url.Values{"cluster_id": {cluster}}.Encode()
	}
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var failure kubebindv1alpha2.Error
	if response.StatusCode >= http.StatusBadRequest {
		into = &failure
	}
	if into != nil {
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			t.Fatalf("%s %s: %s: %v", method, target, response.Status, err)
		}
	}
	return response.StatusCode, failure.Message
}

// templates are the names of those that a token shows.
func (b *backend) templates(t *testing.T, token, cluster string) []string {
	t.Helper()
	var list kubebindv1alpha2.APIServiceExportTemplateList
	if code, message := b.call(t, token, cluster, http.MethodGet, "/api/templates", nil, &list); code != http.StatusOK {
		t.Fatalf("listing templates: %d %s", code, message)
	}
	out := make([]string, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, list.Items[i].Name)
	}
	return out
}

// shows waits until a token shows some templates.
func (b *backend) shows(t *testing.T, token, cluster string, want ...string) {
	t.Helper()
	expect.Eventually(t, "the templates of the workspace", func(context.Context) error {
		if got := b.templates(t, token, cluster); !slices.Equal(got, want) {
			return fmt.Errorf("they are %v, want %v", got, want)
		}
		return nil
	})
}

// wish asks for a template.
func wish(template, identity string) *kubebindv1alpha2.BindableResourcesRequest {
	return &kubebindv1alpha2.BindableResourcesRequest{
		TypeMeta:   metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: "BindableResourcesRequest"},
		ObjectMeta: metav1.ObjectMeta{Name: template},
		Spec: kubebindv1alpha2.BindableResourcesRequestSpec{
			ClusterIdentity: kubebindv1alpha2.ClusterIdentity{Identity: identity}, TemplateRef: &kubebindv1alpha2.TemplateReference{Name: template},
		},
	}
}

// variant is the example CRD by another name.
func variant(t *testing.T, plural string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	raw, _, err := pair.Variant(t.Context(), plural)
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(raw, crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

// allow lets a user of the OpenID provider bind the templates of one workspace.
func allow(t *testing.T, c client.Client, user string) {
	t.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "binders"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{kubebindv1alpha2.GroupName}, Resources: []string{"apiserviceexporttemplates"}, Verbs: []string{"bind"}},
		{NonResourceURLs: []string{"/"}, Verbs: []string{"access"}}, // without it kcp says no to everything
	}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: role.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "oidc:" + user}},
	}
	for _, obj := range []client.Object{role, binding} {
		if err := c.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
}

// A session is for the workspace that somebody signed in to; what may be bound there is what RBAC says in that workspace; and
// the users that the backend's flags name may bind everything in all of them.
func TestSessionsAreOfOneWorkspace(t *testing.T) {
	b := world.namespaces // which was started with --oidc-allowed-users=alice
	one, two := b.provider(t, "door-one"), b.provider(t, "door-two")
	b.offer(t, two, variant(t, "sheriffs"))
	here, there := string(one.Cluster), string(two.Cluster)
	alice := map[string]string{here: b.signIn(t, "alice", here), there: b.signIn(t, "alice", there)}
	b.shows(t, alice[here], here, "cowboys")
	b.shows(t, alice[there], there, "cowboys", "sheriffs")
	for cluster, token := range alice {
		for _, elsewhere := range []string{here, there, "", "root", one.Path, here + there} {
			if elsewhere == cluster {
				continue
			}
			for _, path := range []string{"/api/templates", "/api/collections"} {
				if code, message := b.call(t, token, elsewhere, http.MethodGet, path, nil, nil); code != http.StatusForbidden && code != http.StatusUnauthorized {
					t.Errorf("a session for %s lists %s in %q: %d %s", cluster, path, elsewhere, code, message)
				}
			}
			code, message := b.call(t, token, elsewhere, http.MethodPost, "/api/bind", wish("cowboys", "intruder"), nil)
			if code != http.StatusForbidden && code != http.StatusUnauthorized {
				t.Errorf("a session for %s binds in %q: %d %s", cluster, elsewhere, code, message)
			}
		}
		if code, _ := b.call(t, "", cluster, http.MethodGet, "/api/templates", nil, nil); code != http.StatusUnauthorized {
			t.Errorf("nobody is answered with %d", code)
		}
	}
	allow(t, one.Client, "bob")
	bobHere, bobThere := b.signIn(t, "bob", here), b.signIn(t, "bob", there)
	b.shows(t, bobHere, here, "cowboys")
	b.shows(t, bobThere, there)
	if code, message := b.call(t, bobThere, there, http.MethodPost, "/api/bind", wish("cowboys", "bobs-cluster"), nil); code != http.StatusForbidden {
		t.Errorf("bob binds where he is not allowed to: %d %s", code, message)
	}
	var answer kubebindv1alpha2.BindingResourceResponse
	if code, message := b.call(t, bobHere, here, http.MethodPost, "/api/bind", wish("cowboys", "bobs-cluster"), &answer); code != http.StatusOK {
		t.Fatalf("bob cannot bind where he is allowed to: %d %s", code, message)
	}
	if !strings.Contains(string(answer.Kubeconfig), "/clusters/"+here) {
		t.Errorf("bob's place is not in the workspace:\n%s", answer.Kubeconfig)
	}
}

// Who does not say which workspace is told so.
func TestWorkspaceHasToBeNamed(t *testing.T) {
	b := world.namespaces
	code, message := b.call(t, b.signIn(t, "alice", ""), "", http.MethodGet, "/api/templates", nil, nil)
	if code != http.StatusBadRequest || !strings.Contains(message, "cluster_id") || !strings.Contains(message, "--cluster") {
		t.Errorf("it is answered with %d %q", code, message)
	}
	code, message = b.call(t, b.signIn(t, "alice", "nowhere"), "nowhere", http.MethodGet, "/api/templates", nil, nil)
	if code != http.StatusNotFound || !strings.Contains(message, "nowhere") {
		t.Errorf("it is answered with %d %q", code, message)
	}
}
