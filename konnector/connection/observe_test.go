// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

type answer struct {
	status int
	err    error
}

func (a answer) RoundTrip(*http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Body: http.NoBody}, nil
}

func request(ctx context.Context, t *testing.T, method string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "https://provider", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestObserverTellsOfWhatIsAway(t *testing.T) {
	down := errors.New("down")
	for name, tc := range map[string]struct {
		answer answer
		saw    func(error) bool
	}{
		"well":         {answer{status: http.StatusOK}, func(err error) bool { return err == nil }},
		"forbidden":    {answer{status: http.StatusForbidden}, func(err error) bool { return err == nil }},
		"unauthorized": {answer{status: http.StatusUnauthorized}, apierrors.IsUnauthorized},
		"no answer":    {answer{err: down}, func(err error) bool { return errors.Is(err, down) }},
	} {
		t.Run(name, func(t *testing.T) {
			var saw error
			o := &observer{RoundTripper: tc.answer, saw: func(err error) { saw = err }}
			resp, err := o.RoundTrip(request(t.Context(), t, http.MethodPatch))
			if err == nil {
				resp.Body.Close()
			}
			if !tc.saw(saw) || !errors.Is(err, tc.answer.err) {
				t.Errorf("it told %v and returned %v", saw, err)
			}
		})
	}
}

// Reads wait while the provider is away, and no longer; writes do not.
func TestReadsAreHeldWhileTheProviderIsAway(t *testing.T) {
	s := &Session{connection: &Connection{Options: &Options{Changed: func(string) {}}}, kick: make(chan struct{}, 1)}
	o := &observer{RoundTripper: answer{status: http.StatusOK}, saw: s.suspect, hold: s.hold}
	ask := func(ctx context.Context, method string) error {
		resp, err := o.RoundTrip(request(ctx, t, method))
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := ask(t.Context(), http.MethodGet); err != nil {
		t.Fatal(err)
	}
	s.suspect(context.DeadlineExceeded)
	if p := s.Health().Provider; p == nil || p.Reason != kubebindv1alpha2.ReasonProviderUnreachable {
		t.Fatalf("the provider is %+v", p)
	}
	if err := ask(t.Context(), http.MethodPatch); err != nil {
		t.Errorf("a write waited: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := ask(ended, http.MethodGet); !errors.Is(err, context.Canceled) {
		t.Errorf("a read was not held: %v", err)
	}
	held := make(chan error)
	go func() { held <- ask(t.Context(), http.MethodGet) }()
	s.update(func(h *Health) { h.Provider = nil })
	if err := <-held; err != nil {
		t.Error(err)
	}
}
