// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// observer sees every request of a session, and tells of those that say that the provider is away or does not accept the
// credential. Clients and informers keep that to themselves: a reflector, for one, goes on trying without a word while
// connections are refused.
type observer struct {
	http.RoundTripper
	saw func(error)
	// hold, if there is one, makes a read wait. It fails when the request's context ends.
	hold func(context.Context) error
}

// RoundTrip passes a request on.
func (o *observer) RoundTrip(req *http.Request) (*http.Response, error) {
	if o.hold != nil && req.Method == http.MethodGet {
		if err := o.hold(req.Context()); err != nil {
			return nil, err
		}
	}
	resp, err := o.RoundTripper.RoundTrip(req)
	switch {
	case err != nil:
		o.saw(err)
	case resp.StatusCode == http.StatusUnauthorized:
		o.saw(apierrors.NewUnauthorized("the server does not accept the credential"))
	}
	return resp, err
}

// WrappedRoundTripper lets client-go find the transport below.
func (o *observer) WrappedRoundTripper() http.RoundTripper { return o.RoundTripper }
