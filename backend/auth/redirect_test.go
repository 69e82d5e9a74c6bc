// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func mustParse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestRedirectTarget(t *testing.T) {
	const origin = "https://bind.example.com:8443"
	// Where browsers and programs are sent; "" is a refusal.
	for raw, want := range map[string]struct{ browser, program string }{
		"https://bind.example.com:8443/":           {origin + "/", origin + "/"},
		"https://bind.example.com:8443":            {origin, origin},
		"HTTPS://bind.example.com:8443/ui?a=b&c=d": {origin + "/ui?a=b&c=d", origin + "/ui?a=b&c=d"},
		"/":                                             {origin + "/", origin + "/"},
		"/ui/../x?a=b":                                  {origin + "/x?a=b", origin + "/x?a=b"},
		"/..//evil.com":                                 {origin + "/evil.com", origin + "/evil.com"},
		"/%5cevil.com":                                  {origin + "/%5cevil.com", origin + "/%5cevil.com"},
		"http://127.0.0.1:8000/callback":                {"", "http://127.0.0.1:8000/callback"},
		"http://127.0.0.1/callback?x=y":                 {"", "http://127.0.0.1/callback?x=y"},
		"http://127.8.9.10:1/":                          {"", "http://127.8.9.10:1/"},
		"http://[::1]:8000/":                            {"", "http://[::1]:8000/"},
		"http://[0:0:0:0:0:0:0:1]:8000/":                {"", "http://[0:0:0:0:0:0:0:1]:8000/"},
		"http://[::ffff:127.0.0.1]:8000/":               {"", "http://[::ffff:127.0.0.1]:8000/"},
		"http://localhost:8000/":                        {"", "http://localhost:8000/"},
		"http://LocalHost:8000/":                        {"", "http://LocalHost:8000/"},
		"http://127.0.0.1:8000/?next=https://evil.com/": {"", "http://127.0.0.1:8000/?next=https://evil.com/"},

		// Other origins that begin, end or look like ours.
		"https://bind.example.com":                   {},
		"https://bind.example.com:443/":              {},
		"https://bind.example.com:84430/":            {},
		"http://bind.example.com:8443/":              {},
		"https://bind.example.com.evil.com:8443/":    {},
		"https://evil.com/bind.example.com:8443":     {},
		"https://evil.com?bind.example.com:8443/":    {},
		"https://evil.com#bind.example.com:8443/":    {},
		"https://evilbind.example.com:8443/":         {},
		"https://bind.example.com:8443@evil.com/":    {},
		"https://bind.example.com%3A8443@evil.com/":  {},
		"https://evil.com@bind.example.com:8443/":    {},
		"https://@bind.example.com:8443/":            {},
		"https://bind.example.com:8443.evil.com/":    {},
		"https://bind.example.com:8443/#token":       {},
		"https://bind.example.com.:8443/":            {},
		"https://bind.example.com\uff1a8443/":        {},
		"https://bind\u3002example.com:8443/":        {},
		"https://bind.example.com:8443\\@evil.com/":  {},
		"https:\\\\bind.example.com:8443/":           {},
		"https://bind.example.com:8443%5C.evil.com/": {},
		"https://bind.example.com:8443%00.evil.com/": {},
		"wss://bind.example.com:8443/":               {},
		"ftp://127.0.0.1/":                           {},
		"https://127.0.0.1/":                         {},
		"//bind.example.com:8443/":                   {},
		"//evil.com/":                                {},
		"///evil.com/":                               {},
		"////evil.com/":                              {},
		"/\\evil.com/":                               {},
		"\\/evil.com/":                               {},
		"\\\\evil.com/":                              {},
		"/\t/evil.com/":                              {},
		"/\n/evil.com/":                              {},
		"\t//evil.com/":                              {},
		" //evil.com/":                               {},
		"https:evil.com":                             {},
		"https:/evil.com":                            {},
		"https:///evil.com":                          {},
		"https://":                                   {},
		"https":                                      {},
		"evil.com":                                   {},
		"ui":                                         {},
		"./ui":                                       {},
		"?x=y":                                       {},
		"#x":                                         {},
		"":                                           {},
		":":                                          {},
		"://":                                        {},
		"javascript:alert(1)":                        {},
		"JavaScript://bind.example.com:8443/%0aalert(1)":     {},
		"java\nscript:alert(1)":                              {},
		"javascript://127.0.0.1/%0aalert(1)":                 {},
		"data:text/html,x":                                   {},
		"blob:https://bind.example.com:8443/x":               {},
		"file:///etc/passwd":                                 {},
		"file://localhost/etc/passwd":                        {},
		"view-source:https://bind.example.com:8443/":         {},
		"http://localhost.evil.com/":                         {},
		"http://localhost.:8000/":                            {},
		"http://localhost%2eevil.com/":                       {},
		"http://local\u017fhost/":                            {},
		"http://localho\u017ft:8000/":                        {},
		"http://\uff4cocalhost/":                             {},
		"http://foo.localhost/":                              {},
		"http://127.0.0.1.evil.com/":                         {},
		"http://127.0.0.1:80@evil.com/":                      {},
		"http://127.0.0.1@evil.com/":                         {},
		"http://evil.com@127.0.0.1/":                         {},
		"http://127.0.0.1\\@evil.com/":                       {},
		"http://127.0.0.1%2f@evil.com/":                      {},
		"http://evil.com\\@127.0.0.1/":                       {},
		"http://evil.com#@127.0.0.1/":                        {},
		"http://evil.com?@127.0.0.1/":                        {},
		"http://127.0.0.1#@evil.com/":                        {},
		"http://127.1/":                                      {},
		"http://127/":                                        {},
		"http://127.0.0.1./":                                 {},
		"http://2130706433/":                                 {},
		"http://0x7f000001/":                                 {},
		"http://0x7f.0.0.1/":                                 {},
		"http://0177.0.0.1/":                                 {},
		"http://017700000001/":                               {},
		"http://127.0.0.0x1/":                                {},
		"http://127\u30020\u30020\u30021/":                   {},
		"http://\u2460\u2461\u2466.0.0.1/":                   {},
		"http://0.0.0.0/":                                    {},
		"http://0/":                                          {},
		"http://[::]/":                                       {},
		"http://[::2]/":                                      {},
		"http://[::1%25eth0]/":                               {},
		"http://[::1]evil.com/":                              {},
		"http://[::1].evil.com/":                             {},
		"http://[::ffff:7f00:1.evil.com]/":                   {},
		"http://[::ffff:169.254.169.254]/":                   {},
		"http://[fe80::1]/":                                  {},
		"http://169.254.169.254/latest/meta-data":            {},
		"http://10.0.0.1/":                                   {},
		"http://128.0.0.1/":                                  {},
		"http://127.0.0.1:port/":                             {},
		"http://127.0.0.1:8000 /":                            {},
		"http://127.0.0.1:8000/a b":                          {},
		"http://127.0.0.1:8000/a\r\nSet-Cookie: a=b":         {},
		"http://127.0.0.1:8000/\x00":                         {},
		"http://127.0.0.1:8000/\x7f":                         {},
		"http://127.0.0.1:8000/%zz":                          {},
		"http:127.0.0.1:8000/":                               {},
		"http:/127.0.0.1:8000/":                              {},
		"http:///127.0.0.1:8000/":                            {},
		"http://127.0.0.1\u202e/":                            {},
		"http://127.0.0.1:8000\u2028/":                       {},
		"http://xn--lcalhost-6wa/":                           {},
		"http://" + strings.Repeat("127.0.0.1.", 99) + "com": {},
	} {
		for program, want := range map[bool]string{false: want.browser, true: want.program} {
			got, err := redirectTarget(mustParse(t, origin), raw, program)
			_, refused := errors.AsType[*RefusedRedirectError](err)
			switch {
			case want == "" && (got != nil || !refused || !strings.HasPrefix(err.Error(), "redirect_url: ")):
				t.Errorf("%q (program: %v): got %v, %v", raw, program, got, err)
			case want != "" && (err != nil || got.String() != want):
				t.Errorf("%q (program: %v): got %v, %v, want %s", raw, program, got, err, want)
			}
		}
	}
}

