// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/test/attack"
	"kube-bind.io/kube-bind/test/expect"
)

// kcpNamespace has what is the backend's own.
const kcpNamespace = kcpinit.Namespace

// works fails unless a consumer may do in its place what a konnector does there, and nothing by which it could get more.
func (c *consumer) works(t *testing.T) {
	t.Helper()
	in := attack.Spot{What: "own place", Path: "/clusters/" + c.cluster}
	var may, mayNot []attack.Attempt
	for _, r := range things() {
		contract, copies := in, in
		contract.Namespaces, copies.Namespaces = []string{c.namespace}, []string{c.copies}
		allowed := c.rights()[r.Resource]
		at := contract
		if r.Group == "wildwest.dev" {
			at = copies
		}
		for _, a := range attack.Attempts(at, []attack.Thing{r}) {
			if a.Where == in.What { // all namespaces at once, or none: see besideMe
				continue
			}
			if allowed[a.Verb] {
				may = append(may, a)
			} else {
				mayNot = append(mayNot, a)
			}
		}
	}
	for i, code := range attack.Answers(t, c.config, may) {
		if attack.Refused(code) {
			t.Errorf("%s %s in the own place: %d", may[i].Verb, may[i].Resource, code)
		}
	}
	if got := attack.Matrix(mayNot, attack.Answers(t, c.config, mayNot)); got != "" {
		t.Errorf("a consumer has more rights in its place than a konnector needs:\n%s", got)
	}
	o := c.cowboy("temporary")
	c.create(t, o)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Error(err)
	}
	expect.Set("rest", "spec", "intent")(o)
	if err := c.Update(t.Context(), o); err != nil {
		t.Error(err)
	}
	if err := c.Delete(t.Context(), o); err != nil {
		t.Error(err)
	}
}

// rights are what the konnector's design says that it needs, by resource and verb: in the contract namespace, and those on its
// objects in theirs.
func (c *consumer) rights() map[string]map[string]bool {
	set := func(verbs ...string) map[string]bool {
		out := map[string]bool{}
		for _, v := range verbs {
			out[v] = true
		}
		return out
	}
	read, status := set("get", "list", "watch"), set("get", "update", "patch")
	return map[string]map[string]bool{
		"cowboys":                  set("get", "list", "watch", "create", "update", "patch", "delete"),
		"apiserviceexportrequests": set("get", "list", "watch", "create"),
		"apiservicenamespaces":     set("get", "list", "watch", "create", "delete"),
		"apiserviceexports":        read,
		"apiserviceexports/status": status,
		"boundschemas":             read,
		"boundschemas/status":      status,
		"clusterbindings":          read,
		"clusterbindings/status":   status,
		"secrets":                  set("get"), // of its own credential, by name
	}
}
