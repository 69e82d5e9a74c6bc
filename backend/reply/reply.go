// SPDX-License-Identifier: Apache-2.0

package reply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// MaxBody is how long the body of a request may be, in bytes.
const MaxBody = 1 << 20

// JSON answers with a value.
func JSON(w http.ResponseWriter, r *http.Request, value any) { write(w, r, http.StatusOK, value) }

// Text answers with a line for people.
func Text(w http.ResponseWriter, r *http.Request, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := io.WriteString(w, text); err != nil {
		ctrl.LoggerFrom(r.Context()).V(2).Info("the client has gone", "error", err.Error())
	}
}

func write(w http.ResponseWriter, r *http.Request, status int, value any) {
	raw, err := json.Marshal(value)
	if err != nil {
		ctrl.LoggerFrom(r.Context()).Error(err, "encoding an answer")
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(append(raw, '\n')); err != nil {
		ctrl.LoggerFrom(r.Context()).V(2).Info("the client has gone", "error", err.Error())
	}
}

// Error answers with what an error means to the client.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	status, answer := Explain(w, r, err)
	ErrorWith(w, r, status, answer)
}

// Explain returns the status of an error, and what the client is told. What only the provider should know is logged, and the
// client is told the request's id.
func Explain(w http.ResponseWriter, r *http.Request, err error) (int, *kubebindv1alpha2.Error) {
	status, answer := judge(err)
	if status == http.StatusInternalServerError {
		ctrl.LoggerFrom(r.Context()).Error(err, "a request failed", "path", r.URL.Path)
		answer.Details = "The provider's log has more about the request " + w.Header().Get(RequestID) + "."
	}
	return status, answer
}

// ErrorWith answers with an error and a status that does not follow from its code.
func ErrorWith(w http.ResponseWriter, r *http.Request, status int, answer *kubebindv1alpha2.Error) {
	answer.TypeMeta = metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: kubebindv1alpha2.ErrorKind}
	write(w, r, status, answer)
}

// RequestID is the header that names a request, in the answer and in logs.
const RequestID = "X-Request-Id"

// judge returns the HTTP status of an error, and what the client is told.
func judge(err error) (int, *kubebindv1alpha2.Error) {
	var known *kubebindv1alpha2.Error
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		out := *known
		return statusOf(known.Code), &out
	case errors.As(err, &tooLong):
		return http.StatusRequestEntityTooLarge, of(kubebindv1alpha2.ErrorCodeBadRequest, "Request body too large")
	case apierrors.IsNotFound(err):
		return http.StatusNotFound, of(kubebindv1alpha2.ErrorCodeResourceNotFound, err.Error())
	case apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), apierrors.IsTooManyRequests(err),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled): // which is a client that has gone
		return http.StatusServiceUnavailable, of(kubebindv1alpha2.ErrorCodeClusterConnectionFailed, "The provider's cluster does not answer in time; try again.")
	}
	return http.StatusInternalServerError, of(kubebindv1alpha2.ErrorCodeInternal, "The provider could not do this.")
}

func of(code, message string) *kubebindv1alpha2.Error {
	return &kubebindv1alpha2.Error{Code: code, Message: message}
}

func statusOf(code string) int {
	switch code {
	case kubebindv1alpha2.ErrorCodeAuthenticationFailed:
		return http.StatusUnauthorized
	case kubebindv1alpha2.ErrorCodeAuthorizationFailed:
		return http.StatusForbidden
	case kubebindv1alpha2.ErrorCodeResourceNotFound:
		return http.StatusNotFound
	case kubebindv1alpha2.ErrorCodeBadRequest:
		return http.StatusBadRequest
	case kubebindv1alpha2.ErrorCodeClusterConnectionFailed:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Decode reads a JSON body of a request. Other kinds of bodies are refused: pages of other origins can send those without
// being asked. The error is the client's.
func Decode(r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return of(kubebindv1alpha2.ErrorCodeBadRequest, "the request must have the Content-Type application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, MaxBody))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return of(kubebindv1alpha2.ErrorCodeBadRequest, "the request ends before its end")
	}
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return of(kubebindv1alpha2.ErrorCodeBadRequest, "the request is not the JSON that is expected: "+err.Error())
	}
	return nil
}
