// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"slices"
	"testing"

	kcpcache "github.com/kcp-dev/apimachinery/v2/pkg/cache"
	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// seenBindings are the APIBindings that are known of a shard.
type seenBindings struct {
	toolscache.SharedIndexInformer
	indexer toolscache.Indexer
	synced  bool
}

func (s *seenBindings) GetIndexer() toolscache.Indexer { return s.indexer }
func (s *seenBindings) HasSynced() bool                { return s.synced }

// shardWith is a shard of which some workspaces' bindings are known.
func shardWith(t *testing.T, url string, synced bool, workspaces ...string) *shard {
	t.Helper()
	indexer := toolscache.NewIndexer(kcpcache.MetaClusterNamespaceKeyFunc, toolscache.Indexers{kcpcache.ClusterIndexName: kcpcache.ClusterIndexFunc})
	for _, name := range workspaces {
		binding := &apisv1alpha2.APIBinding{ObjectMeta: metav1.ObjectMeta{Name: ExportName, Annotations: map[string]string{"kcp.io/cluster": name}}}
		binding.Spec.Reference.Export = &apisv1alpha2.ExportBindingReference{Name: ExportName}
		binding.Status.Phase = apisv1alpha2.APIBindingPhaseBound
		if err := indexer.Add(binding); err != nil {
			t.Fatal(err)
		}
	}
	return &shard{url: url, export: ExportName, bindings: &seenBindings{indexer: indexer, synced: synced}}
}

// A shard that is away keeps no workspace of another one waiting, and none of its own counts as gone.
func TestShardOf(t *testing.T) {
	for name, tc := range map[string]struct {
		otherSynced bool
		workspace   string
		at          string
		certain     bool
	}{
		"known, and all shards are":        {true, "here", "a", true},
		"known, while a shard is away":     {false, "here", "a", true},
		"unknown, while a shard is away":   {false, "gone", "", false},
		"unknown to all":                   {true, "gone", "", true},
		"of a shard that is not all there": {false, "there", "b", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProviderForTest()
			p.members.addShard(shardWith(t, "a", true, "here"))
			p.members.addShard(shardWith(t, "b", tc.otherSynced, "there"))
			at, certain := p.shardOf(multicluster.ClusterName(tc.workspace))
			var url string
			if at != nil {
				url = at.url
			}
			if url != tc.at || certain != tc.certain {
				t.Errorf("it is at %q, certainly: %t; want %q and %t", url, certain, tc.at, tc.certain)
			}
		})
	}
}

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
