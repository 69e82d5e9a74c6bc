// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1alpha1 "github.com/kcp-dev/sdk/apis/core/v1alpha1"
	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/apis/mapping"
	"kube-bind.io/kube-bind/test/wild"
)

// kcp that goes away while somebody binds is waited for, whatever was done by then; there is one place afterwards, and who had
// one goes on.
func TestKCPRestartsDuringABind(t *testing.T) {
	t.Parallel()
	// Whoever loses its lease ends and is started anew, by design; this one has to find its way itself.
	b := alone(t, "restart", []string{"--leader-elect=false"}, nil)
	host := b.provider(t, "restart")
	before := b.bind(t, host, "cowboys", "bound-before")
	before.team(t)
	for i, moment := range []struct {
		name    string
		reached func(ctx context.Context, host *wild.Provider, identity string) error
	}{
		{"workspace-made", workspaceIs("")},
		{"workspace-ready", workspaceIs(corev1alpha1.LogicalClusterPhaseReady)},
	} {
		request := wish("cowboys", moment.name)
		request.Namespace, request.Name, request.Spec.Author = "default", moment.name, "tester"
		if err := host.Create(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		b.eventually(t, moment.name, func(ctx context.Context) error { return moment.reached(ctx, host, moment.name) })
		if err := b.StopServer(); err != nil {
			t.Fatal(err)
		}
		if err := b.StartServer(t.Context()); err != nil {
			t.Fatal(err)
		}
		ready := time.Now()
		b.eventually(t, "the bind to end well that kcp was killed in when it was "+moment.name, func(ctx context.Context) error {
			if err := host.Get(ctx, client.ObjectKeyFromObject(request), request); err != nil {
				return err
			}
			if request.Status.Phase != kubebindv1alpha2.PhaseSucceeded {
				return fmt.Errorf("the status is %+v", request.Status)
			}
			return nil
		})
		t.Logf("it ended %v after kcp was there again", time.Since(ready).Round(time.Second/10))
		before.rides(t, fmt.Sprintf("after-%d", i))
		b.places(t, host, i+2)
	}
}

// workspaceIs waits for the workspace of a consumer to be there, in a phase that may be any.
func workspaceIs(phase corev1alpha1.LogicalClusterPhaseType) func(context.Context, *wild.Provider, string) error {
	return func(ctx context.Context, host *wild.Provider, identity string) error {
		workspace := &tenancyv1alpha1.Workspace{}
		if err := host.Get(ctx, client.ObjectKey{Name: mapping.ContractNamespaceName(prefix, identity)}, workspace); err != nil {
			return err
		}
		if phase != "" && workspace.Status.Phase != phase {
			return fmt.Errorf("it is %s", workspace.Status.Phase)
		}
		return nil
	}
}

// places fails unless a host has so many workspaces of consumers, all ready, and none else.
func (b *backend) places(t *testing.T, host *wild.Provider, want int) {
	t.Helper()
	var workspaces tenancyv1alpha1.WorkspaceList
	if err := host.List(t.Context(), &workspaces); err != nil {
		t.Fatal(err)
	}
	for i := range workspaces.Items {
		if phase := workspaces.Items[i].Status.Phase; phase != corev1alpha1.LogicalClusterPhaseReady {
			t.Errorf("the workspace %s is %s", workspaces.Items[i].Name, phase)
		}
	}
	if len(workspaces.Items) != want {
		t.Errorf("there are %d places, want %d", len(workspaces.Items), want)
	}
}
