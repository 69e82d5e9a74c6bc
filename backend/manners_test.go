// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/backend/auth"
)

// What cannot be answered is answered as programs expect it.
func TestHTTPManners(t *testing.T) {
	template := newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	d := openDoor(t)
	alice := d.signIn("alice").allowed()
	v := d.visitor()
	for name, tc := range map[string]struct {
		method, path string
		header       map[string]string
		body         string
		status       int
		code         string
	}{
		"no such route":         {http.MethodGet, "/api/nothing", nil, "", http.StatusNotFound, notThere},
		"no such route to post": {http.MethodPost, "/api/nothing", nil, "", http.StatusNotFound, notThere},
		"something below":       {http.MethodGet, "/api/ping/x", nil, "", http.StatusNotFound, notThere},
		"a slash more":          {http.MethodGet, "/api/ping/", nil, "", http.StatusNotFound, notThere},
		"the API itself":        {http.MethodGet, "/api/", nil, "", http.StatusNotFound, notThere},
		"encoded dots":          {http.MethodGet, "/api/%2e%2e/%2e%2e/etc/passwd", nil, "", http.StatusNotFound, notThere},
		"no JSON":               {http.MethodPost, "/api/bind", jsonHeader(), "{", http.StatusBadRequest, badlyPut},
		"other JSON":            {http.MethodPost, "/api/bind", jsonHeader(), "[]", http.StatusBadRequest, badlyPut},
		"no body":               {http.MethodPost, "/api/bind", jsonHeader(), "", http.StatusBadRequest, badlyPut},
		"a form":                {http.MethodPost, "/api/bind", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, "a=b", http.StatusBadRequest, badlyPut},
		"no content type":       {http.MethodPost, "/api/bind", nil, "{}", http.StatusBadRequest, badlyPut},
		"YAML":                  {http.MethodPost, "/api/bind", map[string]string{"Content-Type": "application/yaml"}, "a: b", http.StatusBadRequest, badlyPut},
		"too long":              {http.MethodPost, "/api/bind", jsonHeader(), `"` + strings.Repeat("x", 1<<20) + `"`, http.StatusRequestEntityTooLarge, badlyPut},
		"too long, no login":    {http.MethodPost, "/api/token", jsonHeader(), `"` + strings.Repeat("x", 1<<20) + `"`, http.StatusRequestEntityTooLarge, badlyPut},
		"no template":           {http.MethodPost, "/api/bind", jsonHeader(), `{"spec":{"clusterIdentity":{"identity":"x"}}}`, http.StatusBadRequest, badlyPut},
		"an empty template":     {http.MethodPost, "/api/bind", jsonHeader(), `{"spec":{"templateRef":{"name":""},"clusterIdentity":{"identity":"x"}}}`, http.StatusBadRequest, badlyPut},
		"a path as template":    {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, wishFor("fruit", "../../x", "x"))), http.StatusBadRequest, badlyPut},
		"a path as name":        {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, wishFor("../x", template.Name, "x"))), http.StatusBadRequest, badlyPut},
		"a long name":           {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, wishFor(strings.Repeat("x", 254), template.Name, "x"))), http.StatusBadRequest, badlyPut},
		"no such template":      {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, wishFor("fruit", "no-such", "x"))), http.StatusNotFound, notThere},
		"no identity":           {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, wishFor("fruit", template.Name, ""))), http.StatusBadRequest, badlyPut},
		"lines as identity":     {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, wishFor("fruit", template.Name, "a\nb"))), http.StatusBadRequest, badlyPut},
		"NUL as identity":       {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, wishFor("fruit", template.Name, "a\x00b"))), http.StatusBadRequest, badlyPut},
		"turned identity":       {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, wishFor("fruit", template.Name, "a\u202eb"))), http.StatusBadRequest, badlyPut},
		"turned pretty name":    {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, prettily(wishFor("fruit", template.Name, "x"), "a\u2028b"))), http.StatusBadRequest, badlyPut},
		"a long identity":       {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, wishFor("fruit", template.Name, strings.Repeat("x", 513)))), http.StatusBadRequest, badlyPut},
		"no text as identity":   {http.MethodPost, "/api/bind?consumer_id=%ff", jsonHeader(), string(marshal(t, wishFor("fruit", template.Name, "x"))), http.StatusBadRequest, badlyPut},
		"a long pretty name":    {http.MethodPost, "/api/bind", jsonHeader(), string(marshal(t, prettily(wishFor("fruit", template.Name, "x"), strings.Repeat("x", 1<<19)))), http.StatusBadRequest, badlyPut},
		"bad authorize":         {http.MethodPost, "/api/authorize", jsonHeader(), "{}", http.StatusBadRequest, badlyPut},
		"authorize, no session": {http.MethodGet, "/api/authorize?redirect_url=/", nil, "", http.StatusBadRequest, badlyPut},
		"authorize, other type": {http.MethodGet, "/api/authorize?redirect_url=/&session_id=s&client_type=x", nil, "", http.StatusBadRequest, badlyPut},
		"a bad challenge":       {http.MethodGet, "/api/authorize?redirect_url=/&session_id=s&client_type=cli&code_challenge=plain", nil, "", http.StatusBadRequest, badlyPut},
		"a long parameter":      {http.MethodGet, "/api/authorize?redirect_url=/&session_id=" + strings.Repeat("s", 2049), nil, "", http.StatusBadRequest, badlyPut},
		"long parameters":       {http.MethodGet, "/api/authorize?redirect_url=/&session_id=" + strings.Repeat("s", 2000) + "&consumer_id=" + strings.Repeat("s", 2000), nil, "", http.StatusBadRequest, badlyPut},
		"callback, no state":    {http.MethodGet, "/api/callback?code=x", nil, "", http.StatusBadRequest, badlyPut},
		"a token for no code":   {http.MethodPost, "/api/token", jsonHeader(), "{}", http.StatusUnauthorized, nobody},
	} {
		t.Run(name, func(t *testing.T) {
			v := visitor{&door{t: t, origin: d.origin}, v.Browser}
			header := map[string]string{"Authorization": "Bearer " + alice.token}
			for name, value := range tc.header {
				header[name] = value
			}
			got := v.send(tc.method, tc.path, header, []byte(tc.body))
			v.refused(name, got, tc.status, tc.code)
			if got.header.Get("Content-Type") != "application/json" {
				t.Errorf("the headers are %v", got.header)
			}
		})
	}
}

