// Command portal is an example of a product's portal: whoever signs up gets a
// tenant, and is let in when its schema is there.
//
// It knows nothing of reconcile but two things: the table that it inserts an
// organisation into, whose trigger says so on a channel, and the view
// tenantry.tenants, in which a tenant appears when it is ready.
package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// table is the portal's own.
const table = `
CREATE SCHEMA IF NOT EXISTS portal;
CREATE TABLE IF NOT EXISTS portal.organisations (
	slug text PRIMARY KEY CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 50),
	name text NOT NULL,
	plan text NOT NULL DEFAULT 'free',
	active boolean NOT NULL DEFAULT true,
	signed_up timestamptz NOT NULL DEFAULT now()
);
CREATE OR REPLACE FUNCTION portal.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY organisations; RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON portal.organisations EXECUTE FUNCTION portal.tell();
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	work := run
	if len(os.Args) == 2 && os.Args[1] == "healthy" { // for a container without a shell
		work = healthy
	}
	if err := work(ctx); err != nil {
		log.Fatal("portal: ", err)
	}
}

func run(ctx context.Context) error {
	url, err := os.ReadFile(os.Getenv("DATABASE_URL_FILE"))
	if err != nil {
		return fmt.Errorf("DATABASE_URL_FILE: %w", err)
	}
	db, err := pgxpool.New(ctx, strings.TrimSpace(string(url)))
	if err != nil {
		return errors.New("what is in DATABASE_URL_FILE is not the URL of a database") // and may hold a password
	}
	defer db.Close()
	if _, err := db.Exec(ctx, table); err != nil {
		return err
	}
	listen := os.Getenv("LISTEN")
	if listen == "" {
		listen = "127.0.0.1:8080"
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: (&portal{db}).routes(), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	log.Print("portal: listening on ", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// healthy asks the portal that runs in the same container how it is.
func healthy(ctx context.Context) error {
	_, port, err := net.SplitHostPort(os.Getenv("LISTEN"))
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, "GET", "http://127.0.0.1:"+port+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

type portal struct{ db *pgxpool.Pool }

func (p *portal) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { show(w, http.StatusOK, view{}) })
	mux.HandleFunc("POST /{$}", p.signUp)
	mux.HandleFunc("GET /healthz", p.health)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (p *portal) health(w http.ResponseWriter, r *http.Request) {
	if err := p.db.Ping(r.Context()); err != nil {
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// patience is how long who signs up is kept waiting.
const patience = 30 * time.Second

var slugs = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// signUp inserts an organisation, and waits for its tenant.
func (p *portal) signUp(w http.ResponseWriter, r *http.Request) {
	slug, name := strings.TrimSpace(r.PostFormValue("slug")), strings.TrimSpace(r.PostFormValue("name"))
	if !slugs.MatchString(slug) || len(slug) > 50 || name == "" || len(name) > 200 {
		show(w, http.StatusUnprocessableEntity, view{Problem: "An organisation has a name, and an address of small letters, digits and hyphens."})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	began := time.Now()
	_, err := p.db.Exec(ctx, "INSERT INTO portal.organisations (slug, name) VALUES ($1, $2)", slug, name)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "23505" {
		show(w, http.StatusConflict, view{Problem: "That address is taken."})
		return
	}
	if err == nil {
		err = p.await(ctx, slug)
	}
	if err != nil {
		log.Printf("portal: %s signs up: %v", slug, err)
		show(w, http.StatusAccepted, view{Problem: "You are signed up, and it takes longer than usual. Come back in a minute."})
		return
	}
	show(w, http.StatusCreated, view{Ready: slug, Took: time.Since(began).Round(time.Millisecond)})
}

// await waits until a tenant is ready.
func (p *portal) await(ctx context.Context, slug string) error {
	for {
		var ready bool
		err := p.db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM tenantry.tenants WHERE id = $1)", slug).Scan(&ready)
		var missing *pgconn.PgError
		if errors.As(err, &missing) && missing.Code == "42P01" {
			err = nil // reconcile has not been here yet
		}
		if ready || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(25 * time.Millisecond):
		}
	}
}

type view struct {
	Problem, Ready string
	Took           time.Duration
}

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign up</title>
<main>
{{with .Problem}}<p role="alert">{{.}}</p>{{end}}
{{if .Ready}}<h1>Welcome</h1>
<p>{{.Ready}} is ready after {{.Took}}.</p>
{{else}}<h1>Sign up</h1>
<form method="post">
<p><label>Organisation <input name="name" required></label></p>
<p><label>Address <input name="slug" required pattern="[a-z0-9\-]+"></label></p>
<p><button>Sign up</button></p>
</form>{{end}}
</main>
</html>
`))

func show(w http.ResponseWriter, status int, v view) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	page.Execute(w, v) // whoever went away sees nothing of it
}
