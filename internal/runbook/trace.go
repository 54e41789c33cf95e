package runbook

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced begins the span of a request, as a part of the trace that it names.
// Where nothing is traced, that is nothing.
func traced(r *http.Request) (context.Context, trace.Span) {
	ctx := otel.GetTextMapPropagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	return otel.Tracer("tenantry/internal/runbook").Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", r.Method), attribute.String("url.path", r.URL.Path)))
}

// endSpan ends it with what has come of the request.
func endSpan(span trace.Span, entry *logEntry, status int) {
	if entry.operation != "" {
		span.SetName(entry.operation)
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status), attribute.String("enduser.id", entry.caller), attribute.String("tenantry.request", entry.id))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(status))
	}
	span.End()
}
