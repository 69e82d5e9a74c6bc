// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// flushTimeout is how long the last spans may take to be sent when a program ends.
const flushTimeout = 5 * time.Second

// TracingOptions say where traces go.
type TracingOptions struct {
	// Endpoint is the URL of an OTLP receiver (HTTP). Default: what the environment variables of OpenTelemetry say.
	Endpoint string
	// Service and Version are the program's.
	Service, Version string
	// Logger is told when spans cannot be sent.
	Logger logr.Logger
}

// Tracing makes spans and sends them away while it runs. What is in them: method, route or path, status and host. Never what comes
// behind a question mark, headers or bodies, which hold tokens and what belongs to users.
type Tracing struct {
	opts     TracingOptions
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// NewTracing makes a Tracing that sends nothing yet.
func NewTracing(o TracingOptions) *Tracing {
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", o.Service), attribute.String("service.version", o.Version))))
	return &Tracing{opts: o, provider: provider, tracer: provider.Tracer("kube-bind.io/kube-bind")}
}

// Tracer makes spans.
func (t *Tracing) Tracer() trace.Tracer { return t.tracer }

// Start has spans sent from now on. What it returns sends the last of them, and ends it.
func (t *Tracing) Start(ctx context.Context) (stop func(), err error) {
	var opts []otlptracehttp.Option
	if t.opts.Endpoint != "" {
		opts = append(opts, otlptracehttp.WithEndpointURL(t.opts.Endpoint))
	}
	exporter, err := otlptrace.New(ctx, otlptracehttp.NewClient(opts...))
	if err != nil {
		return nil, fmt.Errorf("preparing to send traces: %w", err)
	}
	t.provider.RegisterSpanProcessor(sdktrace.NewBatchSpanProcessor(&exporting{SpanExporter: exporter, log: t.opts.Logger}))
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := t.provider.Shutdown(ctx); err != nil {
			t.opts.Logger.Info("the last traces could not be sent", "error", err.Error())
		}
	}, nil
}

// exporting tells the log of errors that would go to the standard logger of the process otherwise.
type exporting struct {
	sdktrace.SpanExporter
	log logr.Logger
}

// ExportSpans implements sdktrace.SpanExporter.
func (e *exporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil && !errors.Is(err, context.Canceled) {
		e.log.Info("traces could not be sent", "spans", len(spans), "error", err.Error())
	}
	return nil
}

// Transport makes spans of requests that are made for something that is traced, and passes the trace on in a header: API servers
// can trace as well. What controllers and caches ask for is not traced.
func (t *Tracing) Transport(next http.RoundTripper) http.RoundTripper {
	return &tracingTransport{RoundTripper: next, tracer: t.tracer}
}

type tracingTransport struct {
	http.RoundTripper
	tracer trace.Tracer
}

// RoundTrip implements http.RoundTripper.
func (t *tracingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanContextFromContext(r.Context()).IsValid() {
		return t.RoundTripper.RoundTrip(r)
	}
	ctx, span := t.tracer.Start(r.Context(), r.Method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Host), attribute.String("url.path", r.URL.Path)))
	defer span.End()
	r = r.Clone(ctx)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		// The words of an error may have the whole URL in them.
		span.SetStatus(codes.Error, "no answer")
		return response, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
	if response.StatusCode >= http.StatusBadRequest {
		span.SetStatus(codes.Error, "")
	}
	return response, nil
}

// WrappedRoundTripper lets client-go find the transport below.
func (t *tracingTransport) WrappedRoundTripper() http.RoundTripper { return t.RoundTripper }
