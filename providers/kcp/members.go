// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// members are the workspaces that bind kube-bind's API, and the shards that they are on. All methods are safe to call
// concurrently, and none of them waits for kcp.
type members struct {
	mu     sync.RWMutex
	byURL  map[string]*shard
	byName map[multicluster.ClusterName]*member
	home   string
	// joined is called, without the lock, with each member that has come.
	joined []func(*member)
}

func newMembers() *members {
	return &members{byURL: map[string]*shard{}, byName: map[multicluster.ClusterName]*member{}}
}

// setHome notes the path of the workspace with the APIExport.
func (ms *members) setHome(path string) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.home = path
}

// homePath is the path of the workspace with the APIExport, or "" if it is not known yet.
func (ms *members) homePath() string {
	ms.mu.RLock()
	defer ms.mu.RUnlock()
	return ms.home
}

// consumerType is the type of consumers' workspaces, as LogicalClusters name it.
func (ms *members) consumerType() string { return ms.homePath() + ":" + ConsumerType }

func (ms *members) shard(url string) *shard {
	ms.mu.RLock()
	defer ms.mu.RUnlock()
	return ms.byURL[url]
}

// shards are sorted by their URLs.
func (ms *members) shards() []*shard {
	ms.mu.RLock()
	defer ms.mu.RUnlock()
	return slices.SortedFunc(maps.Values(ms.byURL), func(a, b *shard) int { return cmp.Compare(a.url, b.url) })
}

func (ms *members) addShard(s *shard) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.byURL[s.url] = s
}

func (ms *members) removeShard(s *shard) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	delete(ms.byURL, s.url)
}

// on returns the names of the members on a shard.
func (ms *members) on(s *shard) []multicluster.ClusterName {
	ms.mu.RLock()
	defer ms.mu.RUnlock()
	var out []multicluster.ClusterName
	for name, m := range ms.byName {
		if m.shard == s {
			out = append(out, name)
		}
	}
	return out
}

// count is how many members there are.
func (ms *members) count() int {
	ms.mu.RLock()
	defer ms.mu.RUnlock()
	return len(ms.byName)
}

// missing is how many members have not accepted all claims.
func (ms *members) missing() int {
	ms.mu.RLock()
	defer ms.mu.RUnlock()
	out := 0
	for _, m := range ms.byName {
		if len(m.missing) > 0 {
			out++
		}
	}
	return out
}

// get returns a member, or nil.
func (ms *members) get(name multicluster.ClusterName) *member {
	ms.mu.RLock()
	defer ms.mu.RUnlock()
	return ms.byName[name]
}

// add has a member join.
func (ms *members) add(m *member) {
	ms.mu.Lock()
	ms.byName[m.name] = m
	joined := slices.Clone(ms.joined)
	ms.mu.Unlock()
	for _, tell := range joined {
		tell(m)
	}
}

// remove has a member leave.
func (ms *members) remove(m *member) {
	ms.mu.Lock()
	if ms.byName[m.name] == m {
		delete(ms.byName, m.name)
	}
	ms.mu.Unlock()
	m.leave()
}

// follow calls joined for each member that there is, and for each that comes.
func (ms *members) follow(joined func(*member)) {
	ms.mu.Lock()
	ms.joined = append(ms.joined, joined)
	now := slices.Collect(maps.Values(ms.byName))
	ms.mu.Unlock()
	for _, m := range now {
		joined(m)
	}
}

// guests are the places that lie in workspaces of their own below a host, by name, after the host itself.
func (ms *members) guests(host multicluster.ClusterName) []multicluster.ClusterName {
	ms.mu.RLock()
	defer ms.mu.RUnlock()
	var out []multicluster.ClusterName
	for name, m := range ms.byName {
		if m.lodging.Host == host {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return append([]multicluster.ClusterName{host}, out...)
}

// guest returns the member that is a Workspace of a host, or nil.
func (ms *members) guest(l lodging) *member {
	ms.mu.RLock()
	defer ms.mu.RUnlock()
	for _, m := range ms.byName {
		if m.lodging == l {
			return m
		}
	}
	return nil
}
