package runbook

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tenantry/internal/loop"
	"tenantry/reconcile"
)

// Metrics are what Prometheus reads. What is a state comes from the loop's last
// observation when it is read; what happens is counted as it happens.
type Metrics struct {
	registry *prometheus.Registry

	runs     *prometheus.CounterVec
	run      prometheus.Histogram
	targets  *prometheus.CounterVec
	target   prometheus.Histogram
	retries  *prometheus.CounterVec
	requests *prometheus.CounterVec
	request  *prometheus.HistogramVec
}

// The buckets of durations, in seconds.
var (
	fastBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	slowBuckets = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}
)

// NewMetrics returns metrics of nothing yet. Observe says what of.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		runs:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tenantry_runs_total", Help: "Runs that ended, by outcome: done, or failed where a target failed."}, []string{"outcome"}),
		run:      prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tenantry_run_duration_seconds", Help: "How long runs took that changed something, or tried to.", Buckets: slowBuckets}),
		targets:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tenantry_targets_total", Help: "Schemas that runs were done with, by outcome."}, []string{"outcome"}),
		target:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tenantry_target_duration_seconds", Help: "How long it took to bring one schema to its definition, waiting for locks included.", Buckets: fastBuckets}),
		retries:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tenantry_retries_total", Help: "Attempts on a schema that were made again, by cause: lock, busy (another run was at work on it) or other."}, []string{"cause"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tenantry_http_requests_total", Help: "Requests that were answered, by operation and status."}, []string{"operation", "status"}),
		request: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tenantry_http_request_duration_seconds", Help: "How long requests took, waiting for tenants included.", Buckets: fastBuckets},
			[]string{"operation"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tenantry_build_info", Help: "1, with the version.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	for _, outcome := range []string{"done", "failed"} {
		m.runs.WithLabelValues(outcome) // they are there before they happen, so that rates are right from the first one
	}
	for _, outcome := range []reconcile.Result{reconcile.ResultApplied, reconcile.ResultFailed, reconcile.ResultBlocked} {
		m.targets.WithLabelValues(string(outcome))
	}
	for _, cause := range []string{"lock", "busy", "other"} {
		m.retries.WithLabelValues(cause)
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build,
		m.runs, m.run, m.targets, m.target, m.retries, m.requests, m.request)
	return m
}

// Observe adds what a loop sees; with perTenant, the state of each tenant.
func (m *Metrics) Observe(fleet Fleet, perTenant bool) {
	m.registry.MustRegister(&observed{fleet: fleet, perTenant: perTenant})
}

// Event counts what a loop tells of.
func (m *Metrics) Event(e loop.Event) {
	switch data := e.Data.(type) {
	case loop.Progress:
		if data.Phase != "finished" {
			return
		}
		outcome := "done"
		if data.Failed > 0 || data.Error != "" {
			outcome = "failed"
		}
		m.runs.WithLabelValues(outcome).Inc()
		m.run.Observe(e.At.Sub(data.Started).Seconds())
	case loop.TargetDone:
		m.targets.WithLabelValues(data.Outcome).Inc()
		m.target.Observe(float64(data.Duration) / 1000)
	case loop.Retry:
		m.retries.WithLabelValues(data.Cause).Inc()
	}
}

// Handler answers with the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// answered counts a request that was answered.
func (m *Metrics) answered(operation string, status int, took time.Duration) {
	if m == nil {
		return
	}
	if operation == "" {
		operation = "none"
	}
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	m.request.WithLabelValues(operation).Observe(took.Seconds())
}

// observed reads the loop's last observation.
type observed struct {
	fleet     Fleet
	perTenant bool
}

var (
	tenantsDesc  = prometheus.NewDesc("tenantry_tenants", "Tenants by state.", []string{"state"}, nil)
	sharedDesc   = prometheus.NewDesc("tenantry_shared_services", "Shared services by state.", []string{"state"}, nil)
	blockedDesc  = prometheus.NewDesc("tenantry_schemas_blocked", "Schemas that should change and may not.", nil, nil)
	tenantDesc   = prometheus.NewDesc("tenantry_tenant_state", "1 for the state that a tenant is in.", []string{"tenant", "database", "state"}, nil)
	lookedDesc   = prometheus.NewDesc("tenantry_last_look_timestamp_seconds", "When the whole fleet was last looked at.", nil, nil)
	successDesc  = prometheus.NewDesc("tenantry_last_success_timestamp_seconds", "When the whole fleet was last found, or brought, to be as it should.", nil, nil)
	troubleDesc  = prometheus.NewDesc("tenantry_loop_trouble", "1 while something keeps the loop from its work: files that are wrong, a database that is away.", nil, nil)
	refusedDesc  = prometheus.NewDesc("tenantry_loop_refused", "1 while the policy refuses what the files ask for.", nil, nil)
	leadingDesc  = prometheus.NewDesc("tenantry_loop_leading", "1 where this replica is the one that brings about changes.", nil, nil)
	pausedDesc   = prometheus.NewDesc("tenantry_loop_paused", "1 while the loop is paused.", nil, nil)
	problemsDesc = prometheus.NewDesc("tenantry_source_problems", "Rows of sources that cannot be tenants.", nil, nil)
)

// Describe implements prometheus.Collector.
func (o *observed) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{tenantsDesc, sharedDesc, blockedDesc, tenantDesc, lookedDesc, successDesc, troubleDesc, refusedDesc, leadingDesc, pausedDesc, problemsDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (o *observed) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	yes := func(d *prometheus.Desc, is bool) {
		v := 0.0
		if is {
			v = 1
		}
		gauge(d, v)
	}
	now := o.fleet.Observation()
	summary, shared := now.Summary(), make(map[reconcile.State]int)
	for _, t := range now.Shared {
		shared[t.State()]++
	}
	for _, s := range states {
		gauge(tenantsDesc, float64(summary[s]), string(s))
		gauge(sharedDesc, float64(shared[s]), string(s))
	}
	blocked := 0
	for _, t := range now.Tenants {
		for _, s := range t.Schemas {
			if s.Blocked != "" {
				blocked++
			}
			if o.perTenant {
				gauge(tenantDesc, 1, t.ID, s.Database, string(s.State))
			}
		}
	}
	gauge(blockedDesc, float64(blocked))
	if !now.Looked.IsZero() {
		gauge(lookedDesc, seconds1970(now.Looked))
	}
	if !now.Fine.IsZero() {
		gauge(successDesc, seconds1970(now.Fine))
	}
	yes(troubleDesc, now.Trouble != "")
	yes(refusedDesc, now.Refused != "")
	yes(leadingDesc, now.Leading)
	yes(pausedDesc, now.Pause != nil)
	if now.World != nil {
		gauge(problemsDesc, float64(len(now.World.Problems)))
	}
}

func seconds1970(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// metrics answers with the metrics to who may see them.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	if _, err := s.Admit(r, Viewer); err != nil {
		s.problem(w, r, err)
		return
	}
	s.Metrics.Handler().ServeHTTP(w, r)
}
