// SPDX-License-Identifier: Apache-2.0

package sharing

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/manager/coordinator/sharded/sharder"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	"kube-bind.io/kube-bind/controlplane"
)

// plane is the control plane that the tests of this package with real Leases share.
var plane *controlplane.ControlPlane

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	var err error
	if plane, err = controlplane.Start(ctx, controlplane.Options{Name: "provider"}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = plane.Stop() }()
	return m.Run()
}

// newLeases returns a namespace with nothing in it, and a client for it.
func newLeases(t *testing.T) (client.Client, string) {
	t.Helper()
	config := plane.Config()
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: clientgoscheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "sharing-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	return c, ns.Name
}

// Leases at a real API server: all is read that was written, and nothing is written over or removed that has changed.
func TestLeases(t *testing.T) {
	c, ns := newLeases(t)
	s := &leases{client: c, namespace: ns, name: "backend", duration: 15 * time.Second}
	others := strangers(t, c, ns)
	written := []lease{
		{of: ofReplica, key: "host-1", holder: "host-1"},
		{of: ofGroup, key: "2x8dabc", holder: "host-1"},
		{of: ofGroup, key: "root", holder: "host-2", askedBy: "host-1"},
		{of: ofGroup, key: strings.Repeat("Long:Name", 30), holder: "host-2"},
	}
	for i, l := range written {
		got, err := s.write(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.write(t.Context(), l); !overtaken(err) {
			t.Errorf("%s was made twice: %v", l.key, err)
		}
		written[i] = got
	}
	listed, err := s.list(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if slices.SortFunc(listed, compare); len(listed) != len(written) {
		t.Fatalf("%d leases are listed, want %d: %+v", len(listed), len(written), listed)
	}
	slices.SortFunc(written, compare)
	for i, l := range listed {
		want := written[i]
		if l.of != want.of || l.key != want.key || l.holder != want.holder || l.askedBy != want.askedBy || l.version != want.version || l.version == "" {
			t.Errorf("listed %+v, written %+v", l, want)
		}
		change(t, s, l)
	}
	for _, o := range others {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Error(err)
		}
	}
}

// strangers makes Leases that are none of this backend's, and returns those that are nobody's.
func strangers(t *testing.T, c client.Client, ns string) []client.Object {
	t.Helper()
	out := []client.Object{
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "backend"}},
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "torn", Labels: map[string]string{ofLabel: "backend", kindLabel: "group"}}},
	}
	for _, o := range out {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	another := &leases{client: c, namespace: ns, name: "another", duration: time.Second}
	if _, err := another.write(t.Context(), lease{of: ofGroup, key: "root", holder: "a"}); err != nil {
		t.Fatal(err)
	}
	return out
}

// change writes a lease over and removes it, and tries both with what was read before.
func change(t *testing.T, s *leases, l lease) {
	t.Helper()
	next := l
	next.askedBy = ""
	now, err := s.write(t.Context(), next)
	if err != nil || now.version == l.version || now.askedBy != "" {
		t.Errorf("writing %s again: %+v, %v", l.key, now, err)
	}
	if _, err := s.write(t.Context(), l); !overtaken(err) {
		t.Errorf("%s was written over unread: %v", l.key, err)
	}
	if err := s.remove(t.Context(), l); !overtaken(err) {
		t.Errorf("%s was removed unread: %v", l.key, err)
	}
	if err := s.remove(t.Context(), now); err != nil {
		t.Error(err)
	}
	if err := s.remove(t.Context(), now); !overtaken(err) {
		t.Errorf("%s was removed twice: %v", l.key, err)
	}
}

// severed is a client that its replica has lost with its life.
type severed struct {
	client.Client
	replica *replica
}

func (s severed) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	if !s.replica.alive() {
		return errCut
	}
	return s.Client.Delete(ctx, o, opts...)
}

// startReal starts a replica with real Leases.
func (w *world) startReal(c client.Client, ns, id string, names []multicluster.ClusterName) *replica {
	r := &replica{
		world: w, id: id, ended: make(chan struct{}), dead: make(chan struct{}), desk: &desk{},
		clusters: map[multicluster.ClusterName]context.CancelFunc{}, engaged: map[multicluster.ClusterName][]context.Context{},
	}
	ctx, end := context.WithCancel(w.ctx)
	r.end = end
	r.Coordinator = New(Options{Client: severed{c, r}, Namespace: ns, Name: "backend", ID: id})
	r.AddAware(controller{r})
	for _, name := range names {
		r.know(name)
	}
	w.work.Go(func() {
		defer close(r.ended)
		if err := r.Runnable().Start(ctx); err != nil {
			w.t.Errorf("%s has failed: %v", id, err)
		}
	})
	return r
}

// settled returns who works on the logical clusters, if that is whose turn they are.
func (w *world) settled(names []multicluster.ClusterName, replicas ...*replica) (map[multicluster.ClusterName]*replica, error) {
	who, err := w.served(names)
	if err != nil {
		return nil, err
	}
	var peers []sharder.PeerInfo
	for _, r := range replicas {
		peers = append(peers, sharder.PeerInfo{ID: r.id})
	}
	for name, r := range who {
		if !sharder.NewHRW().ShouldOwn(string(name), peers, sharder.PeerInfo{ID: r.id}) {
			return nil, fmt.Errorf("%s works on %s, which is another one's turn", r.id, name)
		}
	}
	return who, nil
}

// Replicas with real Leases: each logical cluster is one's, and when one is killed its own are the other's within 30 s.
func TestReplicasShare(t *testing.T) {
	c, ns := newLeases(t)
	w, names := newWorld(t), clusterNames(50)
	first, second := w.startReal(c, ns, "first", names), w.startReal(c, ns, "second", names)
	var before map[multicluster.ClusterName]*replica
	eventually(t, "both to have their share", func() (err error) {
		before, err = w.settled(names, first, second)
		return err
	})
	engaged := map[multicluster.ClusterName]int{}
	for _, name := range of(before, second) {
		engaged[name], _ = second.engagements(name)
	}
	if mine := len(names) - len(engaged); mine < 10 || len(engaged) < 10 {
		t.Fatalf("they have %d and %d", mine, len(engaged))
	}
	killed := time.Now()
	first.kill()
	eventually(t, "the other to have all", func() error {
		after, err := w.served(names)
		if err == nil && len(of(after, second)) != len(names) {
			err = fmt.Errorf("it has %d of %d", len(of(after, second)), len(names))
		}
		return err
	})
	if took := time.Since(killed); took > 30*time.Second {
		t.Errorf("that took %s", took)
	} else {
		t.Logf("%d logical clusters moved within %s", len(of(before, first)), took.Round(time.Second/10))
	}
	for name, earlier := range engaged {
		if times, ctx := second.engagements(name); times != earlier || ctx.Err() != nil {
			t.Errorf("%s was disturbed: engaged %d times (%d before), %v", name, times, earlier, ctx.Err())
		}
	}
	second.stop()
	listed, err := (&leases{client: c, namespace: ns, name: "backend"}).list(t.Context())
	if err != nil || len(listed) != 0 {
		t.Errorf("of replicas that have ended there is %+v, %v", listed, err)
	}
}

func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 90*time.Second, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v: %v", what, err, last)
	}
}
