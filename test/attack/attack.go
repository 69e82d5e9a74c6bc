// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Thing is a resource that is tried.
type Thing struct {
	// Group, Version, Resource and Kind as in discovery: a subresource has a slash in its name.
	Group, Version, Resource, Kind string
	// APIVersion is that of what is sent. Default: that of the group and version.
	APIVersion string
	// Names are those of objects that exist in some places: rights may be by name.
	Names []string
	// Objects are what exists. In a namespace where there are some, they are tried and no Names, and what is sent is as the server has it,
	// so that nothing but a right is in the way.
	Objects []unstructured.Unstructured
	// Namespaced says whether objects are in namespaces.
	Namespaced bool
}

// Spot is where things are tried.
type Spot struct {
	// What a failure calls it.
	What string
	// Path on the server, of a kcp's logical cluster or virtual workspace.
	Path string
	// Namespaces to try namespaced resources in, besides all at once.
	Namespaces []string
}

// Attempt is one request.
type Attempt struct {
	// Where, Resource and Verb are what a failure calls it. The resource has its group behind it.
	Where, Resource, Verb string
	// Namespace and Name of the object, empty for many.
	Namespace, Name string
	// Empty says that there is nothing of what all of is to be deleted, as far as is known: whoever may do it does nothing.
	Empty bool
	// Ends says that it is a patch of what the garbage collector goes by: it has an object deleted, or keeps it from being deleted.
	Ends bool

	method, path, body string
	contentType        string
	header             http.Header
}

// Verbs are all that there are for objects.
func Verbs() []string {
	return []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
}

// Orphaned and Kept are patches by which the garbage collector deletes an object, for its owner does not exist, and by which nobody can.
const (
	Orphaned = `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"00000000-0000-0000-0000-000000000000"}]}}`
	Kept     = `{"metadata":{"finalizers":["example.org/kept"]}}`
)

// Attempts are all requests for all things in a spot.
func Attempts(at Spot, things []Thing) []Attempt {
	var out []Attempt
	for _, thing := range things {
		for _, verb := range Verbs() {
			if !thing.Namespaced {
				out = append(out, thing.attempts(at, "", verb)...)
				continue
			}
			for _, namespace := range at.Namespaces {
				out = append(out, thing.attempts(at, namespace, verb)...)
			}
			if verb == "list" || verb == "watch" {
				out = append(out, thing.attempts(at, "", verb)...)
			}
		}
	}
	return out
}

func (r Thing) attempts(at Spot, namespace, verb string) []Attempt {
	base := at.Path + "/apis/" + r.Group + "/" + r.Version
	if r.Group == "" {
		base = at.Path + "/api/" + r.Version
	}
	where := at.What
	if namespace != "" {
		base += "/namespaces/" + namespace
		where += "/" + namespace
	}
	resource, sub, _ := strings.Cut(r.Resource, "/")
	out := Attempt{Where: where, Resource: r.Resource, Verb: verb, Namespace: namespace, path: base + "/" + resource}
	if r.Group != "" {
		out.Resource += "." + r.Group
	}
	if sub != "" { // a subresource is of one object
		if verb == "list" || verb == "watch" || verb == "deletecollection" {
			return nil
		}
		return r.named(out, "/"+sub)
	}
	switch verb {
	case "list":
		out.method = http.MethodGet
	case "watch":
		out.method, out.path = http.MethodGet, out.path+"?watch=true&timeoutSeconds=1"
	case "create":
		out.method, out.path = http.MethodPost, out.path+"?dryRun=All"
		out.body, out.contentType = r.another(namespace), "application/json"
	case "deletecollection":
		out.method, out.path, out.Empty = http.MethodDelete, out.path+"?dryRun=All", len(r.in(namespace)) == 0
	default:
		return r.named(out, "")
	}
	return []Attempt{out}
}

// in are the objects of a namespace.
func (r Thing) in(namespace string) []unstructured.Unstructured {
	var out []unstructured.Unstructured
	for _, o := range r.Objects {
		if o.GetNamespace() == namespace {
			out = append(out, o)
		}
	}
	return out
}

func (r Thing) named(like Attempt, sub string) []Attempt {
	var out []Attempt
	objects := r.in(like.Namespace)
	for _, o := range objects {
		body := labelled(o)
		if o.GetKind() != r.Kind { // a subresource may be of another kind
			body = r.body(like.Namespace, o.GetName())
		}
		out = append(out, r.each(like, o.GetName(), sub, body)...)
	}
	if len(objects) > 0 {
		return out
	}
	for _, name := range r.Names {
		out = append(out, r.each(like, name, sub, r.body(like.Namespace, name))...)
	}
	return out
}

// each are the attempts on one object: there is more than one patch.
func (r Thing) each(like Attempt, name, sub, body string) []Attempt {
	out := []Attempt{r.one(like, name, sub, body)}
	if like.Verb != "patch" || sub != "" {
		return out
	}
	for _, patch := range []string{Orphaned, Kept} {
		a := out[0]
		a.body, a.Ends = patch, true
		out = append(out, a)
	}
	return out
}

func (r Thing) one(like Attempt, name, sub, body string) Attempt {
	a := like
	a.Name = name
	a.path += "/" + name + sub
	switch a.Verb {
	case "get":
		a.method = http.MethodGet
	case "create":
		a.method, a.path, a.body, a.contentType = http.MethodPost, a.path+"?dryRun=All", body, "application/json"
	case "update":
		a.method, a.path, a.body, a.contentType = http.MethodPut, a.path+"?dryRun=All", body, "application/json"
	case "patch":
		a.method, a.path, a.body, a.contentType = http.MethodPatch, a.path+"?dryRun=All", `{"metadata":{"labels":{"a":"b"}}}`, "application/merge-patch+json"
	case "delete":
		a.method, a.path = http.MethodDelete, a.path+"?dryRun=All"
	}
	return a
}

// another is a new object like one that exists, or at least of its kind.
func (r Thing) another(namespace string) string {
	const name = "attempt"
	objects := r.in(namespace)
	if len(objects) == 0 {
		return r.body(namespace, name)
	}
	o := objects[0].DeepCopy()
	o.SetName(name)
	o.SetUID("")
	o.SetResourceVersion("")
	o.SetFinalizers(nil)
	return encode(o.Object)
}

// labelled is an object with another label.
func labelled(o unstructured.Unstructured) string {
	changed := o.DeepCopy()
	labels := changed.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels["a"] = "b"
	changed.SetLabels(labels)
	return encode(changed.Object)
}

func (r Thing) body(namespace, name string) string {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}}}
	o.SetAPIVersion(cmp.Or(r.APIVersion, metav1.GroupVersion{Group: r.Group, Version: r.Version}.String()))
	o.SetKind(r.Kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return encode(o.Object)
}

// encode has no error to return: what it gets was JSON before.
func encode(o map[string]any) string {
	raw, err := json.Marshal(o)
	if err != nil {
		return ""
	}
	return string(raw)
}

// As is the attempt made as somebody else. That is a right of its own, whose verb is impersonate.
func (a Attempt) As(user string, groups ...string) Attempt {
	a.header = http.Header{"Impersonate-User": {user}}
	for _, group := range groups {
		a.header.Add("Impersonate-Group", group)
	}
	a.Where, a.Verb = a.Where+" as "+user, "impersonate"
	return a
}
