// SPDX-License-Identifier: Apache-2.0

package install

import "testing"

func TestDecide(t *testing.T) {
	for _, tc := range []struct {
		found                  bool
		image, wanted, version string
		want                   action
	}{
		{false, "", "", "v1.0.0", create},
		{false, "", "mine:1", "v1.0.0", create},
		{true, "r/konnector:v1.0.0", "", "v1.0.0", keep},
		{true, "r/konnector:v0.9.0", "", "v1.0.0", update},
		{true, "r/konnector:v1.1.0", "", "v1.0.0", keep},
		{true, "r/konnector:main", "", "v1.0.0", keep},
		{true, "r:5000/konnector", "", "v1.0.0", keep},
		{true, "r/konnector@sha256:0123", "", "v1.0.0", keep},
		{true, "r/konnector:v0.9.0", "", "devel", keep},
		{true, "r/konnector:v0.9.0", "mine:1", "v1.0.0", update},
		{true, "mine:1", "mine:1", "v1.0.0", keep},
	} {
		if got := decide(tc.found, tc.image, tc.wanted, tc.version); got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
}
