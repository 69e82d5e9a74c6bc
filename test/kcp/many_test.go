// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
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

// workspacesEnv says with how many workspaces a backend is started anew. A kcp needs some seconds of a core for each.
const workspacesEnv = "KUBE_BIND_TEST_WORKSPACES"

func workspaces(t *testing.T) int {
	t.Helper()
	text := os.Getenv(workspacesEnv)
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 {
		t.Fatalf("%s=%s: it has to be a number, and at least 2", workspacesEnv, text)
	}
	return n
}

// A backend that is started anew where many workspaces are engaged looks at all of them and changes nothing.
func TestRestartedBackendWritesNothing(t *testing.T) {
	t.Parallel()
	all := workspaces(t)
	consumers := all - 1 // beside the provider's
	dir := t.TempDir()
	policy, log := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "audit.log")
	if err := os.WriteFile(policy, []byte(auditWrites), 0o600); err != nil {
		t.Fatal(err)
	}
	b := alone(t, "many", nil, []string{"--audit-policy-file=" + policy, "--audit-log-path=" + log})
	host := b.provider(t, "many")
	started := time.Now()
	t.Run("consumers", func(t *testing.T) {
		for i := range consumers {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				b.bind(t, host, "cowboys", fmt.Sprintf("many-%d", i))
			})
		}
	})
	t.Logf("%d consumers have bound in %v", consumers, time.Since(started).Round(time.Second))
	b.settle(t, log, all)
	before := writes(t, log)
	for what, made := range map[string]string{"workspaces": "tenancy.kcp.io/v1alpha1/workspaces", "bindings": "/clusterbindings", "exports": "/apiserviceexports"} {
		n := 0
		for _, write := range before {
			if strings.HasPrefix(write, "create ") && strings.Contains(write, made) {
				n++
			}
		}
		if n < consumers {
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
	if err != nil || int(looked) < 2*consumers {
		t.Errorf("it has looked %v times at something (%v)", looked, err)
	}
	if after := writes(t, log); len(after) != len(before) {
		t.Errorf("it has written %d times, such as %v", len(after)-len(before), after[len(before):min(len(after), len(before)+20)])
	}
}
