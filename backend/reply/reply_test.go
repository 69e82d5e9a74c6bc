// SPDX-License-Identifier: Apache-2.0

package reply_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/reply"
)

// record answers a request.
func record(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	w.Header().Set(reply.RequestID, "r1")
	answer(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/x", nil))
	return w
}

func TestError(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	known := func(code string) error { return &kubebindv1alpha2.Error{Code: code, Message: "for people"} }
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
		// says is in the message or the details. What is in an error and not meant for clients is "inside".
		says string
	}{
		"nobody":            {known(kubebindv1alpha2.ErrorCodeAuthenticationFailed), 401, kubebindv1alpha2.ErrorCodeAuthenticationFailed, "for people"},
		"not allowed":       {known(kubebindv1alpha2.ErrorCodeAuthorizationFailed), 403, kubebindv1alpha2.ErrorCodeAuthorizationFailed, "for people"},
		"not there":         {known(kubebindv1alpha2.ErrorCodeResourceNotFound), 404, kubebindv1alpha2.ErrorCodeResourceNotFound, "for people"},
		"bad":               {known(kubebindv1alpha2.ErrorCodeBadRequest), 400, kubebindv1alpha2.ErrorCodeBadRequest, "for people"},
		"away":              {known(kubebindv1alpha2.ErrorCodeClusterConnectionFailed), 503, kubebindv1alpha2.ErrorCodeClusterConnectionFailed, "for people"},
		"internal":          {known(kubebindv1alpha2.ErrorCodeInternal), 500, kubebindv1alpha2.ErrorCodeInternal, "r1"},
		"some new code":     {known("SOME_NEW_CODE"), 500, "SOME_NEW_CODE", "for people"},
		"wrapped":           {fmt.Errorf("inside: %w", known(kubebindv1alpha2.ErrorCodeBadRequest)), 400, kubebindv1alpha2.ErrorCodeBadRequest, "for people"},
		"too long":          {fmt.Errorf("inside: %w", &http.MaxBytesError{Limit: 1}), 413, kubebindv1alpha2.ErrorCodeBadRequest, "too large"},
		"not found":         {fmt.Errorf("x: %w", apierrors.NewNotFound(secrets, "x")), 404, kubebindv1alpha2.ErrorCodeResourceNotFound, "not found"},
		"unavailable":       {apierrors.NewServiceUnavailable("inside"), 503, kubebindv1alpha2.ErrorCodeClusterConnectionFailed, "try again"},
		"timeout":           {apierrors.NewTimeoutError("inside", 1), 503, kubebindv1alpha2.ErrorCodeClusterConnectionFailed, "try again"},
		"too many requests": {apierrors.NewTooManyRequests("inside", 1), 503, kubebindv1alpha2.ErrorCodeClusterConnectionFailed, "try again"},
		"deadline":          {fmt.Errorf("inside: %w", context.DeadlineExceeded), 503, kubebindv1alpha2.ErrorCodeClusterConnectionFailed, "try again"},
		"the client left":   {fmt.Errorf("inside: %w", context.Canceled), 503, kubebindv1alpha2.ErrorCodeClusterConnectionFailed, "try again"},
		"our own rights":    {apierrors.NewForbidden(secrets, "x", errors.New("inside")), 500, kubebindv1alpha2.ErrorCodeInternal, "r1"},
		"conflict":          {apierrors.NewConflict(secrets, "x", errors.New("inside")), 500, kubebindv1alpha2.ErrorCodeInternal, "r1"},
		"anything":          {errors.New("inside"), 500, kubebindv1alpha2.ErrorCodeInternal, "r1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := record(t, func(w http.ResponseWriter, r *http.Request) { reply.Error(w, r, tc.err) })
			var got kubebindv1alpha2.Error
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatalf("%v: %s", err, w.Body)
			}
			if w.Code != tc.status || got.Code != tc.code || w.Header().Get("Content-Type") != "application/json" ||
				got.Kind != kubebindv1alpha2.ErrorKind || got.APIVersion != "kube-bind.io/v1alpha2" {
				t.Errorf("got %d, %s", w.Code, w.Body)
			}
			if !strings.Contains(got.Error(), tc.says) || strings.Contains(w.Body.String(), "inside") {
				t.Errorf("it says %q", got.Error())
			}
		})
	}
}

// An error that is answered is not changed: it may be answered again, to somebody else.
func TestErrorStays(t *testing.T) {
	err := &kubebindv1alpha2.Error{Code: kubebindv1alpha2.ErrorCodeInternal, Message: "m"}
	record(t, func(w http.ResponseWriter, r *http.Request) { reply.Error(w, r, err) })
	if err.Details != "" || err.Kind != "" {
		t.Errorf("it is %+v now", err)
	}
}