func prettily(wish *kubebindv1alpha2.BindableResourcesRequest, name string) *kubebindv1alpha2.BindableResourcesRequest {
	wish.Spec.ClusterIdentity.PrettyName = name
	return wish
}

// Every route knows its methods, and whether it is for everybody.
func TestRoutes(t *testing.T) {
	d := openDoor(t)
	v := d.visitor()
	for path, tc := range map[string]struct {
		allow string
		// status of a request that brings nothing along.
		status int
	}{
		"/healthz":                {"GET", http.StatusOK},
		"/api/healthz":            {"GET", http.StatusOK},
		"/exports":                {"GET", http.StatusFound},
		"/api/exports":            {"GET", http.StatusOK},
		"/api/bindable-resources": {"GET", http.StatusOK},
		"/api/authorize":          {"GET, POST", http.StatusBadRequest},
		"/api/callback":           {"GET", http.StatusBadRequest},
		"/api/token":              {"POST", http.StatusBadRequest},
		"/api/logout":             {"POST", http.StatusOK},
		"/api/ping":               {"GET", http.StatusUnauthorized},
		"/api/templates":          {"GET", http.StatusUnauthorized},
		"/api/collections":        {"GET", http.StatusUnauthorized},
		"/api/bind":               {"POST", http.StatusUnauthorized},
		"/api/consumer-status":    {"GET", http.StatusUnauthorized},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "BREW"} {
			got := v.send(method, path, nil, nil)
			if slices.Contains(strings.Split(tc.allow, ", "), method) {
				if got.status != tc.status {
					t.Errorf("%s %s: got %d: %s", method, path, got.status, got.body)
				}
				continue
			}
			if v.turnedAway(method+" "+path, got, http.StatusMethodNotAllowed); strings.HasPrefix(path, "/api/") {
				v.refused(method+" "+path, got, http.StatusMethodNotAllowed, badlyPut)
			}
			if allow := got.header.Get("Allow"); allow != tc.allow {
				t.Errorf("%s %s: Allow is %q, want %q", method, path, allow, tc.allow)
			}
		}
	}
	if at := v.send(http.MethodGet, "/exports?a=b&c=%2Fd", nil, nil).header.Get("Location"); at != "/api/exports?a=b&c=%2Fd" {
		t.Errorf("exports are at %s", at)
	}
	// Where to sign in follows from the flags, whatever host a request names.
	got := v.send(http.MethodGet, "/api/exports?cluster_id=c&session_id=s&redirect_url=https://evil.example.com", map[string]string{"X-Forwarded-Host": "evil.example.com"}, nil)
	if got.status != http.StatusOK || strings.Contains(got.body, "evil") || !strings.Contains(got.body, d.origin+`/api/authorize?cluster_id=c\u0026session_id=s`) {
		t.Errorf("got %s", got.body)
	}
}

