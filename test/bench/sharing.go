// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	"kube-bind.io/kube-bind/backend/sharing"
)

// sharers are replicas that share logical clusters, with real Leases; the logical clusters are names. Test/kcp kills a process
// that works on real ones.
type sharers struct {
	Replicas int `json:"replicas"`
	Clusters int `json:"clusters"`
	// Moved are the logical clusters that a replica had which was killed, and MoveSeconds how long it took until all were
	// worked on by others.
	Moved       int     `json:"moved"`
	MoveSeconds float64 `json:"moveSeconds"`
	// Disturbed are others that were interrupted meanwhile.
	Disturbed int `json:"disturbed"`
}

// sharer is a replica, and the contexts in which it works.
type sharer struct {
	id   string
	kill context.CancelFunc
	mu   sync.Mutex
	// engaged are all contexts for each logical cluster.
	engaged map[multicluster.ClusterName][]context.Context
}

// Engage implements multicluster.Aware.
func (s *sharer) Engage(ctx context.Context, name multicluster.ClusterName, _ cluster.Cluster) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engaged[name] = append(s.engaged[name], ctx)
	return nil
}

// works tells whether the replica works on a logical cluster, and how often it has begun to.
func (s *sharer) works(name multicluster.ClusterName) (now bool, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.engaged[name]
	return len(all) > 0 && all[len(all)-1].Err() == nil, len(all)
}

// startSharer starts a replica. Once it is killed it gives nothing back.
func startSharer(ctx context.Context, config *rest.Config, id string, names []multicluster.ClusterName) (*sharer, error) {
	s := &sharer{id: id, engaged: map[multicluster.ClusterName][]context.Context{}}
	ctx, s.kill = context.WithCancel(ctx)
	direct, err := client.NewWithWatch(config, client.Options{Scheme: clientgoscheme.Scheme})
	if err != nil {
		return nil, err
	}
	alive := ctx
	c := interceptor.NewClient(direct, interceptor.Funcs{
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			if err := alive.Err(); err != nil {
				return err
			}
			return c.Delete(ctx, o, opts...)
		},
	})
	coordinator := sharing.New(sharing.Options{Client: c, Namespace: "default", Name: "bench", ID: id})
	coordinator.AddAware(s)
	for _, name := range names {
		if err := coordinator.Engage(ctx, name, nil); err != nil {
			return nil, err
		}
	}
	go func() { _ = coordinator.Runnable().Start(ctx) }()
	return s, nil
}

// measureSharing kills one of three replicas that share a hundred logical clusters.
func measureSharing(ctx context.Context, config *rest.Config) (*sharers, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	r := &sharers{Replicas: 3, Clusters: 100}
	var all []multicluster.ClusterName
	for _, name := range names("cluster", r.Clusters) {
		all = append(all, multicluster.ClusterName(name))
	}
	config = rest.CopyConfig(config)
	config.QPS = -1
	var replicas []*sharer
	for i := range r.Replicas {
		s, err := startSharer(ctx, config, fmt.Sprintf("replica-%c-%d", 'a'+7*i, time.Now().UnixNano()), all)
		if err != nil {
			return nil, err
		}
		replicas = append(replicas, s)
	}
	if err := settled(ctx, replicas, all); err != nil {
		return nil, err
	}
	victim, others := replicas[0], replicas[1:]
	var moving []multicluster.ClusterName
	begun := map[multicluster.ClusterName]int{} // of the others' own
	for _, name := range all {
		if now, _ := victim.works(name); now {
			moving = append(moving, name)
			continue
		}
		_, begun[name] = worker(others, name)
	}
	r.Moved = len(moving)
	killed := time.Now()
	victim.kill()
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(context.Context) (bool, error) {
		for _, name := range moving {
			if who, _ := worker(others, name); who == nil {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("waiting for the logical clusters of a killed replica: %w", err)
	}
	r.MoveSeconds = time.Since(killed).Seconds()
	for name, before := range begun {
		if who, times := worker(others, name); who == nil || times != before {
			r.Disturbed++
		}
	}
	return r, nil
}

// worker is who works on a logical cluster, and how often that one has begun to.
func worker(replicas []*sharer, name multicluster.ClusterName) (who *sharer, times int) {
	for _, s := range replicas {
		if now, n := s.works(name); now {
			return s, n
		}
	}
	return nil, 0
}

// settled waits until all is worked on, and nothing has moved for a while.
func settled(ctx context.Context, replicas []*sharer, all []multicluster.ClusterName) error {
	const still = 10 * time.Second
	last, since := map[multicluster.ClusterName]*sharer{}, time.Now()
	err := wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(context.Context) (bool, error) {
		for _, name := range all {
			if who, _ := worker(replicas, name); who == nil || who != last[name] {
				last[name], since = who, time.Now()
			}
		}
		return time.Since(since) > still, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for logical clusters to be shared out: %w", err)
	}
	return nil
}
