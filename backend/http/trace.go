// SPDX-License-Identifier: Apache-2.0

package http

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"kube-bind.io/kube-bind/backend/reply"
)

// traced makes a span of each request, if that is wanted. It is the first of its trace whatever the client says: strangers do not
// decide what is traced. Of the URL only the route is in it, not even the path.
func (d *Door) traced(next http.Handler) http.Handler {
	if d.opts.Tracer == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := methodOf(r)
		ctx, span := d.opts.Tracer.Start(r.Context(), method, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", method), attribute.String("kube-bind.request_id", w.Header().Get(reply.RequestID))))
		rec, inner := &recorder{ResponseWriter: w}, r.WithContext(ctx)
		defer func() {
			// Others look at the request that they have passed on.
			r.Pattern = inner.Pattern
			route := routeOf(inner)
			span.SetName(route)
			span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", rec.status))
			if rec.status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
			span.End()
		}()
		next.ServeHTTP(rec, inner)
	})
}
