// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// external are the flags of a front door with an OpenID provider of one's own.
func external(more ...string) []string {
	return append([]string{
		"--frontend-disabled=false", "--oidc-issuer-url=https://idp.example.com", "--oidc-callback-url=https://bind.example.com/api/callback",
		"--oidc-issuer-client-id=kube-bind",
	}, more...)
}

// embedded are those of one with the issuer for development.
func embedded(more ...string) []string {
	return append([]string{"--frontend-disabled=false", "--oidc-type=embedded", "--oidc-callback-url=http://127.0.0.1:8080/api/callback"}, more...)
}

// SEC-13: a wrong value is refused, and no value stands for one that is less safe.
func TestSEC13FrontDoorFlags(t *testing.T) {
	noCertificate := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(noCertificate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for arg, says := range map[string]string{
		"--oidc-type=":                                                "must be one of external, embedded",
		"--oidc-type=inside":                                          "must be one of external, embedded",
		"--oidc-type=none":                                            "must be one of external, embedded",
		"--oidc-issuer-url=":                                          "--oidc-issuer-url",
		"--oidc-issuer-url=idp.example.com":                           "--oidc-issuer-url",
		"--oidc-issuer-url=ldap://idp.example.com":                    "--oidc-issuer-url",
		"--oidc-issuer-url=https://u:p@idp.example.com":               "--oidc-issuer-url",
		"--oidc-issuer-url=https://idp.example.com/?x=y":              "--oidc-issuer-url",
		"--oidc-issuer-url=https://idp.example.com/#x":                "--oidc-issuer-url",
		"--oidc-callback-url=":                                        "/api/callback",
		"--oidc-callback-url=https://bind.example.com":                "/api/callback",
		"--oidc-callback-url=https://bind.example.com/api/callback/":  "/api/callback",
		"--oidc-callback-url=https://bind.example.com/x/api/callback": "/api/callback",
		"--oidc-callback-url=https://u@bind.example.com/api/callback": "/api/callback",
		"--oidc-callback-url=https://bind.example.com/api/callback?x": "/api/callback",
		"--oidc-callback-url=javascript://bind.example/api/callback":  "/api/callback",
		"--oidc-callback-url=/api/callback":                           "/api/callback",
		"--oidc-callback-url=https://bind.example.com:x/api/callback": "/api/callback",
		"--oidc-issuer-client-id=":                                    "--oidc-issuer-client-id",
		"--oidc-scopes=profile":                                       "must have openid",
		"--oidc-scopes=":                                              "must have openid",
		"--oidc-username-claim=":                                      "--oidc-username-claim",
		"--oidc-groups-claim= ":                                       "--oidc-groups-claim",
		"--oidc-ca-file=/no/such/file":                                "no such file",
		"--oidc-ca-file=" + noCertificate:                             "--oidc-ca-file",
		"--listen-address=":                                           "--listen-address",
		"--listen-address=0":                                          "--frontend-disabled",
		"--listen-address=8080":                                       "--listen-address",
		"--tls-cert-file=x":                                           "both are needed",
		"--tls-key-file=x":                                            "both are needed",
		"--token-expiry=0":                                            "--token-expiry",
		"--token-expiry=-1h":                                          "--token-expiry",
		"--token-expiry=59s":                                          "--token-expiry",
		"--token-expiry=8760h":                                        "--token-expiry",
		"--session-key-rotation=0":                                    "--session-key-rotation",
		"--session-key-rotation=9m":                                   "--session-key-rotation",
		"--oidc-username-prefix=system:":                              "--oidc-username-prefix",
		"--oidc-groups-prefix=system:":                                "--oidc-groups-prefix",
		"--oidc-groups-prefix=system:x":                               "--oidc-groups-prefix",
		"--redis-addr=localhost":                                      "must be host:port",
		"--redis-tls":                                                 "--redis-addr: is needed",
		"--redis-username=x":                                          "--redis-addr: is needed",
	} {
		t.Run(arg, func(t *testing.T) {
			_, err := parse(t, external(arg)...)
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v, want %q", err, says)
			}
		})
	}
}

// A server with a certificate whose callback is plain http would give out cookies that travel in the clear.
func TestSEC12CallbackIsAsSafeAsTheServer(t *testing.T) {
	_, err := parse(t, external("--tls-cert-file=c", "--tls-key-file=k", "--oidc-callback-url=http://bind.example.com/api/callback")...)
	if err == nil || !strings.Contains(err.Error(), "must be https") {
		t.Errorf("got %v", err)
	}
}

