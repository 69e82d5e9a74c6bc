// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"strings"

	"github.com/tidwall/gjson"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Reference says where objects of one resource name others. Paths are in the syntax of gjson, as upstream's: surface
// 1.2, S4.
type Reference struct {
	// Resource is that of the referring objects.
	Resource kubebindv1alpha2.GroupResource
	// Versions are those that the paths are meant for. None: any.
	Versions []string
	// Name is the path of the names. Namespace is that of their namespaces; empty: the referring object's own.
	Name, Namespace string
}

// eachElement is the part of a path that goes into the elements of an array.
const eachElement = ".#."

// Of lists what an object refers to. The object is JSON, and lies in the given namespace, which is empty if it is
// cluster-scoped.
//
// Names and namespaces that lie in the elements of one array belong together element by element; an element without a
// namespace means the referring object's own. Otherwise one namespace is for all names. Nothing is guessed: several
// namespaces that cannot be told which name they are for select nothing, nor does a name without any namespace (W9).
func (r Reference) Of(object []byte, namespace string) []types.NamespacedName {
	if r.Name == "" {
		return nil
	}
	array, name, inArray := cutArray(r.Name)
	if nsArray, ns, ok := cutArray(r.Namespace); inArray && ok && nsArray == array {
		return inElements(gjson.GetBytes(object, array), name, ns, namespace)
	}
	return pair(texts(gjson.GetBytes(object, r.Name)), r.namespaces(object), namespace)
}

func (r Reference) namespaces(object []byte) []string {
	if r.Namespace == "" {
		return nil
	}
	return texts(gjson.GetBytes(object, r.Namespace))
}

// cutArray splits a path at the last array that it goes into.
func cutArray(path string) (array, rest string, found bool) {
	at := strings.LastIndex(path, eachElement)
	if at < 0 {
		return "", path, false
	}
	return path[:at], path[at+len(eachElement):], true
}

func inElements(array gjson.Result, name, namespace, own string) []types.NamespacedName {
	var out []types.NamespacedName
	for _, element := range array.Array() {
		if element.IsArray() {
			out = append(out, inElements(element, name, namespace, own)...)
			continue
		}
		out = append(out, pair(texts(element.Get(name)), texts(element.Get(namespace)), own)...)
	}
	return out
}

// pair gives each name a namespace, as far as that is certain.
func pair(names, namespaces []string, own string) []types.NamespacedName {
	if len(namespaces) == 0 {
		namespaces = []string{own}
	}
	if len(namespaces) != 1 || namespaces[0] == "" {
		return nil
	}
	out := make([]types.NamespacedName, 0, len(names))
	for _, name := range names {
		out = append(out, types.NamespacedName{Namespace: namespaces[0], Name: name})
	}
	return out
}

// texts are the strings of a result, however deep they lie in arrays.
func texts(result gjson.Result) []string {
	switch {
	case result.IsArray():
		var out []string
		for _, element := range result.Array() {
			out = append(out, texts(element)...)
		}
		return out
	case result.Type == gjson.String && result.Str != "":
		return []string{result.Str}
	}
	return nil
}
