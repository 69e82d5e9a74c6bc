// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
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
	places, err := placesOf(r.Context(), v)
	if err != nil {
		return err
	}
	var out consumerStatus
	for _, place := range places {
		if place.Annotations[kubebindv1alpha2.IdentityAnnotation] != identity {
			continue
		}
		var exports kubebindv1alpha2.APIServiceExportList
		if err := v.scope.List(r.Context(), &exports, client.InNamespace(place.Namespace)); err != nil {
			return fmt.Errorf("listing the exports: %w", err)
		}
		out.Namespace = place.Namespace
		for i := range exports.Items {
			out.Exports = append(out.Exports, exports.Items[i].Name)
		}
	}
	slices.Sort(out.Exports)
	out.Connected = len(out.Exports) > 0
	reply.JSON(w, r, out)
	return nil
}

// placesOf are the ClusterBindings of the places that were made for whoever is signed in.
func placesOf(ctx context.Context, v visit) ([]kubebindv1alpha2.ClusterBinding, error) {
	var all kubebindv1alpha2.ClusterBindingList
	if err := v.scope.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("listing the consumers: %w", err)
	}
	return slices.DeleteFunc(all.Items, func(b kubebindv1alpha2.ClusterBinding) bool {
		return b.Annotations[kubebindv1alpha2.RequesterAnnotation] != v.Requester()
	}), nil
}
