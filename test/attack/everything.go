// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// few is how many objects of one kind are tried in a place, besides those that are mentioned.
const few = 2

// Look says which objects Everything finds.
type Look struct {
	// Namespaces are where to look, besides the objects that are in none.
	Namespaces []string
	// Mentions are what must not be missed: objects with one of these in their name.
	Mentions []string
	// Skip leaves out what the caller may do with as it likes.
	Skip func(o *unstructured.Unstructured) bool
}

// Everything is every resource that a server has, in the version it prefers, with objects that exist. The credential must be an
// administrator's.
func Everything(t *testing.T, config *rest.Config, look Look) []Thing {
	t.Helper()
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.WarningHandlerWithContext = rest.NoWarnings{} // of old APIs
	server, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	groups, lists, err := server.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	var out []Thing
	for _, list := range lists {
		if !slices.ContainsFunc(groups, func(g *metav1.APIGroup) bool { return g.PreferredVersion.GroupVersion == list.GroupVersion }) {
			continue
		}
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		objects := map[string][]unstructured.Unstructured{}
		for _, r := range list.APIResources {
			if slices.Contains(r.Verbs, "list") {
				objects[r.Name] = look.at(t, client.Resource(gv.WithResource(r.Name)), r.Namespaced)
			}
		}
		for _, r := range list.APIResources {
			of, _, _ := strings.Cut(r.Name, "/")
			thing := Thing{Group: gv.Group, Version: gv.Version, Resource: r.Name, Kind: r.Kind, Names: []string{"some"}, Objects: objects[of], Namespaced: r.Namespaced}
			if r.Version != "" {
				thing.APIVersion = schema.GroupVersion{Group: r.Group, Version: r.Version}.String()
			}
			out = append(out, thing)
		}
	}
	return out
}

// at finds objects of one resource.
func (l Look) at(t *testing.T, resource dynamic.NamespaceableResourceInterface, namespaced bool) []unstructured.Unstructured {
	t.Helper()
	if !namespaced {
		return l.in(t, resource)
	}
	var out []unstructured.Unstructured
	for _, namespace := range l.Namespaces {
		out = append(out, l.in(t, resource.Namespace(namespace))...)
	}
	return out
}

func (l Look) in(t *testing.T, resource dynamic.ResourceInterface) []unstructured.Unstructured {
	t.Helper()
	list, err := resource.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []unstructured.Unstructured
	others := 0
	for _, o := range list.Items {
		mentioned := slices.ContainsFunc(l.Mentions, func(part string) bool { return strings.Contains(o.GetName(), part) })
		if l.Skip != nil && l.Skip(&o) || !mentioned && others == few {
			continue
		}
		if !mentioned {
			others++
		}
		out = append(out, o)
	}
	return out
}
