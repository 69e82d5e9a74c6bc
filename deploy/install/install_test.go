// SPDX-License-Identifier: Apache-2.0

package install

import "testing"

func TestDecide(t *testing.T) {
	for _, tc := range []struct {
		found                  bool
		image, wanted, version string
		downgrade              bool
		want                   action
	}{
		{false, "", "", "v1.0.0", false, create},
		{false, "", "mine:1", "v1.0.0", false, create},
		{true, "r/konnector:v1.0.0", "", "v1.0.0", false, keep},
		{true, "r/konnector:v0.9.0", "", "v1.0.0", false, update},
		{true, "r/konnector:v1.1.0", "", "v1.0.0", false, keep},
		{true, "r/konnector:main", "", "v1.0.0", false, keep},
		{true, "r:5000/konnector", "", "v1.0.0", false, keep},
		{true, "r/konnector@sha256:0123", "", "v1.0.0", false, keep},
		{true, "r/konnector:v0.9.0", "", "devel", false, keep},
		{true, "r/konnector:v0.9.0", "mine:1", "v1.0.0", false, update},
		{true, "mine:1", "mine:1", "v1.0.0", false, keep},
		{true, "r/konnector:v1.1.0", "", "v1.0.0", true, update},
		{true, "r/konnector:v0.9.0", "", "v1.0.0", true, update},
		{true, "r/konnector:v1.0.0", "", "v1.0.0", true, keep},
		{true, "r/konnector:main", "", "v1.0.0", true, keep},
	} {
		if got := decide(tc.found, tc.image, tc.wanted, tc.version, tc.downgrade); got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
}
