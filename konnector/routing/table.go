// SPDX-License-Identifier: Apache-2.0

package routing

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Reasons why nobody carries an object, or not the one that it names. They are Events on the object.
const (
	// ReasonProviderNotNamed says that several providers offer the API, and nothing says which is meant.
	ReasonProviderNotNamed = "ProviderNotNamed"
	// ReasonProviderNotBound says that no binding of the API is to the provider that is named.
	ReasonProviderNotBound = "ProviderNotBound"
	// ReasonProviderLeaving says that the binding to the provider is being deleted.
	ReasonProviderLeaving = "ProviderLeaving"
	// ReasonProviderFixed says that an object is with another provider than the one it names by now.
	ReasonProviderFixed = "ProviderFixed"
)

// Member is one binding of a resource.
type Member struct {
	// Binding is its name.
	Binding string
	// Provider is what objects call its provider.
	Provider string
	// Default says that objects that name none go there.
	Default bool
	// Leaving says that it is being deleted.
	Leaving bool
}

// Table are all bindings of one resource in a cluster. The zero Table knows none, and lets every binding carry every
// object.
type Table struct {
	// Members are the bindings, the one that came first in front.
	Members []Member
}

// Of makes the Table of a resource. The first member is the one that brought it.
func Of(members ...Member) Table { return Table{Members: members} }

// State says what an object is to a binding.
type State int

const (
	// Mine: the binding carries it.
	Mine State = iota
	// Elsewhere: another binding does, or has to say that nobody does.
	Elsewhere
	// Nobodys: no binding does, and this one has to say so.
	Nobodys
)

// Route is what an object is to a binding.
type Route struct {
	// State says whose it is.
	State State
	// Claim says that the object must name the binding, by CarriedByAnnotation, before it is carried.
	Claim bool
	// Reason and Message say what is wrong, to the owner of the object.
	Reason, Message string
}

// Several says whether there is a choice at all.
func (t Table) Several() bool { return len(t.Members) > 1 }

// Route says what an object is to a binding. The first row that fits counts:
//
//	carried, by its finalizer and CarriedByAnnotation     the binding that carries it
//	carried, and no member is named as who does           the first member
//	the object names a provider                           the member of that name
//	CarriedByAnnotation names a member                    that one
//	the namespace names a provider                        the member of that name
//	there is one member                                   that one
//	there is one default                                  that one
//	else                                                  nobody: the first member says so
//
// The provider of an object is never changed once it is carried: what the old one has would be lost. A member that is
// leaving takes nothing new, unless it is the only one: then its objects go with it.
func (t Table) Route(binding string, o metav1.Object, namespace string) Route {
	if len(t.Members) == 0 {
		return Route{}
	}
	if carrier := t.Carrier(o); carrier != "" {
		return t.carried(binding, carrier, o.GetAnnotations()[kubebindv1alpha2.ProviderAnnotation])
	}
	chosen, problem := t.choose(o, namespace)
	switch {
	case problem.Reason != "" && binding == t.Members[0].Binding:
		problem.State = Nobodys
		return problem
	case problem.Reason != "" || chosen != binding:
		return Route{State: Elsewhere}
	}
	return Route{Claim: true}
}

// Carrier is the binding that carries an object already, by the object's own marks, and empty if none does.
func (t Table) Carrier(o metav1.Object) string {
	if !slices.Contains(o.GetFinalizers(), kubebindv1alpha2.SyncerFinalizer) || len(t.Members) == 0 {
		return ""
	}
	if m := t.member(o.GetAnnotations()[kubebindv1alpha2.CarriedByAnnotation]); m != nil {
		return m.Binding
	}
	return t.Members[0].Binding
}

func (t Table) carried(binding, carrier, wanted string) Route {
	if binding != carrier {
		return Route{State: Elsewhere}
	}
	r := Route{Claim: t.Several()}
	if is := t.member(carrier).Provider; wanted != "" && wanted != is {
		r.Reason, r.Message = ReasonProviderFixed, fmt.Sprintf("This object was carried to the provider %s, and stays there: the annotation %s, "+
			"which names %s, changes nothing any more. To move the object, delete it and make it again.", is, kubebindv1alpha2.ProviderAnnotation, wanted)
	}
	return r
}

// choose finds the member for an object that none carries yet.
func (t Table) choose(o metav1.Object, namespace string) (string, Route) {
	annotations := o.GetAnnotations()
	if provider := annotations[kubebindv1alpha2.ProviderAnnotation]; provider != "" {
		return t.named(provider, "object")
	}
	if m := t.member(annotations[kubebindv1alpha2.CarriedByAnnotation]); m != nil {
		return t.take(*m)
	}
	if namespace != "" {
		return t.named(namespace, "namespace")
	}
	if !t.Several() {
		return t.Members[0].Binding, Route{}
	}
	defaults := slices.DeleteFunc(slices.Clone(t.Members), func(m Member) bool { return !m.Default })
	if len(defaults) == 1 {
		return t.take(defaults[0])
	}
	which := "none of them is the default"
	if len(defaults) > 1 {
		which = "several of them are the default: " + Of(defaults...).providers()
	}
	return "", Route{Reason: ReasonProviderNotNamed, Message: fmt.Sprintf("This API is bound from several providers (%s), and %s. Name one in the annotation "+
		"%s of this object or of its namespace, or make one APIServiceBinding the default, by spec.defaultProvider.",
		t.providers(), which, kubebindv1alpha2.ProviderAnnotation)}
}

func (t Table) named(provider, where string) (string, Route) {
	named := slices.DeleteFunc(slices.Clone(t.Members), func(m Member) bool { return m.Provider != provider })
	switch len(named) {
	case 1:
		return t.take(named[0])
	case 0:
		return "", Route{Reason: ReasonProviderNotBound, Message: fmt.Sprintf("The annotation %s of this %s names the provider %q, from which "+
			"this API is not bound. It is from: %s.", kubebindv1alpha2.ProviderAnnotation, where, provider, t.providers())}
	}
	return "", Route{Reason: ReasonProviderNotNamed, Message: fmt.Sprintf("The annotation %s of this %s names the provider %q, and several APIServiceBindings "+
		"call theirs so. Give them different names, by spec.providerName.", kubebindv1alpha2.ProviderAnnotation, where, provider)}
}

func (t Table) take(m Member) (string, Route) {
	if m.Leaving && t.Several() {
		return "", Route{Reason: ReasonProviderLeaving, Message: fmt.Sprintf("The APIServiceBinding %s, to the provider %s, is being deleted "+
			"and takes no new objects.", m.Binding, m.Provider)}
	}
	return m.Binding, Route{}
}

func (t Table) member(binding string) *Member {
	for i := range t.Members {
		if t.Members[i].Binding == binding {
			return &t.Members[i]
		}
	}
	return nil
}

func (t Table) providers() string {
	names := make([]string, 0, len(t.Members))
	for _, m := range t.Members {
		names = append(names, m.Provider)
	}
	return strings.Join(names, ", ")
}
