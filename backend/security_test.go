// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/auth"
)

const (
	nobody   = kubebindv1alpha2.ErrorCodeAuthenticationFailed
	notYou   = kubebindv1alpha2.ErrorCodeAuthorizationFailed
	notThere = kubebindv1alpha2.ErrorCodeResourceNotFound
	badlyPut = kubebindv1alpha2.ErrorCodeBadRequest
	away     = kubebindv1alpha2.ErrorCodeClusterConnectionFailed
)

// SEC-2: who knows an identity gets nothing of whom it belongs to, in whatever way it is named.
func TestSEC2IdentityIsNoCredential(t *testing.T) {
	template := newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	d := openDoor(t)
	alice, bob := d.signIn("alice").allowed(), d.signIn("bob").allowed()
	var hers, again, his kubebindv1alpha2.BindingResourceResponse
	alice.do(http.MethodPost, "/api/bind", wishFor("fruit", template.Name, t.Name()), http.StatusOK, &hers)

	theft := []struct {
		path string
		wish *kubebindv1alpha2.BindableResourcesRequest
	}{
		{"/api/bind", wishFor("fruit", template.Name, t.Name())},
		{"/api/bind", wishFor("other", template.Name, t.Name())},
		{"/api/bind?consumer_id=" + t.Name(), wishFor("fruit", template.Name, "other")},
		{"/api/bind?consumer_id=" + t.Name(), wishFor("fruit", template.Name, "ui-identity")},
		{"/api/bind?consumer_id=" + url.QueryEscape(d.origin+"/oidc/alice"), wishFor("fruit", template.Name, "ui-identity")},
		{"/api/bind", wishFor("fruit", template.Name, d.origin+"/oidc/alice")},
	}
	for _, try := range theft {
		said := bob.refused(http.MethodPost, try.path, try.wish, http.StatusForbidden, notYou)
		if strings.Contains(said, "#alice") || strings.Contains(said, hers.ProviderNamespace) {
			t.Errorf("bob learns whose it is: %s", said)
		}
	}
	var status struct{ Namespace string }
	if bob.do(http.MethodGet, "/api/consumer-status?consumer_id="+t.Name(), nil, http.StatusOK, &status); status.Namespace != "" {
		t.Errorf("bob sees alice's place: %+v", status)
	}

	// That bob tried does not keep alice out of what is hers, whoever else she is now.
	alice = d.signIn("alice")
	alice.do(http.MethodPost, "/api/bind", wishFor("fruit", template.Name, t.Name()), http.StatusOK, &again)
	if again.ProviderNamespace != hers.ProviderNamespace {
		t.Errorf("alice has %s and %s", hers.ProviderNamespace, again.ProviderNamespace)
	}
	alice.do(http.MethodPost, "/api/bind", wishFor("own", template.Name, "ui-identity"), http.StatusOK, &again)
	bob.do(http.MethodPost, "/api/bind", wishFor("own", template.Name, "ui-identity"), http.StatusOK, &his)
	if again.ProviderNamespace == hers.ProviderNamespace || again.ProviderNamespace == his.ProviderNamespace {
		t.Errorf("places are shared: %s, %s, %s", hers.ProviderNamespace, again.ProviderNamespace, his.ProviderNamespace)
	}
	forbidden(t, map[string]error{
		"read another's request": clientOf(t, his.Kubeconfig).Get(t.Context(), client.ObjectKey{Namespace: hers.ProviderNamespace, Name: "fruit"}, &kubebindv1alpha2.APIServiceExportRequest{}),
	})
}

// SEC-2: the identity that stands for whoever signs in is theirs, before they have ever been there: no request in a tenant's namespace gets it.
func TestSEC2PersonsComeFirst(t *testing.T) {
	template := newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	d := openDoor(t)
	for name, tc := range map[string]struct{ identity, reason string }{
		"alices":   {d.origin + "/oidc/alice", kubebindv1alpha2.ReasonIdentityTaken},
		"disguise": {"a\nb", kubebindv1alpha2.ReasonIdentityMissing},
	} {
		request := create(t, admin(t), newRequest(newNamespace(t, "-"+name), name, tc.identity, template.Name))
		if request = finished(t, request, kubebindv1alpha2.PhaseFailed, tc.reason); request.Status.Namespace != "" {
			t.Errorf("%s has the place %s", name, request.Status.Namespace)
		}
	}
	var hers kubebindv1alpha2.BindingResourceResponse
	d.signIn("alice").allowed().do(http.MethodPost, "/api/bind", wishFor("own", template.Name, "ui-identity"), http.StatusOK, &hers)
	if hers.ProviderNamespace == "" {
		t.Error("alice has no place")
	}
}

