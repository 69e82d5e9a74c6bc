// SPDX-License-Identifier: Apache-2.0

package http

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/backend/reply"
)

// consumerStatus is what a consumer has.
type consumerStatus struct {
	Connected bool     `json:"connected"`
	Namespace string   `json:"namespace,omitempty"`
	Exports   []string `json:"exports,omitempty"`
}

// consumerStatus says what somebody has bound: as the consumer that consumer_id names, or as the one that only the person
// stands for. Places of others are not there.
func (d *Door) consumerStatus(w http.ResponseWriter, r *http.Request, v visit) error {
	identity := r.URL.Query().Get("consumer_id")
	if identity == "" {
		identity = ownIdentity(v)
	}
	places, err := d.placesOf(r.Context(), v)
	if err != nil {
		return err
	}
	var out consumerStatus
	for _, place := range places {
		if place.identity() != identity {
			continue
		}
		exports, err := place.exports(r.Context())
		if err != nil {
			return err
		}
		out.Namespace = place.binding.Namespace
		for i := range exports {
			out.Exports = append(out.Exports, exports[i].Name)
		}
	}
	slices.Sort(out.Exports)
	out.Connected = len(out.Exports) > 0
	reply.JSON(w, r, out)
	return nil
}

// place is one of a consumer, where it lies.
type place struct {
	scope   loop.Scope
	binding kubebindv1alpha2.ClusterBinding
}

// identity is that of the place's consumer.
func (p place) identity() string { return p.binding.Annotations[kubebindv1alpha2.IdentityAnnotation] }

// exports are what the consumer has bound, by name.
func (p place) exports(ctx context.Context) ([]kubebindv1alpha2.APIServiceExport, error) {
	var out kubebindv1alpha2.APIServiceExportList
	if err := p.scope.List(ctx, &out, client.InNamespace(p.binding.Namespace)); err != nil {
		return nil, fmt.Errorf("listing the exports: %w", err)
	}
	slices.SortFunc(out.Items, func(a, b kubebindv1alpha2.APIServiceExport) int { return cmp.Compare(a.Name, b.Name) })
	return out.Items, nil
}

// placesOf are the places that were made for whoever is signed in.
func (d *Door) placesOf(ctx context.Context, v visit) ([]place, error) {
	var out []place
	for _, scope := range d.fleet.Guests(ctx, v.scope) {
		var all kubebindv1alpha2.ClusterBindingList
		if err := scope.List(ctx, &all); err != nil {
			return nil, fmt.Errorf("listing the consumers: %w", err)
		}
		for _, binding := range all.Items {
			if binding.Annotations[kubebindv1alpha2.RequesterAnnotation] == v.Requester() {
				out = append(out, place{scope: scope, binding: binding})
			}
		}
	}
	return out, nil
}