func TestJSON(t *testing.T) {
	w := record(t, func(w http.ResponseWriter, r *http.Request) { reply.JSON(w, r, map[string]string{"a": "</script>"}) })
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" || w.Body.String() != `{"a":"\u003c/script\u003e"}`+"\n" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	w = record(t, func(w http.ResponseWriter, r *http.Request) { reply.JSON(w, r, func() {}) })
	if w.Code != http.StatusInternalServerError || w.Body.Len() > 0 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestText(t *testing.T) {
	w := record(t, func(w http.ResponseWriter, r *http.Request) { reply.Text(w, r, "<b>") })
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" || w.Body.String() != "<b>" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestDecode(t *testing.T) {
	for name, tc := range map[string]struct {
		kind, body string
		code       string
	}{
		"good":                     {"application/json", `{"a":1}`, ""},
		"with a charset":           {"application/json; charset=utf-8", `{"a":1}`, ""},
		"in capitals":              {"Application/JSON", `{"a":1}`, ""},
		"as much as there may be":  {"application/json", `{"a":1` + strings.Repeat(" ", reply.MaxBody-7) + `}`, ""},
		"other fields":             {"application/json", `{"a":1,"b":{"c":[]}}`, ""},
		"a form":                   {"application/x-www-form-urlencoded", `{"a":1}`, kubebindv1alpha2.ErrorCodeBadRequest},
		"plain text":               {"text/plain", `{"a":1}`, kubebindv1alpha2.ErrorCodeBadRequest},
		"text and JSON":            {"text/plain; application/json", `{"a":1}`, kubebindv1alpha2.ErrorCodeBadRequest},
		"several":                  {"text/plain, application/json", `{"a":1}`, kubebindv1alpha2.ErrorCodeBadRequest},
		"something like it":        {"application/jsonp", `{"a":1}`, kubebindv1alpha2.ErrorCodeBadRequest},
		"no kind":                  {"", `{"a":1}`, kubebindv1alpha2.ErrorCodeBadRequest},
		"empty":                    {"application/json", ``, kubebindv1alpha2.ErrorCodeBadRequest},
		"no JSON":                  {"application/json", `a=1`, kubebindv1alpha2.ErrorCodeBadRequest},
		"half":                     {"application/json", `{"a":`, kubebindv1alpha2.ErrorCodeBadRequest},
		"more than one":            {"application/json", `{"a":1}{"a":2}`, kubebindv1alpha2.ErrorCodeBadRequest},
		"something else":           {"application/json", `{"a":"x"}`, kubebindv1alpha2.ErrorCodeBadRequest},
		"a list":                   {"application/json", `[1]`, kubebindv1alpha2.ErrorCodeBadRequest},
		"deep":                     {"application/json", strings.Repeat("[", 100_000), kubebindv1alpha2.ErrorCodeBadRequest},
		"more than there may be":   {"application/json", `{"a":1` + strings.Repeat(" ", reply.MaxBody-6) + `}`, "too large"},
		"much more than there may": {"application/json", `"` + strings.Repeat("x", 3*reply.MaxBody), "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(tc.body))
			r.Header.Set("Content-Type", tc.kind)
			var into struct {
				A int `json:"a"`
			}
			err := reply.Decode(r, &into)
			known, _ := errors.AsType[*kubebindv1alpha2.Error](err)
			_, tooLong := errors.AsType[*http.MaxBytesError](err)
			switch {
			case tc.code == "" && (err != nil || into.A != 1):
				t.Errorf("got %v, %v", into, err)
			case tc.code == "too large" && !tooLong:
				t.Errorf("got %v", err)
			case tc.code == kubebindv1alpha2.ErrorCodeBadRequest && (known == nil || known.Code != tc.code):
				t.Errorf("got %v", err)
			}
		})
	}
}

// A client that breaks off is no failure of the provider.
func TestDecodeOfACutRequest(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", io.MultiReader(strings.NewReader(`{"a":`), iotest.ErrReader(io.ErrUnexpectedEOF)))
	r.Header.Set("Content-Type", "application/json")
	known, _ := errors.AsType[*kubebindv1alpha2.Error](reply.Decode(r, &struct{}{}))
	if known == nil || known.Code != kubebindv1alpha2.ErrorCodeBadRequest {
		t.Errorf("got %v", known)
	}
}
