// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/manager/coordinator/sharded/sharder"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/wild"
)

// moves is how long a workspace of a replica that was killed may be worked on by nobody.
const moves = 30 * time.Second

// shared are replicas that share workspaces.
type shared struct {
	*wild.Wild
	replicas []*backend
	admin    client.Client
	hosts    []*wild.Provider
}

// share starts two replicas with a workspace of their own in the kcp of all tests.
func share(t *testing.T) *shared {
	t.Helper()
	w, err := wild.Prepare(t.Context(), world.workspaces.KCP, "kube-bind-share")
	if err != nil {
		t.Fatal(err)
	}
	s := &shared{Wild: w}
	if s.admin, err = w.Client(w.Prepared.Path); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		b := newBackend(w, fmt.Sprintf("share-%d", i), "workspace")
		t.Cleanup(func() {
			if err := b.stop(); err != nil {
				t.Error(err)
			}
		})
		if err := b.start(t.Context(), "--share-workspaces"); err != nil {
			t.Fatal(err)
		}
		s.replicas = append(s.replicas, b)
	}
	return s
}

// served is how often a replica began to work on a workspace, by what it has logged.
func (b *backend) served(t *testing.T, cluster string) int {
	t.Helper()
	log, err := os.ReadFile(b.process.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "serving a logical cluster") && strings.Contains(line, fmt.Sprintf("cluster=%q", cluster)) {
			n++
		}
	}
	return n
}

// leases are the replicas that live, and who works on which workspace, by what the Leases say.
func (s *shared) leases(ctx context.Context) (replicas []sharder.PeerInfo, holders map[string]string, err error) {
	var leases coordinationv1.LeaseList
	if err := s.admin.List(ctx, &leases, client.InNamespace(kcpinit.Namespace)); err != nil {
		return nil, nil, err
	}
	holders = map[string]string{}
	for i := range leases.Items {
		holder := ptr.Deref(leases.Items[i].Spec.HolderIdentity, "")
		switch leases.Items[i].Labels["backend.kube-bind.io/lease-of"] {
		case "replica":
			replicas = append(replicas, sharder.PeerInfo{ID: holder})
		case "group":
			holders[leases.Items[i].Annotations["backend.kube-bind.io/group"]] = holder
		}
	}
	return replicas, holders, nil
}

// turns are how many of the workspaces are whose turn.
func turns(hosts []*wild.Provider, replicas []sharder.PeerInfo) (whose map[string]string, count map[string]int) {
	whose, count = map[string]string{}, map[string]int{}
	for _, r := range replicas {
		for _, host := range hosts {
			if sharder.NewHRW().ShouldOwn(string(host.Cluster), replicas, r) {
				whose[string(host.Cluster)] = r.ID
				count[r.ID]++
			}
		}
	}
	return whose, count
}

// settle waits until each workspace is its turn's.
func (s *shared) settle(t *testing.T) map[string]string {
	t.Helper()
	var holders map[string]string
	expect.Eventually(t, "the workspaces to be shared out", func(ctx context.Context) error {
		replicas, now, err := s.leases(ctx)
		if err != nil {
			return err
		}
		if want, _ := turns(s.hosts, replicas); len(replicas) != len(s.replicas) || !maps.Equal(now, want) {
			return fmt.Errorf("of the replicas %v there have %v, should have %v", replicas, now, want)
		}
		holders = now
		return nil
	})
	return holders
}

