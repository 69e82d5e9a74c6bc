// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"testing"

	"kube-bind.io/kube-bind/test/pair"
)

// world is the pair that most tests share: informer scope Namespaced, isolation Prefixed, cowboys bound.
var world struct {
	*pair.Pair
	place *pair.Place
}

func TestMain(m *testing.M) {
	os.Exit(pair.Main(m, pair.Options{}, func(p *pair.Pair, place *pair.Place) { world.Pair, world.place = p, place }))
}
