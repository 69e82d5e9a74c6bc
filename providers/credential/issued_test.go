// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// jwt is a token with a payload, which nobody has signed.
func jwt(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".secret"
}

// issuedAt is a token of an account, as API servers make them.
func issuedAt(at time.Time, lifetime time.Duration, uid string) string {
	return jwt(fmt.Sprintf(`{"aud":["x"],"exp":%d,"iat":%d,"kubernetes.io":{"namespace":"ns","serviceaccount":{"name":"kube-binder","uid":%q}},"sub":"s"}`,
		at.Add(lifetime).Unix(), at.Unix(), uid))
}

func TestStale(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	fresh := issuedAt(now, day, "mine")
	for name, tc := range map[string]struct {
		issued Issued
		why    string // "" stays
	}{
		"fresh":                       {Issued{fresh, now.Add(day / 2)}, ""},
		"a second before half":        {Issued{fresh, now.Add(time.Second)}, ""},
		"half is over":                {Issued{fresh, now}, "half"},
		"long over":                   {Issued{issuedAt(now.Add(-2*day), day, "mine"), now.Add(-day)}, "half"},
		"noted by another clock":      {Issued{fresh, now.Add(day/2 + 2*time.Second)}, "too late"},
		"API server's clock is ahead": {Issued{issuedAt(now.Add(3*day), day, "mine"), now.Add(day / 2)}, ""},
		"API server's clock is late":  {Issued{issuedAt(now.Add(-3*day), day, "mine"), now.Add(day / 2)}, ""},
		"nothing noted":               {Issued{Token: fresh}, "not known"},
		"nothing there":               {Issued{RenewAt: now.Add(time.Hour)}, "none"},
		"of a former account":         {Issued{issuedAt(now, day, "former"), now.Add(time.Hour)}, "another ServiceAccount"},
		"of no account":               {Issued{jwt(`{"exp":9999999999,"iat":1}`), now.Add(time.Hour)}, "another ServiceAccount"},
		"without expiry": {
			Issued{jwt(`{"iss":"kubernetes/serviceaccount","kubernetes.io/serviceaccount/service-account.uid":"mine"}`), now.Add(time.Hour)}, "another ServiceAccount",
		},
		"without expiry, of today's kind": {
			Issued{jwt(`{"iat":1,"kubernetes.io":{"serviceaccount":{"uid":"mine"}}}`), now.Add(time.Hour)}, "does not expire",
		},
		"no JWT":     {Issued{"secret", now.Add(time.Hour)}, "cannot be read"},
		"no base64":  {Issued{"e30.%secret%.x", now.Add(time.Hour)}, "cannot be read"},
		"no JSON":    {Issued{jwt("secret"), now.Add(time.Hour)}, "cannot be read"},
		"odd claims": {Issued{jwt(`{"exp":"secret"}`), now.Add(time.Hour)}, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			why := tc.issued.Stale("mine", now)
			if (why == "") != (tc.why == "") || !strings.Contains(why, tc.why) || strings.Contains(why, "secret") {
				t.Errorf("got %q", why)
			}
		})
	}
}

// What the API server says about the lifetime counts, and its clock does not.
func TestIssue(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 999, time.UTC)
	for name, tc := range map[string]struct {
		token   string
		expires time.Time
		renew   time.Duration // 0 is an error
	}{
		"a day":                     {issuedAt(now, 24*time.Hour, "mine"), now.Add(24 * time.Hour), 12 * time.Hour},
		"shortened":                 {issuedAt(now, time.Hour, "mine"), now.Add(time.Hour), 30 * time.Minute},
		"only said to be shortened": {issuedAt(now, 24*time.Hour, "mine"), now.Add(time.Hour), 30 * time.Minute},
		"API server ahead":          {issuedAt(now.Add(48*time.Hour), time.Hour, "mine"), now.Add(49 * time.Hour), 30 * time.Minute},
		"API server behind":         {issuedAt(now.Add(-48*time.Hour), time.Hour, "mine"), now.Add(-47 * time.Hour), 30 * time.Minute},
		"of another account":        {issuedAt(now, time.Hour, "other"), now.Add(time.Hour), 0},
		"no lifetime":               {issuedAt(now, time.Hour, "mine"), now, 0},
		"no time of issue":          {jwt(`{"exp":9999999999,"kubernetes.io":{"serviceaccount":{"uid":"mine"}}}`), now.Add(time.Hour), 0},
		"unreadable":                {"secret", now.Add(time.Hour), 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Issue(tc.token, "mine", tc.expires, now)
			if (err != nil) != (tc.renew == 0) || err != nil && strings.Contains(err.Error(), "secret") {
				t.Fatalf("got %v", err)
			}
			if err == nil && (got.Token != tc.token || got.RenewAt != now.Add(tc.renew).Truncate(time.Second)) {
				t.Errorf("to be renewed at %s", got.RenewAt)
			}
			if why := got.Stale("mine", now); err == nil && why != "" {
				t.Errorf("it is stale at once: %s", why)
			}
		})
	}
}

func TestTokenIn(t *testing.T) {
	kubeconfig, err := Endpoint{server: "https://x"}.Kubeconfig("ns", "the-token")
	if err != nil {
		t.Fatal(err)
	}
	for want, in := range map[string][]byte{"the-token": kubeconfig, "": []byte("\tno YAML {")} {
		if got := TokenIn(in); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := TokenIn([]byte("{}")); got != "" {
		t.Errorf("an empty kubeconfig has the token %q", got)
	}
}
