// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/test/wild"
)

// auditWrites has kcp write down who changes what. Leases and Events are no part of what a backend keeps.
const auditWrites = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  resources:
  - {group: coordination.k8s.io}
  - {group: events.k8s.io}
  - {group: "", resources: [events]}
  - {group: authorization.k8s.io}
  - {group: authentication.k8s.io}
- level: Metadata
  users: [kube-bind-backend]
  verbs: [create, update, patch, delete, deletecollection]
- level: None
`

// writes are the requests by which the backend has changed something, as kcp has written them down.
func writes(t *testing.T, log string) []string {
	t.Helper()
	file, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var out []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Verb, RequestURI string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("reading the audit log: %v\n%s", err, lines.Bytes())
		}
		out = append(out, e.Verb+" "+e.RequestURI)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// settle waits until the backend has so many workspaces, has nothing left to do and has written nothing for a while.
func (b *backend) settle(t *testing.T, log string, workspaces int) {
	t.Helper()
	const quiet = 3 * time.Second
	count, since := -1, time.Now()
	b.eventually(t, "the backend to be done", func(ctx context.Context) error {
		known, err := b.metric(ctx, "kube_bind_kcp_workspaces", "")
		if err != nil {
			return err
		}
		waiting, err := b.metric(ctx, "workqueue_depth", "")
		if err != nil {
			return err
		}
		busy, err := b.metric(ctx, "controller_runtime_active_workers", "")
		if err != nil {
			return err
		}
		if n := len(writes(t, log)); n != count || waiting+busy > 0 || int(known) != workspaces {
			count, since = n, time.Now()
		}
		if time.Since(since) < quiet {
			return fmt.Errorf("it knows %v workspaces of %d, has %v things to do, does %v and has written %d times", known, workspaces, waiting, busy, count)
		}
		return nil
	})
}

// What a backend is started anew with. A consumer's workspace costs a kcp some seconds of a core, a provider's one.
const (
	manyProviders = 80
	manyConsumers = 20
)

// crowd makes providers' workspaces, each with a template, and consumers of the first of them.
func (b *backend) crowd(t *testing.T, providers, consumers int) {
	t.Helper()
	host := b.provider(t, "many-0")
	template := wild.Template(cowboys(t))
	for i := 1; i < providers; i++ {
		p, err := b.NewProvider(t.Context(), fmt.Sprintf("many-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		b.eventually(t, "the API in the workspace", func(ctx context.Context) error {
			return client.IgnoreAlreadyExists(p.Create(ctx, template.DeepCopy()))
		})
	}
	t.Run("consumers", func(t *testing.T) {
		for i := range consumers {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				b.bind(t, host, "cowboys", fmt.Sprintf("many-%d", i))
			})
		}
	})
}

// A backend that is started anew where a hundred workspaces are engaged looks at all of them and changes nothing.
func TestRestartedBackendWritesNothing(t *testing.T) {
	t.Parallel()
	const all = manyProviders + manyConsumers
	dir := t.TempDir()
	policy, log := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "audit.log")
	if err := os.WriteFile(policy, []byte(auditWrites), 0o600); err != nil {
		t.Fatal(err)
	}
	b := alone(t, "many", nil, []string{"--audit-policy-file=" + policy, "--audit-log-path=" + log})
	started := time.Now()
	b.crowd(t, manyProviders, manyConsumers)
	t.Logf("%d providers and %d consumers were there after %v", manyProviders, manyConsumers, time.Since(started).Round(time.Second))
	b.settle(t, log, all)
	before := writes(t, log)
	for what, made := range map[string]string{"workspaces": "tenancy.kcp.io/v1alpha1/workspaces", "bindings": "/clusterbindings", "exports": "/apiserviceexports"} {
		n := 0
		for _, write := range before {
			if strings.HasPrefix(write, "create ") && strings.Contains(write, made) {
				n++
			}
		}
		if n < manyConsumers {
			t.Fatalf("the backend is said to have made %d %s: not all that it writes is seen, but %v", n, what, before[:min(len(before), 40)])
		}
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	started = time.Now()
	if err := b.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, "all workspaces to be engaged again", func(ctx context.Context) error {
		if n, err := b.metric(ctx, "kube_bind_kcp_workspaces", ""); err != nil || int(n) != all {
			return fmt.Errorf("it knows %v workspaces: %w", n, err)
		}
		return nil
	})
	t.Logf("%d workspaces are engaged %v after the start", all, time.Since(started).Round(time.Second/10))
	b.settle(t, log, all)
	looked, err := b.metric(t.Context(), "controller_runtime_reconcile_total", "")
	if err != nil || int(looked) < all {
		t.Errorf("it has looked %v times at something (%v)", looked, err)
	}
	if after := writes(t, log); len(after) != len(before) {
		t.Errorf("it has written %d times, such as %v", len(after)-len(before), after[len(before):min(len(after), len(before)+20)])
	}
}
