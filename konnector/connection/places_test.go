// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// What is shared is held until every binding that claims objects of the kind has said what it claims, wherever it is.
func TestPlacesHold(t *testing.T) {
	secrets, maps := schema.GroupResource{Resource: "secrets"}, schema.GroupResource{Resource: "configmaps"}
	p := newPlaces()
	holds := func(what string, wantSecrets, wantMaps bool) {
		t.Helper()
		if p.holds(secrets) != wantSecrets || p.holds(maps) != wantMaps {
			t.Errorf("%s: secrets are held: %v, configmaps: %v", what, p.holds(secrets), p.holds(maps))
		}
	}
	holds("no bindings", false, false)
	p.setClaimants(map[string]sets.Set[schema.GroupResource]{"a": sets.New(secrets), "b": sets.New(secrets, maps), "new": sets.New[schema.GroupResource]()})
	holds("after a start", true, true)
	p.reported["a"] = types.UID("here")
	holds("one has reported", true, true)
	p.reported["b"] = types.UID("elsewhere")
	holds("both have, of two places", false, false)
	delete(p.reported, "b")
	holds("one reconnects", true, true)
	p.drop("b")
	holds("that one is gone", false, false)
}
