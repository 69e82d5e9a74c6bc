// SPDX-License-Identifier: Apache-2.0

package routing

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func object(provider, carriedBy string, finalizers ...string) *metav1.ObjectMeta {
	o := &metav1.ObjectMeta{Finalizers: finalizers, Annotations: map[string]string{}}
	if provider != "" {
		o.Annotations[kubebindv1alpha2.ProviderAnnotation] = provider
	}
	if carriedBy != "" {
		o.Annotations[kubebindv1alpha2.CarriedByAnnotation] = carriedBy
	}
	return o
}

func TestRoute(t *testing.T) {
	const finalizer = kubebindv1alpha2.SyncerFinalizer
	east, west := Member{Binding: "b1", Provider: "east"}, Member{Binding: "b2", Provider: "west"}
	byDefault := func(m Member) Member { m.Default = true; return m }
	leaving := func(m Member) Member { m.Leaving = true; return m }
	called := func(m Member, provider string) Member { m.Provider = provider; return m }
	one, both := Of(east), Of(east, west)
	for name, tc := range map[string]struct {
		table     Table
		object    *metav1.ObjectMeta
		namespace string
		// carrier is the binding that carries the object; nobody if empty, and then the first one says why.
		carrier, reason string
	}{
		"one":                                      {one, object("", ""), "", "b1", ""},
		"one, named":                               {one, object("east", ""), "", "b1", ""},
		"one, another named":                       {one, object("west", ""), "", "", ReasonProviderNotBound},
		"one, the namespace names another":         {one, object("", ""), "west", "", ReasonProviderNotBound},
		"one, and it is leaving":                   {Of(leaving(east)), object("", ""), "", "b1", ""},
		"one, carried by who is gone":              {one, object("", "gone", finalizer), "", "b1", ""},
		"one, carried by an older konnector":       {one, object("", "", finalizer), "", "b1", ""},
		"none named":                               {both, object("", ""), "", "", ReasonProviderNotNamed},
		"named":                                    {both, object("west", ""), "", "b2", ""},
		"named by the namespace":                   {both, object("", ""), "west", "b2", ""},
		"the object counts more":                   {both, object("east", ""), "west", "b1", ""},
		"nobody's name":                            {both, object("north", ""), "west", "", ReasonProviderNotBound},
		"a name of two":                            {Of(east, called(west, "east")), object("east", ""), "", "", ReasonProviderNotNamed},
		"a default":                                {Of(east, byDefault(west)), object("", ""), "", "b2", ""},
		"a default, the namespace counts more":     {Of(east, byDefault(west)), object("", ""), "east", "b1", ""},
		"two defaults":                             {Of(byDefault(east), byDefault(west)), object("", ""), "", "", ReasonProviderNotNamed},
		"the default is leaving":                   {Of(east, leaving(byDefault(west))), object("", ""), "", "", ReasonProviderLeaving},
		"the named one is leaving":                 {Of(leaving(east), west), object("east", ""), "", "", ReasonProviderLeaving},
		"carried":                                  {Of(byDefault(east), west), object("", "b2", finalizer), "east", "b2", ""},
		"carried by one that is leaving":           {Of(byDefault(east), leaving(west)), object("", "b2", finalizer), "", "b2", ""},
		"carried, another named since":             {both, object("east", "b2", finalizer), "", "b2", ReasonProviderFixed},
		"carried before there were several":        {Of(east, byDefault(west)), object("", "", finalizer), "west", "b1", ""},
		"carried by who is gone":                   {Of(east, byDefault(west)), object("", "gone", finalizer), "", "b1", ""},
		"the finalizer was lost":                   {Of(byDefault(east), west), object("", "b2"), "east", "b2", ""},
		"a copy of a manifest that names another":  {both, object("east", "b2"), "", "b1", ""},
		"a copy of a manifest, that one leaving":   {Of(east, leaving(west)), object("", "b2"), "", "", ReasonProviderLeaving},
		"a copy of a manifest, that one not there": {Of(byDefault(east), west), object("", "gone"), "", "b1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for i, m := range tc.table.Members {
				got := tc.table.Route(m.Binding, tc.object, tc.namespace)
				want := Elsewhere
				switch {
				case m.Binding == tc.carrier:
					want = Mine
				case tc.carrier == "" && i == 0:
					want = Nobodys
				}
				if got.State != want {
					t.Errorf("to %s it is %v, want %v", m.Binding, got.State, want)
				}
				if tells := want != Elsewhere; tells && got.Reason != tc.reason || !tells && got.Reason != "" || (got.Reason == "") != (got.Message == "") {
					t.Errorf("%s says %q: %s", m.Binding, got.Reason, got.Message)
				}
				if carried := len(tc.object.Finalizers) > 0; got.State == Mine && got.Claim != (!carried || tc.table.Several()) {
					t.Errorf("%s claims: %v", m.Binding, got.Claim)
				}
			}
		})
	}
}

func TestRouteWithoutMembers(t *testing.T) {
	if got := (Table{}).Route("any", object("east", "b2"), "west"); got != (Route{}) {
		t.Errorf("got %+v", got)
	}
}

func TestMessagesNameTheChoice(t *testing.T) {
	table := Of(Member{Binding: "b1", Provider: "east"}, Member{Binding: "b2", Provider: "west"})
	for _, o := range []*metav1.ObjectMeta{object("", ""), object("north", "")} {
		if got := table.Route("b1", o, "").Message; !strings.Contains(got, "east, west") || !strings.Contains(got, kubebindv1alpha2.ProviderAnnotation) {
			t.Errorf("it says %q", got)
		}
	}
}
