// SPDX-License-Identifier: Apache-2.0

package http

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/web"
)

// house is what the pages see of a Door.
type house struct{ *Door }

// guest is what the pages see of a visit.
type guest struct {
	door  *Door
	visit visit
}

// Enter returns who sends a request.
func (h house) Enter(r *http.Request) (web.Guest, error) {
	v, err := h.enter(r)
	if err != nil {
		return nil, err
	}
	return guest{door: h.Door, visit: v}, nil
}

// Leave ends the session of a request.
func (h house) Leave(w http.ResponseWriter, r *http.Request) error { return h.signIn.End(w, r) }

// Person returns who it is.
func (g guest) Person() *auth.Session { return g.visit.Session }

// Offers returns what the guest may bind.
func (g guest) Offers(ctx context.Context) (*web.Offers, error) {
	templates, err := g.door.offered(ctx, g.visit)
	if err != nil {
		return nil, err
	}
	collections, err := collected(ctx, g.visit, templates)
	return &web.Offers{Templates: templates, Collections: collections}, err
}

// Offer returns one template, and the CRDs of its resources.
func (g guest) Offer(ctx context.Context, name string) (*kubebindv1alpha2.APIServiceExportTemplate, catalog.Sources, error) {
	template, err := g.door.template(ctx, g.visit, name)
	if err != nil {
		return nil, nil, err
	}
	sources, err := g.door.fleet.Schemas(ctx, g.visit.scope, template.Spec.Resources)
	return template, sources, err
}

// Bind binds a template.
func (g guest) Bind(ctx context.Context, wish web.Wish) (*kubebindv1alpha2.BindingResourceResponse, error) {
	identity := kubebindv1alpha2.ClusterIdentity{Identity: cmp.Or(wish.Identity, ownIdentity(g.visit))}
	want, err := newWish(g.visit, wish.Name, wish.Template, identity)
	if err != nil {
		return nil, err
	}
	want.browser = wish.Identity == ""
	return g.door.fulfil(ctx, g.visit, want)
}

// Deliver binds in a cluster all that the guest has bound under their own name.
func (g guest) Deliver(ctx context.Context, name string, kubeconfig []byte) error {
	return g.door.bindThere(ctx, g.visit, &applyRequest{BindingName: name, ConsumerKubeconfig: kubeconfig})
}

// Places returns what the guest has bound, by the names of the clusters.
func (g guest) Places(ctx context.Context) ([]web.Place, error) {
	places, err := g.door.placesOf(ctx, g.visit)
	if err != nil {
		return nil, err
	}
	out := make([]web.Place, 0, len(places))
	for _, place := range places {
		exports, err := place.exports(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, web.Place{Binding: place.binding, Exports: exports, Own: place.identity() == ownIdentity(g.visit)})
	}
	slices.SortFunc(out, func(a, b web.Place) int {
		return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.Binding.Namespace, b.Binding.Namespace))
	})
	return out, nil
}
