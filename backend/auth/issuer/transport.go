// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Transport answers requests to the issuer within the process: the issuer's URL is that which browsers see, and need not lead
// anywhere from here. Requests to others fail.
func Transport(i *Issuer) http.RoundTripper { return transport{issuer: i} }

type transport struct{ issuer *Issuer }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.String(), t.issuer.opts.URL+"/") {
		return nil, errors.New("this is no request to the embedded OpenID provider")
	}
	inner := r.Clone(r.Context())
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	inner.RequestURI, inner.Host = r.URL.RequestURI(), r.URL.Host
	answer := &answer{header: http.Header{}, status: http.StatusOK}
	t.issuer.ServeHTTP(answer, inner)
	return &http.Response{
		Status: http.StatusText(answer.status), StatusCode: answer.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.header, Body: io.NopCloser(&answer.body), ContentLength: int64(answer.body.Len()), Request: r,
	}, errors.Join(inner.Body.Close())
}

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if !a.wrote {
		a.status, a.wrote = status, true
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.wrote = true
	return a.body.Write(p)
}
