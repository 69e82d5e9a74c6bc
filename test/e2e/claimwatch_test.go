// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: Metadata
  resources: [{group: "", resources: [secrets, configmaps, serviceaccounts]}]
- level: None
`

// The konnector never asks for all objects of a kind: every list and watch is of labels, of one name, and a single
// object's reads are of what is referred to.
func TestClaimedObjectsAreAllThatIsWatched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := map[string]string{}
	args := func(side string) []string {
		logs[side] = filepath.Join(dir, side+".log")
		return []string{"--audit-policy-file=" + policy, "--audit-log-path=" + logs[side]}
	}
	p, err := pair.Start(t.Context(), pair.Options{LogDir: dir, ConsumerAPIServerArgs: args("consumer"), ProviderAPIServerArgs: args("provider")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	offerRanches(t, p)
	c := claimable{Pair: p, place: bind(t, p, ranches)}
	expect.Namespace(t, p.Consumer, "team")
	expect.Create(t, p.Consumer, ranch("team", "refers", expect.Set(map[string]any{"name": "referred"}, "spec", "secretRef")))
	for _, o := range []string{"referred", "labelled"} {
		secret := core("Secret", "team", o, "one", "app", map[string]string{"labelled": "ranch"}[o])
		expect.Create(t, c.Consumer, secret)
		c.up(t, secret, "one")
	}
	config := core("ConfigMap", "team", "ranch-config", "one")
	expect.Create(t, c.Consumer, config)
	c.up(t, config, "one")

	for side, log := range logs {
		seen := 0
		for _, uri := range konnectorReads(t, log) {
			query := uri.Query()
			narrow := query.Get("labelSelector") != "" || strings.HasPrefix(query.Get("fieldSelector"), "metadata.name=")
			if !narrow {
				t.Errorf("%s: the konnector asks for %s", side, uri)
			}
			seen++
		}
		if seen == 0 {
			t.Errorf("%s: no list or watch was seen", side)
		}
	}
}

// konnectorReads are the lists and watches of the konnector.
func konnectorReads(t *testing.T, log string) []*url.URL {
	t.Helper()
	file, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var out []*url.URL
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct{ Verb, UserAgent, RequestURI string }
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(event.UserAgent, "konnector") || event.Verb != "list" && event.Verb != "watch" {
			continue
		}
		uri, err := url.Parse(event.RequestURI)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, uri)
	}
	return out
}
