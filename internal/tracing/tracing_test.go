package tracing_test

import (
	"testing"

	"tenantry/internal/tracing"
)

func TestTracesAreSentWhereTheEnvironmentSaysSo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environment map[string]string
		want        bool
	}{
		{nil, false},
		{map[string]string{"OTEL_SERVICE_NAME": "x"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "otlp"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "TRUE"}, false},
	} {
		if got := tracing.Wanted(func(name string) string { return c.environment[name] }); got != c.want {
			t.Errorf("%v: %v", c.environment, got)
		}
	}
}