// SEC-7: nobody is sent elsewhere, and with nothing in hand: not at the beginning, not at the end, not when it fails.
func TestSEC7NobodyIsSentElsewhere(t *testing.T) {
	d := openDoor(t)
	v := d.visitor()
	for _, target := range []string{
		"https://evil.example.com/", "//evil.example.com/", "/\\evil.example.com/", "http://localhost.evil.example.com/", "http://127.0.0.1@evil.example.com/",
		"http://2130706433/", "http://169.254.169.254/", "javascript:alert(1)", d.origin + "@evil.example.com/", d.origin + ".evil.example.com/", "https:" + strings.TrimPrefix(d.origin, "http:"),
	} {
		for _, kind := range []string{"", "ui", "cli"} {
			query := map[string]string{"redirect_url": target, "client_type": kind}
			v.refused("GET "+target, v.send(http.MethodGet, d.authorize(query), nil, nil), http.StatusBadRequest, badlyPut)
			body := marshal(t, auth.Request{RedirectURL: target, SessionID: "s", ClientType: kind})
			v.refused("POST "+target, v.send(http.MethodPost, "/api/authorize", jsonHeader(), body), http.StatusBadRequest, badlyPut)
		}
	}
	// Other machines' and other programs' ports are for programs only.
	v.refused("a browser to a port", v.send(http.MethodGet, d.authorize(map[string]string{"redirect_url": callback}), nil, nil), http.StatusBadRequest, badlyPut)

	// Where a login ends was said when it began. What the callback is told does not count.
	at := v.login("alice", nil, d.origin+auth.CallbackPath)
	query := at.Query()
	query.Set("redirect_url", "https://evil.example.com/")
	at.RawQuery = query.Encode()
	got := v.send(http.MethodGet, at.String(), nil, nil)
	if got.status != http.StatusFound || !strings.HasPrefix(got.header.Get("Location"), d.origin+"/ui") || strings.Contains(got.header.Get("Location"), "evil") {
		t.Errorf("got %d to %s", got.status, got.header.Get("Location"))
	}
	if query, err := url.Parse(got.header.Get("Location")); err != nil || query.Query().Get("access_token")+query.Query().Get("code") != "" {
		t.Errorf("a browser is sent to %v", query)
	}
	// A POST begins a login as well as a GET.
	got = v.send(http.MethodPost, "/api/authorize", jsonHeader(), marshal(t, auth.Request{RedirectURL: "/ui", SessionID: "s"}))
	if got.status != http.StatusFound || !strings.HasPrefix(got.header.Get("Location"), d.origin+"/oidc/authorize?") {
		t.Errorf("got %d to %s: %s", got.status, got.header.Get("Location"), got.body)
	}
}

// SEC-8: a login ends in the browser that began it, once, and revives nothing.
func TestSEC8LoginsAreBoundToTheirBrowser(t *testing.T) {
	newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	d := openDoor(t)
	mallory, victim := d.visitor(), d.visitor()
	at := mallory.login("bob", nil, d.origin+auth.CallbackPath)
	victim.refused("another's login", victim.send(http.MethodGet, at.String(), nil, nil), http.StatusBadRequest, badlyPut)
	// Not with a login of one's own under way either, nor with a state that begins as it.
	own := victim.login("alice", nil, d.origin+auth.CallbackPath)
	victim.refused("another's login", victim.send(http.MethodGet, at.String(), nil, nil), http.StatusBadRequest, badlyPut)
	mixed := *own
	query := own.Query()
	query.Set("state", query.Get("state")[:8]+at.Query().Get("state")[8:])
	mixed.RawQuery = query.Encode()
	victim.refused("a state that begins alike", victim.send(http.MethodGet, mixed.String(), nil, nil), http.StatusBadRequest, badlyPut)
	for _, state := range []string{"", "x", query.Get("state")[:8], "../../../x", strings.Repeat("x", 5000), "a;b=c,d\"e", "%00%0d%0a"} {
		query.Set("state", state)
		mixed.RawQuery = query.Encode()
		victim.refused("the state "+state, victim.send(http.MethodGet, mixed.String(), nil, nil), http.StatusBadRequest, badlyPut)
	}
	// A state and another's code: the code is bound to the verifier and nonce of its own login.
	query = own.Query()
	query.Set("code", at.Query().Get("code"))
	mixed.RawQuery = query.Encode()
	victim.refused("another's code", victim.send(http.MethodGet, mixed.String(), nil, nil), http.StatusUnauthorized, nobody)
	if victim.cookie("kube-bind", "/") != "" {
		t.Error("the victim is signed in")
	}
	// That was this login's only try.
	victim.refused("a login once more", victim.send(http.MethodGet, own.String(), nil, nil), http.StatusBadRequest, badlyPut)

	// A session that was ended is not revived by a login of the same session_id (which is the client's own name for it).
	old := d.signIn("alice").allowed()
	old.do(http.MethodPost, "/api/logout", nil, http.StatusOK, nil)
	fresh := d.signIn("alice")
	old.refused(http.MethodGet, "/api/ping", nil, http.StatusUnauthorized, nobody)
	fresh.do(http.MethodGet, "/api/ping", nil, http.StatusOK, nil)
}