// A development backend has an origin on this machine. Only programs may name other ports.
func TestRedirectTargetOfLocalOrigin(t *testing.T) {
	origin := mustParse(t, "http://127.0.0.1:8080")
	for raw, want := range map[string]struct{ browser, program bool }{
		"http://127.0.0.1:8080/":      {true, true},
		"http://127.0.0.1:8081/":      {false, true},
		"http://localhost:8080/":      {false, true},
		"http://127.0.0.1/":           {false, true},
		"http://127.0.0.1:08080/":     {false, true},
		"https://127.0.0.1:8080/":     {false, false},
		"http://127.0.0.1:8080.evil/": {false, false},
	} {
		for program, want := range map[bool]bool{false: want.browser, true: want.program} {
			if got, err := redirectTarget(origin, raw, program); (err == nil) != want {
				t.Errorf("%q (program: %v): got %v, %v", raw, program, got, err)
			}
		}
	}
}

// What is given replaces what the client wrote there itself, and leaves the rest.
func TestWithQuery(t *testing.T) {
	target := mustParse(t, "http://127.0.0.1:1/cb?code=mine&x=1&x=2&%zz")
	got := WithQuery(target, url.Values{"code": {"a&b=c#d"}, "session_id": {"\r\n"}})
	if want := "http://127.0.0.1:1/cb?code=a%26b%3Dc%23d&session_id=%0D%0A&x=1&x=2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if target.RawQuery != "code=mine&x=1&x=2&%zz" {
		t.Error("the target was changed")
	}
}

// Whatever is accepted is a page of the origin, or for programs http on this machine, in the way browsers read it too.
func FuzzRedirectTarget(f *testing.F) {
	for _, seed := range []string{
		"/", "/ui?a=b", "//evil.com", "/\\evil.com", "https://bind.example.com/", "https://bind.example.com@evil.com/", "http://127.0.0.1:1/",
		"http://[::1]:1/?x=y", "http://localhost/", "http://localhost.evil.com/", "http://127.1/", "javascript:alert(1)", "http:evil.com", "///evil.com",
		"https://bind.example.com:443/", "http://127.0.0.1\t.evil.com/", "http://local\u017fhost/", "/%2f/evil.com", "/..//..//evil.com",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	origin := mustParse(f, "https://bind.example.com")
	f.Fuzz(func(t *testing.T, raw string, program bool) {
		target, err := redirectTarget(origin, raw, program)
		if err != nil {
			return
		}
		location := WithQuery(target, url.Values{"code": {"secret"}})
		if strings.ContainsFunc(location, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
			t.Fatalf("%q becomes %q", raw, location)
		}
		scheme, rest, _ := strings.Cut(location, "://")
		authority, _, _ := strings.Cut(rest, "/")
		authority, _, _ = strings.Cut(authority, "?")
		if scheme == "https" && authority == "bind.example.com" {
			return
		}
		host := mustParse(t, "http://"+authority).Hostname()
		address, err := netip.ParseAddr(host)
		local := strings.ToLower(host) == "localhost" || err == nil && address.Unmap().IsLoopback() && address.Zone() == ""
		if !program || scheme != "http" || !local || strings.ContainsAny(authority, "@#") {
			t.Fatalf("%q becomes %q", raw, location)
		}
	})
}
