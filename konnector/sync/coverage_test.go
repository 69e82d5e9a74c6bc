// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
)

// What is watched is where either side has something. The provider is asked once about each of the others.
func TestCoverage(t *testing.T) {
	here, there := sets.New("a"), sets.New("b")
	asked := map[string]int{}
	c := newCoverage()
	possible := sets.New("a", "b", "c")
	step := func(what string, want ...string) {
		t.Helper()
		if watched := c.needed(possible, here.Has); !watched.Equal(sets.New(want...)) {
			t.Errorf("%s: watched are %v", what, sets.List(watched))
		}
	}
	ask := func() {
		c.needed(possible, here.Has)
		c.ask(t.Context(), func(_ context.Context, namespace string) bool {
			asked[namespace]++
			return there.Has(namespace)
		}, func() {})
		c.done.Wait()
	}
	step("before the provider was asked", "a")
	ask()
	step("afterwards", "a", "b")
	if _, empty := c.state("c"); !empty {
		t.Error("c is not known to be empty")
	}
	ask()
	if asked["a"] != 0 || asked["b"] != 1 || asked["c"] != 1 {
		t.Errorf("asked were %v", asked)
	}
	here.Insert("c")
	step("something comes", "a", "b", "c")
	here.Delete("a")
	step("something goes", "a", "b", "c")
	possible.Delete("a")
	step("a namespace goes", "b", "c")
	possible.Insert("a")
	step("and comes back", "b", "c")
	ask()
	if asked["a"] != 1 {
		t.Errorf("asked were %v", asked)
	}
	possible = sets.New("z")
	step("there is only one", "z")
	possible = sets.New(metav1.NamespaceAll)
	step("all of them", metav1.NamespaceAll)
}
