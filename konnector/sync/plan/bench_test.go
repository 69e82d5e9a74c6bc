// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"testing"
)

// BenchmarkInSync is what a resync costs for each object that needs nothing.
func BenchmarkInSync(b *testing.B) {
	consumer := object(synced(), status("Up"))
	for i := range 50 {
		with(fmt.Sprintf("value %d", i), "spec", "settings", fmt.Sprintf("name-%d", i))(consumer)
	}
	in := Input{Consumer: consumer, Provider: copyOf(b, consumer, status("Up"))}
	b.ReportAllocs()
	for b.Loop() {
		if len(plan(in)) != 0 {
			b.Fatal("not in sync")
		}
	}
}
