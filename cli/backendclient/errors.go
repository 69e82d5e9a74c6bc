// SPDX-License-Identifier: Apache-2.0

package backendclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/printable"
)

// UnreachableError says that nobody answered: the server is away, too slow, or not to be trusted.
type UnreachableError struct {
	// Server is its URL.
	Server string
	// Err says what happened.
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the server %s cannot be reached: %v", e.Server, e.Err)
}

// Unwrap returns what happened.
func (e *UnreachableError) Unwrap() error { return e.Err }

// AnswerError says that something answered that is no kube-bind server, or that stands before one.
type AnswerError struct {
	// Server is its URL.
	Server string
	// Status is the HTTP status.
	Status int
	// Location is where a redirect leads, else "".
	Location string
}

func (e *AnswerError) Error() string {
	if e.Location != "" {
		return fmt.Sprintf("%s does not answer as a kube-bind server: it sends to %s", e.Server, e.Location)
	}
	return fmt.Sprintf("%s does not answer as a kube-bind server: %d %s", e.Server, e.Status, http.StatusText(e.Status))
}

// RefusedError is the server's no.
type RefusedError struct {
	// Server is its URL, and Cluster the logical cluster that was asked about.
	Server string
	// Cluster is described at Server.
	Cluster string
	// Err is what the server says.
	Err *kubebindv1alpha2.Error
}

func (e *RefusedError) Error() string { return "the server says: " + printable.Line(e.Err.Error()) }

// Unwrap returns what the server says.
func (e *RefusedError) Unwrap() error { return e.Err }

// refusal returns the Error that the server answered with, or what kind of answer that was.
func (c *Client) refusal(response *http.Response, raw []byte) error {
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	known := &kubebindv1alpha2.Error{}
	if err == nil && kind == "application/json" && json.Unmarshal(raw, known) == nil && known.Code != "" {
		return &RefusedError{Server: c.base.String(), Cluster: c.opts.Cluster, Err: known}
	}
	return c.foreign(response)
}

func (c *Client) foreign(response *http.Response) error {
	return &AnswerError{Server: c.base.String(), Status: response.StatusCode, Location: response.Header.Get("Location")}
}

// withoutURL takes the URL away that net/http puts before its errors: it says nothing new, and is long.
func withoutURL(err error) error {
	if long, ok := errors.AsType[*url.Error](err); ok {
		if long.Timeout() {
			return fmt.Errorf("it does not answer in time: %w", long.Err)
		}
		return long.Err
	}
	return err
}
