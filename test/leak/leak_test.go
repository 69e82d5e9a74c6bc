// SPDX-License-Identifier: Apache-2.0

package leak

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	known    = "a-token-that-nobody-may-see"
	innocent = `I1128 "answered" method="GET" path="/api/callback" status=302 tokenLifetime="24h" password="" code=ok`
)

func kubeconfig() []byte {
	key := "-----BEGIN EC KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY\n-----END EC KEY-----\n"
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind": "Config","users":[{"name":"x","user":{"token":%q,"client-key-data":%q}}]}`,
		known, base64.StdEncoding.EncodeToString([]byte(key)))
}

// Whatever looks like a secret, and whatever is known to be one, is found, by file and line, and not repeated.
func TestScan(t *testing.T) {
	k := &Known{}
	if err := k.AddKubeconfig(kubeconfig()); err != nil {
		t.Fatal(err)
	}
	k.AddSecret(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "session-keys"}, Data: map[string][]byte{"1": []byte("\x01\x02 thirty-two bytes of a key here")}}, "session-keys")
	k.AddSecret(&corev1.Secret{Type: corev1.SecretTypeServiceAccountToken, Data: map[string][]byte{"token": []byte("token of a service account"), "namespace": []byte("a-long-name-of-a-namespace")}})
	k.AddSecret(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "of-a-user"}, Data: map[string][]byte{"text": []byte("words that may well be in a log")}}, "session-keys")
	for name, tc := range map[string]struct {
		line string
		leak bool
	}{
		"innocent":          {innocent, false},
		"a user's Secret":   {"words that may well be in a log", false},
		"a name":            {"a-long-name-of-a-namespace", false},
		"JWT":               {"token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl in it", true},
		"JWE":               {"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXZpdml2aXY.Y2lwaGVy.dGFn", true},
		"private key":       {"-----BEGIN RSA PRIVATE KEY-----", true},
		"private key, too":  {"-----BEGIN PRIVATE KEY-----", true},
		"bearer":            {`Authorization: Bearer abcdefgh01234567`, true},
		"query":             {`GET /callback?access_token=abcdefgh&x=y`, true},
		"body":              {`{"client_secret":"abcdefghijk"}`, true},
		"an object":         {`"spec":{"intent":"` + Body + `"}`, true},
		"a Secret":          {`"data":{"x":"` + base64.StdEncoding.EncodeToString([]byte(Body)) + `"}`, true},
		"known token":       {"x " + known + " y", true},
		"its base64":        {base64.StdEncoding.EncodeToString([]byte(known)), true},
		"line of a key":     {"MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY", true},
		"session key":       {base64.StdEncoding.EncodeToString([]byte("\x01\x02 thirty-two bytes of a key here")), true},
		"ServiceAccount":    {"the token of a service account is", true},
		"without a newline": {known, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "deep", "x.log")
			text := innocent + "\n" + tc.line
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			// Other files are not logs.
			for _, file := range []string{path, filepath.Join(dir, "x.kubeconfig")} {
				if file != path {
					text = known
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := k.Scan(dir)
			if (err != nil) != tc.leak {
				t.Fatalf("got %v", err)
			}
			if err != nil && (!strings.Contains(err.Error(), path+":2 ") || strings.Contains(err.Error(), tc.line)) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := k.Scan(filepath.Join(t.TempDir(), "gone")); err == nil {
		t.Error("a folder that is not there was read")
	}
	if err := k.AddKubeconfig([]byte("{" + known)); err == nil || strings.Contains(err.Error(), known) {
		t.Errorf("got %v for what is no kubeconfig", err)
	}
}

// The base64 of a private key has three forms, by where the words begin.
func TestPrivateKeysInBase64(t *testing.T) {
	for _, kind := range []string{"RSA ", "EC ", "", "OPENSSH "} {
		text := base64.StdEncoding.EncodeToString([]byte("-----BEGIN " + kind + "PRIVATE KEY-----\nabc"))
		if !looks().MatchString(text) {
			t.Errorf("%q is not found", text)
		}
	}
}