// Who may bind one template sees it and its collections, and does not learn of others whether they are there.
func TestRightsByName(t *testing.T) {
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	mine, other := newTemplate(t, "-mine", nil, a), newTemplate(t, "-other", nil, a)
	// Which is not ready, and said to be so in the conditions of its collection.
	broken := newTemplate(t, "-broken", func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) { s.Resources[0].Resource = "none" }, a)
	for name, templates := range map[string][]string{"-mixed": {mine.Name, other.Name, broken.Name}, "-others": {other.Name}} {
		collection := &kubebindv1alpha2.Collection{ObjectMeta: metav1.ObjectMeta{Name: unique(t) + name}}
		for _, template := range templates {
			collection.Spec.Templates = append(collection.Spec.Templates, kubebindv1alpha2.TemplateReference{Name: template})
		}
		create(t, admin(t), collection)
	}
	d := openDoor(t, func(o *backend.Options) { o.FrontDoor.AllowedUsers = []string{"alice"} })
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: unique(t)}}
	role.Rules = []rbacv1.PolicyRule{{
		APIGroups: []string{"kube-bind.io"}, Resources: []string{"apiserviceexporttemplates"}, Verbs: []string{"bind"}, ResourceNames: []string{mine.Name},
	}}
	create(t, admin(t), role)
	create(t, admin(t), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: unique(t)},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "oidc:devops"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: unique(t)},
	})
	eventually(t, "the collection to be judged", func(context.Context) error {
		if len(get(t, admin(t), "", unique(t)+"-mixed", &kubebindv1alpha2.Collection{}).Status.Conditions) == 0 {
			return errorf("it has no conditions")
		}
		return nil
	})
	bob := d.signIn("bob").allowed()
	var seen string
	if bob.do(http.MethodGet, "/api/templates", nil, http.StatusOK, &seen); !strings.Contains(seen, mine.Name) || strings.Contains(seen, other.Name) || strings.Contains(seen, broken.Name) {
		t.Errorf("bob sees %s", seen)
	}
	bob.do(http.MethodGet, "/api/collections", nil, http.StatusOK, &seen)
	if !strings.Contains(seen, unique(t)+"-mixed") || strings.Contains(seen, unique(t)+"-others") || strings.Contains(seen, other.Name) || strings.Contains(seen, broken.Name) {
		t.Errorf("bob sees %s", seen)
	}
	said := map[string]bool{}
	for _, template := range []string{other.Name, broken.Name, "no-such-template"} {
		text := bob.refused(http.MethodPost, "/api/bind", wishFor("fruit", template, t.Name()), http.StatusForbidden, notYou)
		said[strings.ReplaceAll(text, template, "it")] = true
	}
	if len(said) != 1 {
		t.Errorf("bob is told differently: %v", said)
	}
	bob.do(http.MethodPost, "/api/bind", wishFor("fruit", mine.Name, t.Name()), http.StatusOK, nil)
	// A place for what bob may have is no way to what he may not.
	bob.refused(http.MethodPost, "/api/bind", wishFor("other", other.Name, t.Name()), http.StatusForbidden, notYou)
	alice := d.signIn("alice").allowed()
	if alice.do(http.MethodGet, "/api/collections", nil, http.StatusOK, &seen); !strings.Contains(seen, unique(t)+"-others") || !strings.Contains(seen, broken.Name) {
		t.Errorf("alice sees %s", seen)
	}
	alice.refused(http.MethodPost, "/api/bind", wishFor("fruit", broken.Name, "x"), http.StatusBadRequest, badlyPut)
}

