// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func errandOf(t *testing.T, query string) (errand, error) {
	t.Helper()
	return parseErrand(httptest.NewRequest(http.MethodGet, "/?"+query, nil))
}

func TestErrand(t *testing.T) {
	const all = "cluster_id=c&consumer_id=id&redirect_url=http%3A%2F%2Flocalhost%3A7%2Fcallback%3Fa%3Db&response=choice&session_id=s"
	e, err := errandOf(t, all+"&q=words&code=secret")
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Link("/bindings"); got != "/bindings?"+all {
		t.Errorf("the link is %s", got)
	}
	if got := e.Link("/", "q", "a b", "collection", ""); got != "/?"+strings.Replace(all, "&redirect_url", "&q=a+b&redirect_url", 1) {
		t.Errorf("the link is %s", got)
	}
	if e.Program() != "localhost:7" || e.Cluster() != "c" {
		t.Errorf("the program is %s, the cluster %s", e.Program(), e.Cluster())
	}
	if got := e.answer(url.Values{"name": {"n"}}); got != "http://localhost:7/callback?a=b&consumer_id=id&name=n&session_id=s" {
		t.Errorf("the answer goes to %s", got)
	}
	none, err := errandOf(t, "session_id=s&consumer_id=id")
	if err != nil || none.Program() != "" || none.Link("/") != "/" {
		t.Errorf("without a program: %v, %s, %v", none.Program(), none.Link("/"), err)
	}
}

// What is wrong with an errand is dropped, but for the logical cluster.
func TestBadErrand(t *testing.T) {
	for what, query := range map[string]string{
		"another machine": "redirect_url=http://example.org&session_id=s&consumer_id=i",
		"a name like it":  "redirect_url=http://localhost.example.org&session_id=s&consumer_id=i",
		"a user":          "redirect_url=http://127.0.0.1:1@example.org&session_id=s&consumer_id=i",
		"a backslash":     "redirect_url=http://127.0.0.1%5C@example.org&session_id=s&consumer_id=i",
		"https":           "redirect_url=https://127.0.0.1&session_id=s&consumer_id=i",
		"a path":          "redirect_url=/bindings&session_id=s&consumer_id=i",
		"IPv6":            "redirect_url=http://[::1]:5&session_id=s&consumer_id=i",
		"no session":      "redirect_url=http://127.0.0.1&consumer_id=i",
		"no consumer":     "redirect_url=http://127.0.0.1&session_id=s",
		"another answer":  "redirect_url=http://127.0.0.1&session_id=s&response=other",
	} {
		got, err := errandOf(t, query+"&cluster_id=c")
		if err == nil || got.Program() != "" || got.Link("/") != "/?cluster_id=c" {
			t.Errorf("%s: got %s, %v", what, got.Link("/"), err)
		}
	}
}

func TestSignInLink(t *testing.T) {
	for _, tc := range []struct{ method, path, back string }{
		{http.MethodGet, "/", "/"},
		{http.MethodGet, "/bindings?cluster_id=c&a=b", "/bindings?cluster_id=c&a=b"},
		{http.MethodPost, "/templates/a/bundle?a=b", "/templates/a?a=b"},
	} {
		link, err := url.Parse(signInLink(httptest.NewRequest(tc.method, tc.path, nil), "c"))
		if err != nil {
			t.Fatal(err)
		}
		q := link.Query()
		if link.Path != "/api/authorize" || q.Get("redirect_url") != tc.back || q.Get("client_type") != "ui" || len(q.Get("session_id")) < 20 || q.Get("cluster_id") != "c" {
			t.Errorf("%s %s: got %s", tc.method, tc.path, link)
		}
	}
}