// SEC-8: whoever sees a program's code, and even knows its verifier, has nothing of it once the program has used it. That somebody
// tries ends the session, on all replicas: it may as well have been the program that came second.
func TestSEC8CodesAreGoodOnce(t *testing.T) {
	namespace := newNamespace(t, "-keys")
	one, two := openDoorWith(t, namespace), openDoorWith(t, namespace)
	code := func() map[string]string {
		at := one.visitor().login("alice", challenge("v"), callback)
		return map[string]string{"code": at.Query().Get("code"), "code_verifier": "v"}
	}
	alice, thief := person{door: one}, person{door: two}
	first := code()
	// To guess at verifiers uses nothing up.
	thief.refused(http.MethodPost, "/api/token", map[string]string{"code": first["code"], "code_verifier": "w"}, http.StatusUnauthorized, nobody)
	var token auth.TokenResponse
	alice.do(http.MethodPost, "/api/token", first, http.StatusOK, &token)
	alice.token = token.AccessToken
	alice.do(http.MethodGet, "/api/ping", nil, http.StatusOK, nil)
	thief.refused(http.MethodPost, "/api/token", first, http.StatusUnauthorized, nobody)
	for _, d := range []*door{one, two} {
		eventually(t, "the session to end", func(context.Context) error {
			if got := d.visitor().send(http.MethodGet, "/api/ping", bearer(alice.token), nil); got.status != http.StatusUnauthorized {
				return errorf("got %d: %s", got.status, got.body)
			}
			return nil
		})
	}

	// Of all that come at the same time one gets a token.
	second := marshal(t, code())
	var all sync.WaitGroup
	var got [8]int
	for i := range got {
		all.Go(func() {
			got[i] = []*door{one, two}[i%2].visitor().send(http.MethodPost, "/api/token", jsonHeader(), second).status
		})
	}
	all.Wait()
	slices.Sort(got[:])
	if got[0] != http.StatusOK || got[1] != http.StatusUnauthorized || got[7] != http.StatusUnauthorized {
		t.Errorf("they got %v", got)
	}
}

// SEC-9: an id_token is believed only if the provider made it, for this backend, for this login, and not long ago.
func TestSEC9ForgedIDTokens(t *testing.T) {
	p := newOpenIDProvider(t).start()
	d := openDoor(t, p.options)
	root := map[string]any{"sub": "alice"}
	p.set(root, nil)
	if d.signedIn("").cookie("kube-bind", "/") == "" {
		t.Fatal("nobody can sign in")
	}
	for name, forge := range p.forgeries(t) {
		t.Run(name, func(t *testing.T) {
			d := &door{t: t, origin: d.origin}
			p.set(root, forge)
			v := d.visitor()
			at := v.login("", nil, d.origin+auth.CallbackPath)
			said := v.refused(name, v.send(http.MethodGet, at.String(), nil, nil), http.StatusUnauthorized, nobody)
			if v.cookie("kube-bind", "/") != "" {
				t.Error("somebody is signed in")
			}
			if strings.Contains(said, "s3cret") || strings.Count(said, ".") > 20 {
				t.Errorf("it says %q", said)
			}
			// A program is told so, and gets neither token nor code.
			back := d.visitor().login("", map[string]string{"redirect_url": callback, "client_type": "cli"}, callback).Query()
			if back.Get("error") != nobody || back.Get("session_id") != "session" || back.Get("access_token")+back.Get("code") != "" {
				t.Errorf("the program is told %v", back)
			}
		})
	}
	p.set(root, nil)
	d.signedIn("").send(http.MethodGet, "/api/ping", nil, nil)
}

