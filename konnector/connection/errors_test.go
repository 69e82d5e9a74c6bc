// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func refusedConnection(port int) error {
	return &url.Error{Op: "Get", URL: "https://provider", Err: &net.OpError{
		Op: "dial", Source: &net.TCPAddr{Port: port}, Err: syscall.ECONNREFUSED,
	}}
}

func TestAway(t *testing.T) {
	s := &Session{connection: &Connection{ref: kubebindv1alpha2.ClusterSecretKeyRef{Namespace: "kube-bind"}}}
	for name, tc := range map[string]struct {
		err    error
		reason string
	}{
		"nothing":               {nil, ""},
		"no connection":         {refusedConnection(1), kubebindv1alpha2.ReasonProviderUnreachable},
		"wrapped":               {fmt.Errorf("reading: %w", refusedConnection(1)), kubebindv1alpha2.ReasonProviderUnreachable},
		"no answer":             {context.DeadlineExceeded, kubebindv1alpha2.ReasonProviderUnreachable},
		"server is going":       {apierrors.NewServiceUnavailable("bye"), kubebindv1alpha2.ReasonProviderUnreachable},
		"token revoked":         {apierrors.NewUnauthorized("no"), kubebindv1alpha2.ReasonUnauthorized},
		"not allowed":           {apierrors.NewForbidden(schema.GroupResource{}, "x", nil), ""},
		"object invalid":        {apierrors.NewBadRequest("no"), ""},
		"we are ending":         {context.Canceled, ""},
		"a watch that has aged": {apierrors.NewResourceExpired("old"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.away(tc.err)
			if tc.reason == "" && got != nil || tc.reason != "" && (got == nil || got.Reason != tc.reason || got.Message == "") {
				t.Errorf("got %+v, want %q", got, tc.reason)
			}
		})
	}
}

// A condition's text must not change from one try to the next, or each try is a write.
func TestRootCauseIsStable(t *testing.T) {
	if a, b := rootCause(refusedConnection(1001)), rootCause(refusedConnection(1002)); a != b || a != syscall.ECONNREFUSED.Error() {
		t.Errorf("got %q and %q", a, b)
	}
	if got := rootCause(fmt.Errorf("reading: %w", context.DeadlineExceeded)); got != "no answer in time" {
		t.Errorf("got %q", got)
	}
	if got := rootCause(fmt.Errorf("reading: %w", apierrors.NewUnauthorized("no"))); got != "reading: no" {
		t.Errorf("got %q", got)
	}
}
