// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// answering answers requests, and keeps the last one.
type answering struct {
	status int
	err    error
	asked  *http.Request
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.asked = r; a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Body: http.NoBody}, nil
}

// A call that is made for something traced is a span below it, without anything secret, and the server is told. Others are none.
func TestTransport(t *testing.T) {
	for name, tc := range map[string]struct {
		server answering
		traced bool
		code   codes.Code
	}{
		"answered":   {answering{status: 200}, true, codes.Unset},
		"refused":    {answering{status: 403}, true, codes.Error},
		"no answer":  {answering{err: errors.New("Get https://api/x?token=secret: refused")}, true, codes.Error},
		"not traced": {answering{status: 200}, false, codes.Unset},
	} {
		t.Run(name, func(t *testing.T) {
			tracing, recorder := NewTracing(TracingOptions{}), tracetest.NewSpanRecorder()
			tracing.provider.RegisterSpanProcessor(recorder)
			ctx, end := t.Context(), func() {}
			if tc.traced {
				spanned, span := tracing.Tracer().Start(ctx, "parent")
				ctx, end = spanned, func() { span.End() }
			}
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api:6443/apis/x?token=secret", strings.NewReader("secret"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer secret")
			response, err := tracing.Transport(&tc.server).RoundTrip(r)
			if !errors.Is(err, tc.server.err) {
				t.Fatal(err)
			}
			if err == nil {
				response.Body.Close()
			}
			end()
			spans := recorder.Ended()
			if told := tc.server.asked.Header.Get("traceparent") != ""; told != tc.traced || r.Header.Get("traceparent") != "" {
				t.Errorf("the server is told: %v", told)
			}
			if !tc.traced {
				if len(spans) != 0 {
					t.Errorf("there are spans: %v", spans)
				}
				return
			}
			if len(spans) != 2 || spans[0].Parent().SpanID() != spans[1].SpanContext().SpanID() || spans[0].Status().Code != tc.code {
				t.Fatalf("got %v", spans)
			}
			if text := tracetest.SpanStubsFromReadOnlySpans(spans); strings.Contains(dump(text), "secret") {
				t.Errorf("a secret is in %s", dump(text))
			}
		})
	}
}

func dump(stubs tracetest.SpanStubs) string {
	var out strings.Builder
	for _, s := range stubs {
		out.WriteString(s.Name + " " + s.Status.Description)
		for _, a := range s.Attributes {
			out.WriteString(" " + string(a.Key) + "=" + a.Value.String())
		}
	}
	return out.String()
}

type failing struct{ sdktrace.SpanExporter }

func (failing) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return errors.New("away") }

// A receiver that is away is a line in the program's own log.
func TestReceiverIsAway(t *testing.T) {
	var logged []string
	log := funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{})
	if err := (&exporting{failing{}, log}).ExportSpans(t.Context(), nil); err != nil || len(logged) != 1 || !strings.Contains(logged[0], "away") {
		t.Errorf("%v, logged %q", err, logged)
	}
	if err := (&exporting{failing{}, logr.Discard()}).ExportSpans(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
