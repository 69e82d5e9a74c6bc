// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/test/attack"
)

// disclosure is a row of the page about security: what a consumer can read of others, as Kubernetes cannot restrict it.
type disclosure struct {
	resource, isolation, scope string
	verbs                      []string
}

// disclosures reads them from the page.
func disclosures(t *testing.T) []disclosure {
	t.Helper()
	page, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| resource | isolation | informer scope | verbs | what can be read |\n|---|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var out []disclosure
	for _, row := range strings.Split(table, "\n") {
		cells := strings.Split(strings.Trim(row, "|"), "|")
		if len(cells) != 5 {
			t.Fatalf("a row of the page is %q", row)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		out = append(out, disclosure{cells[0], cells[1], cells[2], quoted(cells[3])})
	}
	return out
}

// quoted are the words in backquotes.
func quoted(text string) []string {
	var out []string
	for _, match := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		out = append(out, match[1])
	}
	return out
}

// terms are what a provider offers its APIs by.
type terms struct {
	scope     kubebindv1alpha2.InformerScope
	isolation kubebindv1alpha2.Isolation
	api       apiextensionsv1.ResourceScope
}

// covers tells whether the page says that an attempt of the first consumer succeeds.
func (d disclosure) covers(w *tenants, a attack.Attempt) bool {
	among := func(cell, value string) bool { return cell == "any" || slices.Contains(quoted(cell), value) }
	if !among(d.isolation, string(w.isolation)) || !among(d.scope, string(w.scope)) || !slices.Contains(d.verbs, a.Verb) {
		return false
	}
	lent := w.lent != "" && a.Namespace == w.lent
	switch d.resource {
	case "a namespaced API that the consumer has bound":
		return w.terms.api == apiextensionsv1.NamespaceScoped && a.Resource == w.bound()
	case "a cluster-scoped API that the consumer has bound":
		return w.terms.api == apiextensionsv1.ClusterScoped && a.Resource == w.bound()
	case "a namespaced API that the consumer has bound, in a namespace that is lent to it":
		return lent && a.Resource == w.bound()
	case "what is claimed by labels or references, in a namespace that is lent":
		return lent && a.Resource == "secrets"
	case "what is claimed by name, in a namespace that is lent":
		return lent && a.Resource == "configmaps" && a.Name == "named"
	}
	return slices.Contains(quoted(d.resource), a.Resource)
}

// tenants are two consumers of one provider. The first attacks; both have bound one API, the second another one as well.
type tenants struct {
	terms
	one, two           consumer
	api, others        api
	requests           string
	spaceOne, spaceTwo string
	// lent is a namespace that is lent to both, if there is one. The first has nothing in it.
	lent string
}

// theProviders is the name of the provider's own objects, also of those that lie among a consumer's.
const theProviders = "providers"

func newTenants(t *testing.T, on terms) *tenants {
	t.Helper()
	start(t, func(o *backend.Options) { o.ConsumerScope, o.Isolation = on.scope, on.isolation })
	w := &tenants{terms: on, api: newAPI(t, "mangos", on.api), others: newAPI(t, "melons", on.api), requests: newNamespace(t, "-requests")}
	shared, others := newTemplate(t, "", claimsOf, w.api), newTemplate(t, "-others", nil, w.others)
	w.one = bind(t, w.requests, "one", t.Name()+"1", shared.Name)
	w.two = bind(t, w.requests, "two", t.Name()+"2", shared.Name)
	bind(t, w.requests, "others", t.Name()+"2", others.Name)
	w.spaceOne, w.spaceTwo = w.one.serviceNamespace(t, unique(t)+"1"), w.two.serviceNamespace(t, unique(t)+"2")
	w.object(t, w.one, w.api, w.spaceOne, "one")
	w.object(t, w.two, w.api, w.spaceTwo, "two")
	w.object(t, w.two, w.others, w.spaceTwo, "two")
	for _, claimed := range []struct {
		by    consumer
		space string
	}{{w.one, w.spaceOne}, {w.two, w.spaceTwo}} {
		create(t, claimed.by.Client, copyOf(claimed.by, &corev1.Secret{}, claimed.space, "copied"))
		create(t, claimed.by.Client, copyOf(claimed.by, &corev1.ConfigMap{}, claimed.space, "named"))
		create(t, admin(t), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: claimed.space, Name: theProviders}})
	}
	another := w.api.object("default", theProviders)
	if on.api == apiextensionsv1.ClusterScoped {
		another.SetNamespace("")
	}
	create(t, admin(t), another)
	if on.isolation == kubebindv1alpha2.IsolationNone && on.api == apiextensionsv1.NamespaceScoped {
		w.lend(t)
	}
	return w
}

// lend makes the namespace that is lent to both consumers.
func (w *tenants) lend(t *testing.T) {
	t.Helper()
	w.lent = newLent(t, "-lent", w.one.namespace+","+w.two.namespace, w.one, w.two)
	w.object(t, w.two, w.api, w.lent, "two")
	create(t, w.two.Client, copyOf(w.two, &corev1.Secret{}, w.lent, "copied"))
	create(t, w.two.Client, copyOf(w.two, &corev1.ConfigMap{}, w.lent, "named"))
	create(t, admin(t), w.api.object(w.lent, theProviders))
	create(t, admin(t), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.lent, Name: theProviders}})
}

// object makes an object of a consumer, as a konnector would.
func (w *tenants) object(t *testing.T, by consumer, of api, space, name string) {
	t.Helper()
	switch {
	case w.terms.api == apiextensionsv1.ClusterScoped && w.isolation == kubebindv1alpha2.IsolationPrefixed:
		space, name = "", by.namespace+"-"+name
	case w.terms.api == apiextensionsv1.ClusterScoped:
		space = ""
	case w.isolation == kubebindv1alpha2.IsolationNamespaced:
		space = by.namespace
	}
	o := of.object(space, name)
	o.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: by.namespace})
	create(t, by.Client, o)
}

