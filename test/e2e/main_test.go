// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"testing"

	"kube-bind.io/kube-bind/test/charts"
	"kube-bind.io/kube-bind/test/pair"
)

// world is the pair that most tests share: informer scope Namespaced, isolation Prefixed, cowboys bound.
var world struct {
	*pair.Pair
	place *pair.Place
}

// installed is how all pairs run backend and konnector: as the charts install them, with no rights but the charts'. A few groups stand
// for what an administrator names there.
func installed() pair.Installer {
	everything := []string{"*"}
	return &charts.Installer{
		Bound: []charts.Rule{
			{Group: "wildwest.dev", Resources: everything},
			{Group: "cert-manager.io", Resources: everything},
			{Group: "postgresql.cnpg.io", Resources: everything},
			{Group: "gateway.networking.k8s.io", Resources: everything},
		},
		Claimed: []charts.Rule{
			{Group: "", Resources: []string{"secrets", "configmaps", "serviceaccounts"}},
			{Group: "wildwest.dev", Resources: everything},
		},
	}
}

func TestMain(m *testing.M) {
	os.Exit(pair.Main(m, pair.Options{Install: installed()}, func(p *pair.Pair, place *pair.Place) { world.Pair, world.place = p, place }))
}
