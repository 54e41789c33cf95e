package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestMetricsSayHowTheFleetIs(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil, "--tokens", tokensFile(t), "--metrics-listen", "127.0.0.1:0", "--metrics-per-tenant")
	s.token = operatorsToken
	runs := func(done string) func() bool {
		return func() bool {
			_, _, text := s.ask("GET", "/metrics", "")
			return strings.Contains(string(text), "\ntenantry_runs_total{outcome=\"done\"} "+done+"\n")
		}
	}
	s.until("the first run has ended", runs("1"))
	s.get(201, "PUT", "/api/v1/tenants/initech?wait=true", "")
	s.sql("ALTER TABLE tenant_acme.users DROP COLUMN email")
	s.get(404, "GET", "/api/v1/tenants/nobody", "")
	s.until("the second run has ended", runs("2")) // a tenant may be ready before
	_, _, main := s.ask("GET", "/metrics", "")
	s.token = ""
	if status, _, _ := s.ask("GET", "/metrics", ""); status != 401 {
		t.Errorf("without a token, where one is needed: %d", status)
	}
	own := regexp.MustCompile(`metrics on (http://\S+)`).FindStringSubmatch(s.log.String())
	resp, err := http.Get(own[1])
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	alone, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(main), string(alone)} {
		for _, want := range []string{
			`tenantry_tenants{state="in_sync"} 3`, `tenantry_tenants{state="failing"} 0`, `tenantry_runs_total{outcome="done"} 2`, `tenantry_targets_total{outcome="applied"} 3`,
			`tenantry_target_duration_seconds_count 3`, `tenantry_run_duration_seconds_count 2`, `tenantry_retries_total{cause="lock"} 0`,
			`tenantry_tenant_state{database="main",state="in_sync",tenant="acme"} 1`, `tenantry_loop_trouble 0`, `tenantry_loop_leading 1`, `tenantry_loop_paused 0`,
			`tenantry_last_success_timestamp_seconds `, `tenantry_last_look_timestamp_seconds `, `tenantry_http_requests_total{operation="putTenant",status="201"} 1`,
			`tenantry_http_requests_total{operation="getTenant",status="404"} 1`, `tenantry_build_info{version=`,
		} {
			if !strings.Contains(text, "\n"+want) {
				t.Errorf("the metrics lack %s:\n%s", want, text)
			}
		}
	}
}
