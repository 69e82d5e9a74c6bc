// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"errors"
	"testing"

	corev1alpha1 "github.com/kcp-dev/sdk/apis/core/v1alpha1"
	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// seeing is a workspace whose server has some objects, and whose cache has others.
func seeing(t *testing.T, cached, live []client.Object) *member {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	cache := fake.NewClientBuilder().WithScheme(scheme).WithObjects(cached...).Build()
	server := fake.NewClientBuilder().WithScheme(scheme).WithObjects(live...).Build()
	return &member{site: &site{live: server, client: interceptor.NewClient(server, interceptor.Funcs{
		Get: func(ctx context.Context, _ client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return cache.Get(ctx, key, o, opts...)
		},
	})}}
}

// A place is furnished while kcp still completes its workspace, but is handed out only when that is done.
func TestComplete(t *testing.T) {
	workspace := func(uid types.UID, phase corev1alpha1.LogicalClusterPhaseType) *tenancyv1alpha1.Workspace {
		out := &tenancyv1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: "w", UID: uid}}
		out.Status.Phase = phase
		return out
	}
	const ready, initializing = corev1alpha1.LogicalClusterPhaseReady, corev1alpha1.LogicalClusterPhaseInitializing
	for name, tc := range map[string]struct {
		seen, now *tenancyv1alpha1.Workspace
		notReady  bool
		gone      bool
	}{
		"complete at first":       {seen: workspace("1", ready), now: workspace("1", ready)},
		"completed meanwhile":     {seen: workspace("1", initializing), now: workspace("1", ready)},
		"being completed":         {seen: workspace("1", initializing), now: workspace("1", initializing), notReady: true},
		"not scheduled":           {seen: workspace("1", ""), now: workspace("1", ""), notReady: true},
		"made anew meanwhile":     {seen: workspace("1", initializing), now: workspace("2", ready), notReady: true},
		"deleted in the meantime": {seen: workspace("1", initializing), gone: true},
	} {
		t.Run(name, func(t *testing.T) {
			var there []client.Object
			if tc.now != nil {
				there = append(there, tc.now)
			}
			err := (&Provider{}).complete(t.Context(), seeing(t, there, there), tc.seen)
			_, notReady := errors.AsType[*providers.NotReadyError](err)
			if notReady != tc.notReady || apierrors.IsNotFound(err) != tc.gone || (err == nil) == (tc.notReady || tc.gone) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The namespace default is lent at once, whoever made it and whether the cache has it or not.
func TestLendDefault(t *testing.T) {
	const contract = "kube-bind-x"
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metav1.NamespaceDefault}}
	for name, tc := range map[string]struct{ cached, live []client.Object }{
		"absent":             {},
		"kcp's":              {[]client.Object{namespace}, []client.Object{namespace}},
		"not in the cache":   {nil, []client.Object{namespace}},
		"gone on the server": {[]client.Object{namespace}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := seeing(t, tc.cached, tc.live)
			err := m.lendDefault(t.Context(), contract)
			if len(tc.cached) > len(tc.live) {
				if !apierrors.IsNotFound(err) {
					t.Errorf("got %v, which is tried again when the cache has caught up", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			have := &corev1.Namespace{}
			if err := m.live.Get(t.Context(), client.ObjectKeyFromObject(namespace), have); err != nil {
				t.Fatal(err)
			}
			if !kubebindv1alpha2.Adoptable(have, contract) {
				t.Errorf("it is not lent: %v", have.Annotations)
			}
		})
	}
}
