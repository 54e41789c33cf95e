package loop

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tenantry/reconcile"
)

// tracer is nobody's where nothing is traced.
func tracer() trace.Tracer { return otel.Tracer("tenantry/internal/loop") }

// span traces a part of a turn. end ends it, and says what went wrong.
func (l *Loop) span(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, func(error)) {
	ctx, span := tracer().Start(ctx, name, trace.WithAttributes(attributes...))
	return ctx, func(err error) {
		if err != nil {
			err = errors.New(l.options.Redact(err.Error()))
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// traceTarget traces what a run has just done to one target.
func (l *Loop) traceTarget(ctx context.Context, e reconcile.Event) {
	now := l.options.Now()
	_, span := tracer().Start(ctx, "target", trace.WithTimestamp(now.Add(-e.Outcome.Duration)), trace.WithAttributes(
		attribute.String("tenantry.tenant", e.Target.Tenant), attribute.String("tenantry.database", e.Target.Database),
		attribute.String("tenantry.schema", e.Target.Schema), attribute.String("tenantry.action", string(e.Target.Action)),
		attribute.String("tenantry.outcome", string(e.Outcome.Result)),
	))
	if e.Outcome.Result == reconcile.ResultFailed {
		span.SetStatus(codes.Error, l.options.Redact(e.Outcome.Error))
	}
	span.End(trace.WithTimestamp(now))
}