// SEC-10: a session is for the logical cluster that it was begun for, on every route.
func TestSEC10SessionsAreForOneCluster(t *testing.T) {
	d := openDoor(t)
	alice := d.signIn("alice")
	elsewhere := d.visitor()
	back := elsewhere.login("alice", map[string]string{"redirect_url": callback, "client_type": "cli", "cluster_id": "other"}, callback).Query()
	if back.Get("cluster_id") != "other" {
		t.Errorf("got %v", back)
	}
	there := person{door: d, token: back.Get("access_token")}
	browserThere := d.visitor()
	browserThere.login("alice", map[string]string{"cluster_id": "other"}, d.origin+"/ui")
	for path, method := range map[string]string{
		"/api/ping": http.MethodGet, "/api/templates": http.MethodGet, "/api/collections": http.MethodGet, "/api/consumer-status": http.MethodGet,
		"/api/bind": http.MethodPost, "/api/logout": http.MethodPost,
	} {
		alice.refused(method, path+"?cluster_id=other", struct{}{}, http.StatusForbidden, notYou)
		alice.refused(method, path+"?cluster_id=other&cluster_id=", struct{}{}, http.StatusForbidden, notYou)
		there.refused(method, path, struct{}{}, http.StatusForbidden, notYou)
		if path != "/api/logout" {
			there.refused(method, path+"?cluster_id=other", struct{}{}, http.StatusNotFound, notThere)
			browserThere.refused(path, browserThere.send(method, path, jsonHeader(), []byte("{}")), http.StatusUnauthorized, nobody)
		}
	}
	alice.do(http.MethodGet, "/api/ping", nil, http.StatusOK, nil)
}

// SEC-11: who signs out is signed out, wherever a copy of the cookie or the token is; other sessions go on.
func TestSEC11LogoutEnds(t *testing.T) {
	d := openDoor(t)
	one, two := d.signedIn("alice"), d.signedIn("alice")
	program := d.signIn("alice")
	stolen := map[string]string{"Cookie": "kube-bind=" + one.cookie("kube-bind", "/")}
	thief := d.visitor()
	if got := thief.send(http.MethodGet, "/api/ping", stolen, nil); got.status != http.StatusOK {
		t.Fatalf("got %d: %s", got.status, got.body)
	}
	got := one.send(http.MethodPost, "/api/logout", nil, nil)
	if got.status != http.StatusOK || got.body != "logged out" || !strings.Contains(got.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("got %d: %s %v", got.status, got.body, got.header)
	}
	thief.refused("a stolen cookie", thief.send(http.MethodGet, "/api/ping", stolen, nil), http.StatusUnauthorized, nobody)
	one.refused("afterwards", one.send(http.MethodGet, "/api/ping", nil, nil), http.StatusUnauthorized, nobody)
	if got := two.send(http.MethodGet, "/api/ping", nil, nil); got.status != http.StatusOK {
		t.Errorf("another session of hers: %d", got.status)
	}
	program.do(http.MethodGet, "/api/ping", nil, http.StatusOK, nil)
	// Once more, and by nobody, is fine. A GET is not: any page can have that sent.
	for _, who := range []visitor{one, d.visitor()} {
		if got := who.send(http.MethodPost, "/api/logout", nil, nil); got.status != http.StatusOK {
			t.Errorf("got %d: %s", got.status, got.body)
		}
	}
	if got := two.send(http.MethodGet, "/api/logout", nil, nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("got %d", got.status)
	}
}

