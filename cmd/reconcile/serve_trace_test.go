package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"tenantry/internal/pgtest"
)

func TestTracesGoWhereTheEnvironmentSays(t *testing.T) {
	t.Parallel()
	got := &lockedBuffer{}
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(got, r.URL.Path+"\n")
		io.Copy(got, r.Body)
	}))
	defer collector.Close()
	dir := t.TempDir()
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	s, cmd := process(t, dir, pgtest.URL(t), "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_BSP_SCHEDULE_DELAY=100")
	s.get(201, "PUT", "/api/v1/tenants/initech?wait=true", "", "traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	s.until("the spans arrive", func() bool {
		text := []byte(got.String())
		for _, want := range []string{"/v1/traces", "putTenant", "turn", "plan", "run", "target", "tenant_initech", "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"} {
			if !bytes.Contains(text, []byte(want)) {
				return false
			}
		}
		return true
	})
	cmd.Process.Kill()
}
