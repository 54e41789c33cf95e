package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
)

// load is many clients who sign tenants up.
type load struct {
	t      *testing.T
	server atomic.Pointer[runbookServer]
	client *http.Client

	mu       sync.Mutex
	accepted map[string]bool // ids by whether they were ready when they were answered
	refused  map[string]bool // told to come back
	latency  []time.Duration // of those that were ready at once
}

// signUp asks for a tenant until there is an answer, for the server may be gone
// for a while.
func (l *load) signUp(id string) {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		r, err := http.NewRequest("PUT", l.server.Load().base+"/api/v1/tenants/"+id+"?wait=true", nil)
		if err != nil {
			l.t.Error(err)
			return
		}
		resp, err := l.client.Do(r)
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(resp.Body) // cut short, the status has been said all the same
		resp.Body.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		switch resp.StatusCode {
		case 200, 201:
			l.accepted[id] = true
			l.latency = append(l.latency, time.Since(began))
		case 202:
			l.accepted[id] = false
		case 429:
			if resp.Header.Get("Retry-After") == "" {
				l.t.Errorf("%s is refused and not told when to come back: %s", id, text)
			}
			l.refused[id] = true
		case 503:
			l.mu.Unlock()
			time.Sleep(50 * time.Millisecond)
			l.mu.Lock()
			l.refused[id] = true // it is stopping, or not there yet
		default:
			l.t.Errorf("%s: %d %s", id, resp.StatusCode, text)
		}
		return
	}
}

// bareRate is how many tenants a second the DDL alone makes, over as many
// connections as the loop has.
func bareRate(s *runbookServer, plan *reconcile.Plan, connections int, d time.Duration) float64 {
	var made atomic.Int64
	var workers sync.WaitGroup
	began := time.Now()
	for w := range connections {
		workers.Go(func() {
			ctx := context.Background()
			conn, err := pgx.Connect(ctx, s.url)
			if err != nil {
				s.t.Error(err)
				return
			}
			defer conn.Close(ctx)
			for i := 0; time.Since(began) < d; i++ {
				name := fmt.Sprintf("bare_%d_%d", w, i)
				sql := "BEGIN;"
				for _, statement := range plan.Steps[0].Statements {
					sql += statement.For(name) + ";"
				}
				if _, err := conn.PgConn().Exec(ctx, sql+"COMMIT").ReadAll(); err != nil {
					s.t.Error(err)
					return
				}
				made.Add(1)
			}
		})
	}
	workers.Wait()
	return float64(made.Load()) / time.Since(began).Seconds()
}

// Fifty clients sign tenants up at three times the rate that the bare DDL
// allows, and in the middle the server is told to stop and another one starts.
// Whoever was accepted gets a tenant, once; whoever was not is told when to come
// back. $TENANTRY_TEST_LOAD says for how many seconds; 30 is what counts.
func TestSignUpsBeyondWhatTheDatabaseCanDo(t *testing.T) {
	seconds := numberFrom("TENANTRY_TEST_LOAD", 3)
	const clients, pending = 50, 16
	flags := []string{"--max-pending", fmt.Sprint(pending)}
	s := serveWorld(t, nil, flags...)
	status, _, text := s.ask("POST", "/api/v1/tenants/preview/preview", "")
	plan, err := reconcile.ReadPlan(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("the preview: %d %v: %s", status, err, text)
	}
	rate := bareRate(s, plan, 4, time.Second)
	l := &load{t: t, accepted: make(map[string]bool), refused: make(map[string]bool), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}}
	l.server.Store(s)
	ids := make(chan string)
	var working sync.WaitGroup
	for range clients {
		working.Go(func() {
			for id := range ids {
				l.signUp(id)
			}
		})
	}
	lasts := time.Duration(seconds) * time.Second
	asked := 0
	restarted := false
	for began := time.Now(); time.Since(began) < lasts; asked++ {
		if !restarted && time.Since(began) > lasts/2 {
			restarted = true
			go func() {
				if code := s.close(); code != 0 {
					t.Errorf("told to stop it ended with %d:\n%s", code, s.log)
				}
				l.server.Store(serveFolder(t, s.dir, s.url, flags...))
			}()
		}
		time.Sleep(time.Until(began.Add(time.Duration(float64(asked) / (3 * rate) * float64(time.Second)))))
		ids <- fmt.Sprintf("t%06d", asked)
	}
	close(ids)
	working.Wait()
	l.check(asked, rate, lasts)
}

func (l *load) check(asked int, rate float64, lasts time.Duration) {
	t, s := l.t, l.server.Load()
	s.t = t
	late := 0
	for id, ready := range l.accepted {
		if !ready {
			late++
		}
		s.until(id+" is ready", func() bool { return s.tenant(id)["ready"] == true })
		delete(l.refused, id)
	}
	conn, err := pgx.Connect(context.Background(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var schemas, twice int
	if err := conn.QueryRow(context.Background(), `SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tenant\_t%'),
		(SELECT count(*) FROM (SELECT schema FROM tenantry.change GROUP BY schema HAVING count(*) > 1) twice)`).Scan(&schemas, &twice); err != nil {
		t.Fatal(err)
	}
	if twice > 0 {
		t.Errorf("%d tenants were made twice", twice)
	}
	if extra := schemas - len(l.accepted); extra > 0 {
		// An answer that was cut off is asked for again: what was accepted without a
		// word may only be among those that were then refused.
		if extra > len(l.refused) {
			t.Errorf("%d schemas for %d tenants that were accepted, %d refused", schemas, len(l.accepted), len(l.refused))
		}
	} else if extra < 0 {
		t.Errorf("%d schemas for %d tenants that were accepted", schemas, len(l.accepted))
	}
	if len(l.latency) == 0 || lasts > 10*time.Second && len(l.refused) == 0 {
		t.Errorf("%d were ready at once and %d refused: that was no load", len(l.latency), len(l.refused))
	}
	slices.Sort(l.latency)
	t.Logf("bare DDL: %.0f tenants a second. For %s %.0f a second were asked for, %d in all: %d accepted (%.0f a second), of which %d before they were ready; %d told to come back. Ready after %s (half of them), %s (99 of 100)",
		rate, lasts, 3*rate, asked, len(l.accepted), float64(len(l.accepted))/lasts.Seconds(), late, len(l.refused), l.latency[len(l.latency)/2].Round(time.Millisecond), l.latency[len(l.latency)*99/100].Round(time.Millisecond))
}
