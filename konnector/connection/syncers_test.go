// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// W38: a syncer goes on in its version as long as that is served, whatever else comes and goes, and moves when it is not.
func TestGoesOn(t *testing.T) {
	in := func(version string, served map[string]Version) Resource {
		return Resource{
			GVR: schema.GroupVersionResource{Group: "x.org", Version: version, Resource: "widgets"}, Served: served,
			Namespaced: true, Isolation: kubebindv1alpha2.IsolationPrefixed,
		}
	}
	running := in("v1", map[string]Version{"v1": {Status: true}})
	for name, tc := range map[string]struct {
		want    Resource
		goesOn  bool
		version string
	}{
		"the same":               {running, true, "v1"},
		"a version is added":     {in("v1", map[string]Version{"v1": {Status: true}, "v2": {Status: true}}), true, "v1"},
		"storage moves":          {in("v2", map[string]Version{"v1": {Status: true}, "v2": {Status: true}}), true, "v1"},
		"no longer served":       {in("v2", map[string]Version{"v2": {Status: true}}), false, "v2"},
		"loses its /status":      {in("v1", map[string]Version{"v1": {}}), false, "v1"},
		"withdrawn":              {func() Resource { r := running; r.Withdrawn = true; return r }(), false, "v1"},
		"another isolation":      {func() Resource { r := running; r.Was = kubebindv1alpha2.IsolationNone; return r }(), false, "v1"},
		"leaves copies behind":   {func() Resource { r := running; r.Orphan = true; return r }(), false, "v1"},
		"another informer scope": {func() Resource { r := running; r.ClusterWide = true; return r }(), false, "v1"},
		"withdrawn, storage moved": {func() Resource {
			r := in("v2", map[string]Version{"v1": {Status: true}, "v2": {Status: true}})
			r.Withdrawn = true
			return r
		}(), false, "v1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.want.goesOn(running); got != tc.goesOn {
				t.Errorf("goes on: %v", got)
			}
			if got := tc.want.following(running).GVR.Version; got != tc.version {
				t.Errorf("goes on in %s, want %s", got, tc.version)
			}
		})
	}
}