// SEC-14: what the OpenID provider calls people and groups is nothing of Kubernetes', neither in its names nor in its rights.
func TestSEC14NamesOfTheProvider(t *testing.T) {
	newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	p := newOpenIDProvider(t).start()
	d := openDoor(t, p.options)
	for name, who := range map[string]map[string]any{
		"masters":           {"sub": "mallory", "groups": []string{"system:masters"}},
		"masters, as one":   {"sub": "mallory", "groups": "system:masters"},
		"masters and more":  {"sub": "alice", "groups": []string{"a", "system:masters"}},
		"a system user":     {"sub": "system:kube-controller-manager"},
		"a service account": {"sub": "system:serviceaccount:kube-system:default"},
	} {
		p.set(who, nil)
		v := d.visitor()
		at := v.login("", nil, d.origin+auth.CallbackPath)
		v.refused(name, v.send(http.MethodGet, at.String(), nil, nil), http.StatusForbidden, notYou)
	}
	// RBAC for a user or group of Kubernetes is none for their namesakes.
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: unique(t)}}
	binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"}
	binding.Subjects = []rbacv1.Subject{
		{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "carol"}, {APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "admins"},
	}
	create(t, admin(t), binding)
	t.Cleanup(func() { _ = admin(t).Delete(context.Background(), binding) })
	p.set(map[string]any{"sub": "carol", "groups": []string{"admins"}}, nil)
	var list kubebindv1alpha2.APIServiceExportTemplateList
	carol := person{door: d, token: d.visitor().login("", map[string]string{"redirect_url": callback, "client_type": "cli"}, callback).Query().Get("access_token")}
	if carol.do(http.MethodGet, "/api/templates", nil, http.StatusOK, &list); len(list.Items) != 0 {
		t.Errorf("carol may bind %d templates", len(list.Items))
	}
	carol.refused(http.MethodPost, "/api/bind", wishFor("fruit", unique(t), t.Name()), http.StatusForbidden, notYou)
}

// SEC-16: a consumer's credential ends with its place, and the next one is another.
func TestSEC16CredentialEndsWithItsPlace(t *testing.T) {
	template := newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	d := openDoor(t)
	alice := d.signIn("alice").allowed()
	var first, second kubebindv1alpha2.BindingResourceResponse
	alice.do(http.MethodPost, "/api/bind", wishFor("fruit", template.Name, "ui-identity"), http.StatusOK, &first)
	old := clientOf(t, first.Kubeconfig)
	read := func(c client.Client) error {
		return c.Get(t.Context(), client.ObjectKey{Namespace: first.ProviderNamespace, Name: kubebindv1alpha2.ClusterBindingName}, &kubebindv1alpha2.ClusterBinding{})
	}
	namespace := get(t, admin(t), "", first.ProviderNamespace, &corev1.Namespace{})
	place := get(t, admin(t), first.ProviderNamespace, kubebindv1alpha2.ClusterBindingName, &kubebindv1alpha2.ClusterBinding{})
	if err := admin(t).Delete(t.Context(), place); err != nil {
		t.Fatal(err)
	}
	// Whoever binds again while the old place is going waits for the new one, or is asked to try again.
	v, wish := d.visitor(), marshal(t, wishFor("fruit", template.Name, "ui-identity"))
	eventually(t, "another place", func(context.Context) error {
		got := v.send(http.MethodPost, "/api/bind", jsonHeader("Authorization", "Bearer "+alice.token), wish)
		if got.status != http.StatusOK && got.status != http.StatusServiceUnavailable {
			t.Errorf("got %d: %s", got.status, got.body)
		}
		if got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &second) != nil {
			return errorf("got %d: %s", got.status, got.body)
		}
		return nil
	})
	if get(t, admin(t), "", first.ProviderNamespace, &corev1.Namespace{}).UID == namespace.UID {
		t.Error("it is the same place")
	}
	if second.ProviderNamespace != first.ProviderNamespace {
		t.Errorf("got %s and %s", first.ProviderNamespace, second.ProviderNamespace)
	}
	if err := read(clientOf(t, second.Kubeconfig)); err != nil {
		t.Error(err)
	}
	// It was not used before: the API server remembers for 10 s that it knew a token.
	if err := read(old); !apierrors.IsUnauthorized(err) {
		t.Errorf("the old credential is answered with %v", err)
	}
}

// SEC-17: the embedded issuer asks for a password, and sends nobody but to the backend.
func TestSEC17EmbeddedIssuerAsks(t *testing.T) {
	d := openDoor(t)
	v := d.visitor()
	for _, password := range []string{"", "alice", "wrong", user(t, "bob").Password} {
		if at, err := v.SignIn(t.Context(), d.authorize(nil), d.origin+"/ui", "alice", password); err == nil {
			t.Errorf("with the password %q alice gets to %s", password, at)
		}
	}
	if v.cookie("kube-bind", "/") != "" {
		t.Error("somebody is signed in")
	}
	begun := v.send(http.MethodGet, d.authorize(nil), nil, nil)
	at, err := url.Parse(begun.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	query := at.Query()
	query.Set("redirect_uri", callback)
	at.RawQuery = query.Encode()
	if got := v.send(http.MethodGet, at.String(), nil, nil); got.status != http.StatusBadRequest || got.header.Get("Location") != "" {
		t.Errorf("got %d to %s", got.status, got.header.Get("Location"))
	}
}
