// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"kube-bind.io/kube-bind/backend"
)

// receiver takes traces by OTLP.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	raw   []byte
	spans []*tracepb.Span
	errs  []error
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		raw, err := io.ReadAll(request.Body)
		message := &coltracepb.ExportTraceServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(raw, message)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			r.errs = append(r.errs, err)
		}
		r.raw = append(r.raw, raw...)
		for _, of := range message.ResourceSpans {
			for _, scope := range of.ScopeSpans {
				r.spans = append(r.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// A request at the front door is one trace: its span, and below it those of the API calls that were made for it. No token is in it,
// and what the client says of a trace is not taken over.
func TestTraces(t *testing.T) {
	r := newReceiver(t)
	d := openDoor(t, func(o *backend.Options) { o.OTLPEndpoint = r.URL })
	alice := d.signIn("alice")
	// Whoever is in no flag needs RBAC, which only the API server knows: that is an API call.
	newTemplate(t, "", nil, newAPI(t, "spurs", apiextensionsv1.NamespaceScoped))
	alice.do(http.MethodGet, "/api/templates?cluster_id=", nil, http.StatusOK, nil)
	d.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.errs) > 0 {
		t.Fatal(r.errs)
	}
	var front *tracepb.Span
	for _, span := range r.spans {
		if span.Name == "GET /api/templates" {
			front = span
		}
	}
	if front == nil || len(front.ParentSpanId) > 0 || front.Kind != tracepb.Span_SPAN_KIND_SERVER {
		t.Fatalf("there is no span of the request, or it is not the first: %v in %v", front, r.spans)
	}
	calls := 0
	for _, span := range r.spans {
		for _, a := range span.Attributes {
			if strings.Contains(a.Value.GetStringValue(), "?") {
				t.Errorf("a query is in the traces: %v", a)
			}
		}
		if bytes.Equal(span.ParentSpanId, front.SpanId) && bytes.Equal(span.TraceId, front.TraceId) && span.Kind == tracepb.Span_SPAN_KIND_CLIENT {
			calls++
		}
	}
	if calls == 0 {
		t.Errorf("no API call is below the request: %v", r.spans)
	}
	for _, secret := range []string{alice.token, "Bearer", "eyJ", "cluster_id", "code_verifier", "access_token"} {
		if bytes.Contains(r.raw, []byte(secret)) {
			t.Errorf("%q is in the traces", strings.SplitAfter(secret, ".")[0])
		}
	}
}

// Without the flag nothing is sent, unless the environment names a receiver.
func TestNoTraces(t *testing.T) {
	r := newReceiver(t)
	for name, endpoint := range map[string]string{"off": "", "environment": r.URL} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
			d := openDoor(t)
			person{door: d}.do(http.MethodGet, "/api/templates", nil, http.StatusUnauthorized, nil)
			d.stop()
			r.mu.Lock()
			defer r.mu.Unlock()
			if sent := len(r.spans) > 0; sent != (endpoint != "") {
				t.Errorf("spans are sent: %v", sent)
			}
			r.spans = nil
		})
	}
}