// SEC-17: the issuer whose passwords everybody knows serves this machine only, unless somebody insists.
func TestSEC17EmbeddedIssuerStaysHere(t *testing.T) {
	const here, elsewhere = "", "--oidc-embedded-insecure"
	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"as it is":                    {nil, here},
		"localhost":                   {[]string{"--oidc-callback-url=http://localhost:8080/api/callback"}, here},
		"IPv6":                        {[]string{"--oidc-callback-url=http://[::1]:8080/api/callback", "--listen-address=[::1]:8080"}, here},
		"listens everywhere":          {[]string{"--listen-address=:8080"}, elsewhere},
		"listens at 0.0.0.0":          {[]string{"--listen-address=0.0.0.0:8080"}, elsewhere},
		"listens at [::]":             {[]string{"--listen-address=[::]:8080"}, elsewhere},
		"listens in the network":      {[]string{"--listen-address=192.168.0.1:8080"}, elsewhere},
		"listens at a name":           {[]string{"--listen-address=localhost.example.com:8080"}, elsewhere},
		"is called from elsewhere":    {[]string{"--oidc-callback-url=http://bind.example.com/api/callback"}, elsewhere},
		"with https":                  {[]string{"--oidc-callback-url=https://bind.example.com/api/callback"}, elsewhere},
		"nearly this machine":         {[]string{"--oidc-callback-url=http://localhost.example.com/api/callback"}, elsewhere},
		"nearly its address":          {[]string{"--oidc-callback-url=http://127.1/api/callback"}, elsewhere},
		"both":                        {[]string{"--listen-address=:8080", "--oidc-callback-url=http://bind.example.com/api/callback"}, elsewhere},
		"another's issuer":            {[]string{"--oidc-issuer-url=https://idp.example.com"}, "--oidc-issuer-url"},
		"another path":                {[]string{"--oidc-issuer-url=http://127.0.0.1:8080/issuer"}, "--oidc-issuer-url"},
		"elsewhere, another's issuer": {[]string{"--oidc-embedded-insecure", "--oidc-issuer-url=https://bind.example.com/oidc"}, "--oidc-issuer-url"},
		"with a client":               {[]string{"--oidc-issuer-client-id=x"}, "makes its own client"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parse(t, embedded(tc.args...)...)
			if tc.says == "" {
				if err != nil || o.FrontDoor.ClientSecret == "" || !slices.Equal(o.FrontDoor.AllowedUsers, []string{"alice", "bob"}) {
					t.Errorf("got %v, %+v", err, o.FrontDoor)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
			if tc.says == elsewhere {
				if _, err := parse(t, embedded(append(tc.args, "--oidc-embedded-insecure")...)...); err != nil {
					t.Errorf("with the flag that it names: %v", err)
				}
			}
		})
	}
	if o, err := parse(t, external()...); err != nil || o.FrontDoor.OIDCType != OIDCExternal {
		t.Errorf("the default is %s, %v", o.FrontDoor.OIDCType, err)
	}
	t.Setenv("OIDC_CLIENT_SECRET", "s3cret")
	if _, err := parse(t, embedded()...); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}

// SEC-12: the client's secret comes from the environment, and is in no argument.
func TestSEC12ClientSecret(t *testing.T) {
	t.Setenv("OIDC_CLIENT_SECRET", "s3cret")
	if o, err := parse(t, external()...); err != nil || o.FrontDoor.ClientSecret != "s3cret" {
		t.Errorf("got %q, %v", o.FrontDoor.ClientSecret, err)
	}
}

// SEC-14: without a word names of the OpenID provider are apart from those of Kubernetes.
func TestSEC14DefaultPrefixes(t *testing.T) {
	o, err := parse(t, external("--oidc-type=EXTERNAL", "--token-expiry=1m", "--session-key-rotation=10m")...)
	if err != nil {
		t.Fatal(err)
	}
	if f := o.FrontDoor; f.Prefixes.Username != "oidc:" || f.Prefixes.Groups != "oidc:" || f.OIDCType != OIDCExternal || f.TokenExpiry != time.Minute ||
		f.ListenAddress != "127.0.0.1:8080" || f.InsecureEmbedded || len(f.AllowedUsers)+len(f.AllowedGroups) != 0 {
		t.Errorf("got %+v", f)
	}
}
