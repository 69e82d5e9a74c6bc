// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// audited is a pair whose API servers write down what they are asked.
type audited struct{ claimable }

func TestAudit(t *testing.T) {
	t.Parallel()
	a := startAudited(t)
	t.Run("claimed objects are all that is watched", func(t *testing.T) { watchesLittle(t, a) })
	t.Run("replicas restarted under load write nothing twice", func(t *testing.T) { restartedUnderLoad(t, a) })
}

func startAudited(t *testing.T) *audited {
	t.Helper()
	p, err := pair.Start(t.Context(), pair.Options{LogDir: t.TempDir(), Audit: true, Bin: world.Bin(), Beside: world.Pair, Install: installed()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	offerRanches(t, p)
	a := &audited{claimable{Pair: p, place: bind(t, p, ranches)}}
	expect.Namespace(t, p.Consumer, "team")
	return a
}

// The konnector never asks for all objects of a claimed kind: every list and watch is of labels, of one name, and a single
// object's reads are of what is referred to.
func watchesLittle(t *testing.T, a *audited) {
	expect.Create(t, a.Consumer, ranch("team", "refers", expect.Set(map[string]any{"name": "referred"}, "spec", "secretRef")))
	for _, o := range []string{"referred", "labelled"} {
		secret := core("Secret", "team", o, "one", "app", map[string]string{"labelled": "ranch"}[o])
		expect.Create(t, a.Consumer, secret)
		a.up(t, secret, "one")
	}
	config := core("ConfigMap", "team", "ranch-config", "one")
	expect.Create(t, a.Consumer, config)
	a.up(t, config, "one")

	for name, side := range a.sides() {
		seen := 0
		for _, r := range konnectorReads(t, side) {
			if r.ObjectRef.APIGroup != "" {
				continue
			}
			uri, err := url.Parse(r.RequestURI)
			if err != nil {
				t.Fatal(err)
			}
			query := uri.Query()
			narrow := query.Get("labelSelector") != "" || strings.HasPrefix(query.Get("fieldSelector"), "metadata.name=")
			if !narrow {
				t.Errorf("%s: the konnector asks for %s", name, uri)
			}
			seen++
		}
		if seen == 0 {
			t.Errorf("%s: no list or watch was seen", name)
		}
	}
}

// W1: two replicas are replaced one after the other, until the lease has had four holders, while objects are made and
// changed. Each side has taken one write for each change, whoever was the leader: the finalizer on the consumer, the create
// and the change on the provider. No write was refused either, as those of two writers would be.
func restartedUnderLoad(t *testing.T, a *audited) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	const workers, handovers = 16, 3
	made, failed := make([][]string, workers), make([]error, workers)
	var load sync.WaitGroup
	for i := range workers {
		load.Go(func() { made[i], failed[i] = a.load(ctx, t, i) })
	}
	replicas := []*controlplane.Process{a.Konnector(), another(t, a)}
	for done, replaced := 0, 0; done < handovers; replaced++ {
		leader := leaseHolder(t, a)
		replicas = append(replicas, another(t, a))
		if err := replicas[0].Stop(); err != nil {
			t.Fatal(err)
		}
		replicas = replicas[1:]
		if leaseHolder(t, a) != leader {
			done++
		}
		if replaced == 2*handovers {
			t.Fatalf("after %d replicas were replaced the lease has changed hands %d times", replaced, done)
		}
		// Whoever leads now carries what is made now.
		probe := ranch("team", fmt.Sprintf("probe-%d", replaced))
		expect.Create(t, a.Consumer, probe)
		expect.Exists(t, a.Provider, at(probe, a.there("team")))
	}
	stop()
	load.Wait()
	// The pair stops the newest replica.
	if err := errors.Join(append(failed, replicas[0].Stop())...); err != nil {
		t.Fatal(err)
	}
	names := slices.Concat(made...)
	if len(names) < 20 {
		t.Errorf("there was little load: %v", names)
	}
	for _, name := range names {
		expect.Has(t, a.Provider, at(ranch("team", name), a.there("team")), "changed", "spec", "intent")
	}
	writtenOnce(t, a, names)
}

// another starts one more konnector.
func another(t *testing.T, a *audited) *controlplane.Process {
	t.Helper()
	if err := a.StartKonnector(); err != nil {
		t.Fatal(err)
	}
	return a.Konnector()
}

// leaseHolder waits until a konnector has the lease, and says which.
func leaseHolder(t *testing.T, a *audited) string {
	t.Helper()
	lease := &unstructured.Unstructured{}
	lease.SetAPIVersion("coordination.k8s.io/v1")
	lease.SetKind("Lease")
	var holder string
	expect.Eventually(t, "a konnector should have the lease", func(ctx context.Context) error {
		if err := a.Consumer.Client.Get(ctx, a.KonnectorLease(), lease); err != nil {
			return err
		}
		if holder, _, _ = unstructured.NestedString(lease.Object, "spec", "holderIdentity"); holder == "" {
			return errors.New("it is free")
		}
		return nil
	})
	return holder
}

// writtenOnce says that each change of these objects took one write, and none was tried in vain.
func writtenOnce(t *testing.T, a *audited, names []string) {
	t.Helper()
	written, refused := map[string]int{}, map[string][]pair.AuditEvent{}
	for side, of := range a.sides() {
		for _, r := range konnectorRequests(t, of) {
			switch {
			case r.ObjectRef.Resource != "ranches", r.Verb == "get", r.Verb == "list", r.Verb == "watch":
			case r.ResponseStatus.Code < 300:
				written[side+" "+r.ObjectRef.Name]++
			default:
				refused[r.ObjectRef.Name] = append(refused[r.ObjectRef.Name], r)
			}
		}
	}
	for _, name := range names {
		if here, there := written["consumer "+name], written["provider "+name]; here != 1 || there != 2 || len(refused[name]) > 0 {
			t.Errorf("%s took %d writes here and %d there, and these were refused: %+v", name, here, there, refused[name])
		}
	}
}

// load makes objects, and changes each once its copy is there, until ctx ends. What it began it ends.
func (a *audited) load(ctx context.Context, t *testing.T, worker int) (names []string, err error) {
	for i := 0; ctx.Err() == nil; i++ {
		o := ranch("team", fmt.Sprintf("load-%d-%d", worker, i))
		names = append(names, o.GetName())
		if err := a.Consumer.Client.Create(t.Context(), o.DeepCopy()); err != nil {
			return names, err
		}
		err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, expect.Timeout, true, func(ctx context.Context) (bool, error) {
			_, err := expect.Get(ctx, a.Provider, at(o, a.there("team")))
			return err == nil, client.IgnoreNotFound(err)
		})
		if err != nil {
			return names, fmt.Errorf("waiting for the copy of %s: %w", o.GetName(), err)
		}
		change := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"intent":"changed"}}`))
		if err := a.Consumer.Client.Patch(t.Context(), o, change); err != nil {
			return names, err
		}
	}
	return names, nil
}

// sides are both, by name.
func (a *audited) sides() map[string]*pair.Side {
	return map[string]*pair.Side{"consumer": a.Consumer, "provider": a.Provider}
}

// konnectorRequests are those of the konnector that were answered.
func konnectorRequests(t *testing.T, side *pair.Side) []pair.AuditEvent {
	t.Helper()
	events, err := side.Audited(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(events, func(e pair.AuditEvent) bool { return !strings.HasPrefix(e.UserAgent, "konnector") })
}

// konnectorReads are the lists and watches of the konnector.
func konnectorReads(t *testing.T, side *pair.Side) []pair.AuditEvent {
	t.Helper()
	return slices.DeleteFunc(konnectorRequests(t, side), func(e pair.AuditEvent) bool { return e.Verb != "list" && e.Verb != "watch" })
}
