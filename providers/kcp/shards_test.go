// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"slices"
	"testing"

	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
)

// The shards that are watched are those of the endpoint slice, each once.
func TestCompareShards(t *testing.T) {
	for name, tc := range map[string]struct {
		have, endpoints, start, stop []string
	}{
		"none yet":                   {endpoints: []string{"a", "b"}, start: []string{"a", "b"}},
		"the same":                   {have: []string{"a", "b"}, endpoints: []string{"b", "a"}},
		"one comes":                  {have: []string{"a"}, endpoints: []string{"a", "b"}, start: []string{"b"}},
		"one goes":                   {have: []string{"a", "b"}, endpoints: []string{"b"}, stop: []string{"a"}},
		"one moves":                  {have: []string{"a", "b"}, endpoints: []string{"b", "c"}, start: []string{"c"}, stop: []string{"a"}},
		"all go":                     {have: []string{"a"}, stop: []string{"a"}},
		"one is named twice":         {endpoints: []string{"a", "a"}, start: []string{"a"}},
		"one is part of another":     {have: []string{"a/b"}, endpoints: []string{"a"}, start: []string{"a"}, stop: []string{"a/b"}},
		"one without an address":     {endpoints: []string{"", "a"}, start: []string{"a"}},
		"the last has no more names": {have: []string{"a"}, endpoints: []string{""}, stop: []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			slice := &apisv1alpha1.APIExportEndpointSlice{}
			for _, url := range tc.endpoints {
				slice.Status.APIExportEndpoints = append(slice.Status.APIExportEndpoints, apisv1alpha1.APIExportEndpoint{URL: url})
			}
			start, stop := compareShards(tc.have, endpoints(slice))
			if !slices.Equal(start, tc.start) || !slices.Equal(stop, tc.stop) {
				t.Errorf("it starts %v and stops %v, want %v and %v", start, stop, tc.start, tc.stop)
			}
		})
	}
}

// Only the address of an APIExport's virtual workspace is one.
func TestExportOf(t *testing.T) {
	for endpoint, want := range map[string][2]string{
		"https://kcp:6443/services/apiexport/1a2b/kube-bind.io":         {"1a2b", "kube-bind.io"},
		"https://kcp:6443/prefix/services/apiexport/root/kube-bind.io/": {"root", "kube-bind.io"},
		"https://kcp:6443/clusters/root":                                {},
		"https://kcp:6443/services/apiexport/1a2b":                      {},
		"https://kcp:6443/services/apiexport/1a2b/a/b":                  {},
		"https://kcp:6443/services/apiexport//kube-bind.io":             {},
		"://": {},
	} {
		cluster, name, err := exportOf(endpoint)
		if cluster != want[0] || name != want[1] || (err == nil) != (want[0] != "") {
			t.Errorf("%q is of %q in %q (%v), want %v", endpoint, name, cluster, err, want)
		}
	}
}
