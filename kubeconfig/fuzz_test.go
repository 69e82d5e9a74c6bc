// SPDX-License-Identifier: Apache-2.0

package kubeconfig

import (
	"net/url"
	"strings"
	"testing"
)

// Whatever a kubeconfig says, it is refused, or is of a credential that reaches one server over HTTPS, reads no file, runs nothing and
// goes through no proxy. A refusal does not repeat the token.
func FuzzParse(f *testing.F) {
	const token = "s3cr3t-t0ken"
	good := `{"apiVersion":"v1","kind":"Config","current-context":"a","contexts":[{"name":"a","context":{"cluster":"a","user":"a","namespace":"ns"}}],` +
		`"clusters":[{"name":"a","cluster":{"server":"https://example.com"}}],"users":[{"name":"a","user":{"token":"` + token + `"}}]}`
	for _, seed := range []string{
		good, "", "{}", "kind: Config", "- a", "\x00", strings.Replace(good, "https", "http", 1), strings.Replace(good, "example.com", "user:pass@example.com", 1),
		strings.Replace(good, `"token"`, `"tokenFile":"/etc/passwd","token"`, 1), strings.Replace(good, `"token"`, `"exec":{"command":"sh"},"token"`, 1),
		strings.Replace(good, `"server"`, `"proxy-url":"http://evil","server"`, 1), strings.Replace(good, `"server"`, `"insecure-skip-tls-verify":true,"server"`, 1),
		strings.Replace(good, `"token"`, `"as":"admin","token"`, 1), strings.Replace(good, `"server"`, `"certificate-authority-data":"AAAA","server"`, 1),
		strings.Replace(good, token, token+`\n`, 1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Parse(data)
		if err != nil {
			if strings.Contains(err.Error(), token) {
				t.Errorf("the error repeats the token: %v", err)
			}
			return
		}
		if reduced, err := Reduce(data); err != nil {
			t.Errorf("what is parsed cannot be reduced: %v", err)
		} else if again, err := Parse(reduced); err != nil || !again.Equal(got) {
			t.Errorf("reduced it is another one, %v", err)
		}
		c := got.Config
		if u, err := url.Parse(c.Host); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			t.Errorf("it goes to %q", c.Host)
		}
		if c.ExecProvider != nil || c.AuthProvider != nil || c.Proxy != nil || c.Insecure || c.Username != "" || c.Password != "" ||
			c.BearerTokenFile+c.CertFile+c.KeyFile+c.CAFile != "" || c.Impersonate.UserName != "" {
			t.Errorf("it may do more: %s", c)
		}
		if c.BearerToken == "" && len(c.CertData) == 0 {
			t.Error("it is nobody's")
		}
	})
}
