// Package tracing sends traces by OpenTelemetry's protocol, where its standard
// environment variables name somebody who takes them; else nothing is traced,
// and nothing is sent anywhere. What a trace has in it, those who do the work say.
package tracing

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// Wanted reports whether the environment asks for traces: by an endpoint, unless
// OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER say otherwise.
func Wanted(getenv func(string) string) bool {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if exporter := getenv("OTEL_TRACES_EXPORTER"); exporter != "" && exporter != "otlp" {
		return false
	}
	return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Start sends traces from now on, where they are wanted. stop sends what is left.
func Start(ctx context.Context, version string) (stop func(context.Context) error, err error) {
	if !Wanted(os.Getenv) {
		return func(context.Context) error { return nil }, nil
	}
	exporter, err := otlptracehttp.New(ctx) // it reads the endpoint, headers and the rest from the environment
	if err != nil {
		return nil, fmt.Errorf("traces cannot be sent as the environment says: %w", err)
	}
	own, err := resource.Merge(resource.NewSchemaless(attribute.String("service.name", "reconcile"), attribute.String("service.version", version)), resource.Environment())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(own))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return provider.Shutdown, nil
}