// attempts are every verb on every resource: on what is the second consumer's, the provider's, and on what could get the first one more.
func (w *tenants) attempts(t *testing.T) []attack.Attempt {
	t.Helper()
	foreign := []string{w.two.namespace, w.spaceTwo, w.requests, "default", "kube-system"}
	if w.lent != "" {
		foreign = append(foreign, w.lent)
	}
	skip := func(o *unstructured.Unstructured) bool {
		mine := o.GetAnnotations()[kubebindv1alpha2.ClusterNamespaceAnnotation] == w.one.namespace
		return o.GetNamespace() == "" && (mine || o.GetName() == w.one.namespace)
	}
	things := attack.Everything(t, provider.Config(), attack.Look{
		Namespaces: append([]string{w.one.namespace, w.spaceOne}, foreign...), Mentions: []string{w.two.namespace, w.api.Group, "cluster-admin"}, Skip: skip,
	})
	out := slices.DeleteFunc(attack.Attempts(attack.Spot{What: "others", Namespaces: foreign}, things), w.labels)
	own := attack.Attempts(attack.Spot{What: "own place", Namespaces: []string{w.one.namespace, w.spaceOne}}, things)
	for _, a := range own {
		if a.Namespace != "" && !w.may(a) {
			out = append(out, a)
		}
	}
	return append(out, w.impersonations(things)...)
}

// labels tells whether an attempt labels what the provider has in the namespace that it lends. That is let through: the page says so.
func (w *tenants) labels(a attack.Attempt) bool {
	of := a.Resource == w.bound() || a.Resource == "secrets"
	return w.lent != "" && a.Namespace == w.lent && of && a.Name == theProviders && !a.Ends && (a.Verb == "patch" || a.Verb == "update")
}

// may tells what the first consumer may do in its own place, more or less: what it may not there, other tests say exactly.
func (w *tenants) may(a attack.Attempt) bool {
	_, group, _ := strings.Cut(a.Resource, ".")
	read := slices.Contains([]string{"get", "list", "watch"}, a.Verb)
	switch {
	case group == kubebindv1alpha2.GroupName, a.Resource == w.bound():
		return true
	case a.Resource == "secrets" && a.Name == theProviders && a.Ends:
		return false
	case a.Resource == "secrets", a.Resource == "configmaps":
		return a.Namespace == w.spaceOne || a.Resource == "secrets" && read
	}
	return false
}

func (w *tenants) bound() string { return w.api.Resource + "." + w.api.Group }

// impersonations are attempts to be the second consumer, or an administrator.
func (w *tenants) impersonations(things []attack.Thing) []attack.Attempt {
	var secrets []attack.Thing
	for _, thing := range things {
		if thing.Resource == "secrets" {
			secrets = append(secrets, thing)
		}
	}
	account := func(c consumer) string {
		return fmt.Sprintf("system:serviceaccount:%s:%s", c.namespace, kubebindv1alpha2.BinderName)
	}
	var out []attack.Attempt
	for _, a := range attack.Attempts(attack.Spot{What: "others", Namespaces: []string{w.two.namespace}}, secrets) {
		out = append(out, a.As(account(w.two)), a.As("admin", "system:masters"), a.As(account(w.one), "system:masters"))
	}
	return out
}

// The attack matrix: every verb on every resource that the API server has, with the credential of one of two consumers, on what is not its
// own. Nothing is let through but the reads that the page about security lists, and these are.
func TestSEC3EveryVerbOnEverything(t *testing.T) {
	table := disclosures(t)
	hit := map[string]bool{}
	for name, on := range map[string]terms{
		"np":  {kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationPrefixed, apiextensionsv1.NamespaceScoped},
		"nn":  {kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationNamespaced, apiextensionsv1.NamespaceScoped},
		"n0":  {kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationNone, apiextensionsv1.NamespaceScoped},
		"cp":  {kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationPrefixed, apiextensionsv1.NamespaceScoped},
		"cn":  {kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationNamespaced, apiextensionsv1.NamespaceScoped},
		"c0":  {kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationNone, apiextensionsv1.NamespaceScoped},
		"cpc": {kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationPrefixed, apiextensionsv1.ClusterScoped},
		"c0c": {kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationNone, apiextensionsv1.ClusterScoped},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTenants(t, on)
			config, err := clientcmd.RESTConfigFromKubeConfig(w.one.kubeconfig)
			if err != nil {
				t.Fatal(err)
			}
			all := w.attempts(t)
			codes := attack.Answers(t, config, all)
			var through []attack.Attempt
			var throughCodes []int
			for i, a := range all {
				row := slices.IndexFunc(table, func(d disclosure) bool { return d.covers(w, a) })
				switch refused := attack.Refused(codes[i]); {
				case row >= 0 && refused:
					t.Errorf("%s %s in %s is refused, though the page says that nothing can keep it from that", a.Verb, a.Resource, a.Where)
				case row >= 0:
					hit[table[row].resource] = true
				case !refused:
					through, throughCodes = append(through, a), append(throughCodes, codes[i])
				}
			}
			if len(through) > 0 {
				t.Errorf("not refused:\n%s", attack.Matrix(through, throughCodes))
			}
			t.Logf("%d requests, %d let through that should not be", len(all), len(through))
		})
	}
	for _, d := range table {
		if !hit[d.resource] {
			t.Errorf("the page has a row for %q, which nothing comes under", d.resource)
		}
	}
}