// An older client knows no challenge: it finds its token in the address that its browser is sent to.
func TestClientWithoutChallenge(t *testing.T) {
	d := openDoor(t)
	at := d.visitor().login("alice", map[string]string{"redirect_url": callback + "?own=x", "client_type": "cli"}, callback)
	query := at.Query()
	if !strings.HasPrefix(at.String(), callback+"?") || query.Get("own") != "x" || query.Get("token_type") != "Bearer" || query.Get("expires_in") != "3600" && query.Get("expires_in") != "3599" ||
		query.Has("cluster_id") || query.Has("code") {
		t.Errorf("got %s", at)
	}
	alice := person{door: d, token: query.Get("access_token")}
	alice.do(http.MethodGet, "/api/ping", nil, http.StatusOK, nil)
	// The other way round: a code is no token, and a token no code, and neither is a cookie.
	code := d.visitor().login("alice", challenge("v"), callback).Query().Get("code")
	person{door: d, token: code}.refused(http.MethodGet, "/api/ping", nil, http.StatusUnauthorized, nobody)
	alice.refused(http.MethodPost, "/api/token", map[string]string{"code": alice.token, "code_verifier": "v"}, http.StatusUnauthorized, nobody)
	for _, value := range []string{code, alice.token} {
		d.visitor().refused("as a cookie", d.visitor().send(http.MethodGet, "/api/ping", map[string]string{"Cookie": "kube-bind=" + value}, nil), http.StatusUnauthorized, nobody)
	}
	// A code is for whoever knows the verifier.
	for _, verifier := range []string{"", "V", "v ", challenge("v")["code_challenge"]} {
		alice.refused(http.MethodPost, "/api/token", map[string]string{"code": code, "code_verifier": verifier}, http.StatusUnauthorized, nobody)
	}
	var token auth.TokenResponse
	alice.do(http.MethodPost, "/api/token", map[string]string{"code": code, "code_verifier": "v"}, http.StatusOK, &token)
	if token.TokenType != "Bearer" || token.ExpiresIn < 3590 || token.ExpiresIn > 3600 || token.Name != "alice" {
		t.Errorf("got %+v", token)
	}
	person{door: d, token: token.AccessToken}.do(http.MethodGet, "/api/ping", nil, http.StatusOK, nil)
}

// W29: many first binds of one identity at the same time make one place, and fail nobody.
func TestConcurrentFirstBinds(t *testing.T) {
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	templates := []string{newTemplate(t, "-a", nil, a).Name, newTemplate(t, "-b", nil, a).Name}
	d := openDoor(t)
	alice := d.signIn("alice").allowed()
	var all sync.WaitGroup
	places := make([]string, 8)
	for i := range places {
		all.Go(func() {
			v := d.visitor()
			got := v.send(http.MethodPost, "/api/bind", jsonHeader("Authorization", "Bearer "+alice.token), marshal(t, wishFor("fruit", templates[i%2], t.Name())))
			var bound kubebindv1alpha2.BindingResourceResponse
			if got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &bound) != nil || len(bound.Kubeconfig) == 0 {
				t.Errorf("got %d: %s", got.status, got.body)
			}
			places[i] = bound.ProviderNamespace
		})
	}
	all.Wait()
	if places = slices.Compact(places); len(places) != 1 || places[0] == "" {
		t.Errorf("the places are %v", places)
	}
	place := get(t, admin(t), places[0], kubebindv1alpha2.ClusterBindingName, &kubebindv1alpha2.ClusterBinding{})
	for _, template := range templates {
		if !strings.Contains(string(place.Spec.ServiceProviderSpec.Raw), template) {
			t.Errorf("%s is not granted: %s", template, place.Spec.ServiceProviderSpec.Raw)
		}
	}
}