// looks is how often each replica has looked at a template.
func (s *shared) looks(ctx context.Context) ([]float64, error) {
	out := make([]float64, len(s.replicas))
	for i, b := range s.replicas {
		select {
		case <-b.process.Exited():
			continue
		default:
		}
		var err error
		if out[i], err = b.metric(ctx, "controller_runtime_reconcile_total", `controller="template"`); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// quiet waits until no replica has anything to look at.
func (s *shared) quiet(t *testing.T) []float64 {
	t.Helper()
	const still = time.Second
	var last []float64
	since := time.Now()
	expect.Eventually(t, "the replicas to be done", func(ctx context.Context) error {
		now, err := s.looks(ctx)
		if err != nil {
			return err
		}
		if !slices.Equal(now, last) {
			last, since = now, time.Now()
		}
		if time.Since(since) < still {
			return fmt.Errorf("they have looked %v times", now)
		}
		return nil
	})
	return last
}

// show makes a template in a workspace.
func show(t *testing.T, host *wild.Provider, name string) {
	t.Helper()
	template := wild.Template(cowboys(t))
	template.Name = name
	if err := host.Create(t.Context(), template); err != nil {
		t.Fatal(err)
	}
}

// seen waits until somebody has looked at a template.
func seen(t *testing.T, host *wild.Provider, name string) {
	t.Helper()
	expect.Eventually(t, "somebody to look at a template in "+host.Path, func(ctx context.Context) error {
		template := &kubebindv1alpha2.APIServiceExportTemplate{}
		if err := host.Get(ctx, client.ObjectKey{Name: name}, template); err != nil {
			return err
		}
		if len(template.Status.Conditions) == 0 {
			return errors.New("it has no conditions")
		}
		return nil
	})
}

// touch makes a template in a workspace, and returns the replica that has looked at it, which no other has.
func (s *shared) touch(t *testing.T, host *wild.Provider, name string) *backend {
	t.Helper()
	before := s.quiet(t)
	show(t, host, name)
	seen(t, host, name)
	var who *backend
	for i, n := range s.quiet(t) {
		switch {
		case n == before[i]:
		case who != nil:
			t.Errorf("both replicas have looked at %s in %s", name, host.Path)
		default:
			who = s.replicas[i]
		}
	}
	if who == nil {
		t.Fatalf("no replica says that it has looked at %s in %s", name, host.Path)
	}
	return who
}

// provide makes provider workspaces until each replica has one, and at least some.
func (s *shared) provide(t *testing.T) {
	t.Helper()
	const least, most = 4, 16
	for i := range most {
		s.hosts = append(s.hosts, s.replicas[0].provider(t, fmt.Sprintf("share-%d", i)))
		replicas, _, err := s.leases(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, count := turns(s.hosts, replicas); len(s.hosts) >= least && len(count) == len(s.replicas) {
			return
		}
	}
	t.Fatalf("of %d workspaces, none is one replica's turn", most)
}

// Replicas share provider workspaces: each is worked on by one of them. When one is killed, the other works on what it had
// within half a minute, goes on undisturbed with its own meanwhile, and gives back what the next one should have.
func TestReplicasShareWorkspaces(t *testing.T) {
	t.Parallel()
	s := share(t)
	s.provide(t)
	mine, others := s.divided(t)
	consumer := s.replicas[0].bind(t, mine[0], "cowboys", "share-before")
	consumer.team(t)
	served := map[string]int{}
	for _, host := range others {
		served[host.Path] = s.replicas[1].served(t, string(host.Cluster))
	}
	s.killed(t, mine, others)
	another := s.replicas[1].bind(t, mine[0], "cowboys", "share-after")
	another.team(t)
	ns := &kubebindv1alpha2.APIServiceNamespace{}
	ns.Namespace, ns.Name = consumer.namespace, "posse"
	if err := consumer.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	expect.Eventually(t, "a consumer from before to be looked after", func(ctx context.Context) error {
		if err := consumer.Get(ctx, client.ObjectKeyFromObject(ns), ns); err != nil || ns.Status.Namespace == "" {
			return fmt.Errorf("its namespace is %q: %w", ns.Status.Namespace, err)
		}
		return nil
	})
	for _, host := range others {
		if now := s.replicas[1].served(t, string(host.Cluster)); now != served[host.Path] || now == 0 {
			t.Errorf("%s was disturbed: engaged %d times, and %d before the kill", host.Path, now, served[host.Path])
		}
	}
	s.replaced(t)
}

// divided returns the workspaces on which the first replica works, and those of the second: each has been seen to.
func (s *shared) divided(t *testing.T) (mine, others []*wild.Provider) {
	t.Helper()
	owners := s.settle(t)
	for i, host := range s.hosts {
		switch who := s.touch(t, host, "touched"); who {
		case s.replicas[0]:
			mine = append(mine, s.hosts[i])
		case s.replicas[1]:
			others = append(others, s.hosts[i])
		}
	}
	for _, pair := range [][]*wild.Provider{mine, others} {
		for _, host := range pair {
			if owners[string(host.Cluster)] != owners[string(pair[0].Cluster)] {
				t.Fatalf("the Leases say %v, and one replica has worked on %s and %s", owners, host.Path, pair[0].Path)
			}
		}
	}
	return mine, others
}

// killed kills the first replica, and waits until its workspaces are worked on.
func (s *shared) killed(t *testing.T, mine, others []*wild.Provider) {
	t.Helper()
	killed := time.Now()
	if err := s.replicas[0].process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, host := range s.hosts {
		show(t, host, "moved")
	}
	for _, host := range others {
		seen(t, host, "moved")
	}
	t.Logf("the other's own workspaces are worked on %s after the kill", time.Since(killed).Round(time.Second/10))
	for _, host := range mine {
		seen(t, host, "moved")
	}
	if took := time.Since(killed); took > moves {
		t.Errorf("the workspaces moved within %s, should be %s", took, moves)
	} else {
		t.Logf("%d workspaces moved within %s", len(mine), took.Round(time.Second/10))
	}
}

// replaced starts a replica in the place of the first one, and ends it again.
func (s *shared) replaced(t *testing.T) {
	t.Helper()
	if err := s.replicas[0].start(t.Context(), "--share-workspaces"); err != nil {
		t.Fatal(err)
	}
	s.settle(t)
	if err := s.replicas[0].stop(); err != nil {
		t.Fatal(err)
	}
	replicas, holders, err := s.leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for workspace, holder := range holders {
		if !slices.ContainsFunc(replicas, func(r sharder.PeerInfo) bool { return r.ID == holder }) || len(replicas) != 1 {
			t.Errorf("of a replica that has ended there is something left: %s is %s's, and there are %v", workspace, holder, replicas)
		}
	}
	for _, host := range s.hosts {
		if who := s.touch(t, host, "left"); who != s.replicas[1] {
			t.Errorf("%s was worked on by %s", host.Path, who.name)
		}
	}
}
