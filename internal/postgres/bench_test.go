package postgres

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
)

// What looking at schemas costs the server, in a database of some hundred of
// them that was never analysed:
//
//	go test ./internal/postgres -run '^$' -bench .

const benchSchemas, benchTables = 200, 12

func benchFleet(b *testing.B) (*DB, *pgx.Conn, []string) {
	b.Helper()
	ctx := context.Background()
	db, conn := newDB(b)
	var names []string
	for i := range benchSchemas {
		names = append(names, fmt.Sprintf("tenant_%03d", i))
		sql := fmt.Sprintf("CREATE SCHEMA %[1]s; SET search_path = %[1]s;", names[i])
		for t := range benchTables {
			sql += fmt.Sprintf(`CREATE TABLE things%[1]d (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, author bigint NOT NULL REFERENCES identity.users,
				title text NOT NULL UNIQUE CHECK (title <> ''), made timestamptz NOT NULL DEFAULT now()); CREATE INDEX ON things%[1]d (author); COMMENT ON TABLE things%[1]d IS 'Things';`, t)
		}
		if err := simple(ctx, conn, sql); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Prepare(ctx); err != nil {
		b.Fatal(err)
	}
	if err := simple(ctx, conn, "RESET search_path"); err != nil {
		b.Fatal(err)
	}
	return db, conn, names
}

func BenchmarkLook(b *testing.B) {
	ctx := context.Background()
	db, conn, names := benchFleet(b)
	observe := func(b *testing.B, schemas []string) *reconcile.Observed {
		o, err := db.Observe(ctx, schemas, true)
		if err != nil {
			b.Fatal(err)
		}
		return o
	}
	b.Run("every fingerprint", func(b *testing.B) {
		for b.Loop() {
			observe(b, names)
		}
	})
	run := reconcile.Run{ID: "run"}
	if err := db.Begin(ctx, run); err != nil {
		b.Fatal(err)
	}
	var records []reconcile.Record
	live := observe(b, names).Live
	one := live[names[benchSchemas/2]]
	for name, live := range live {
		records = append(records, reconcile.Record{Tenant: name, Schema: name, Fingerprint: live.Fingerprint, Token: live.Token, Status: reconcile.StatusApplied, Labels: "{}"})
	}
	if err := db.Record(ctx, run, records); err != nil {
		b.Fatal(err)
	}
	b.Run("every token", func(b *testing.B) {
		for b.Loop() {
			observe(b, names)
		}
	})
	if err := db.KeepHorizon(ctx, observe(b, names).Horizon); err != nil {
		b.Fatal(err)
	}
	b.Run("the horizon", func(b *testing.B) {
		for b.Loop() {
			observe(b, names)
		}
	})
	call := func(what, sql string, args ...any) {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				if _, err := conn.Exec(ctx, sql, append([]any{names[benchSchemas/2]}, args...)...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	call("one schema, as an apply does", "SELECT "+db.functions.name("look")+"($1, $2, '')", structureKinds)
	call("one schema's token", "SELECT "+db.functions.name("look")+"($1, $2, $3)", structureKinds, one.Token)
	call("the lines of one table", "SELECT "+db.functions.name("hash")+"($1, '{things0}', '{table,column,column options,not null,identity}')")
	call("one table's part of the token", "SELECT "+db.functions.name("weigh")+"($1, '{things0}', '{relation,attribute}')")
}
