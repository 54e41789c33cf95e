package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
)

// A fleet whose tenants are suspended, retired, renamed and brought back is
// killed at random moments. After each kill every tenant is where it was or where
// it should be, its record says which, and its row is there; and the next run
// converges. $TENANTRY_TEST_KILLS says how often, $TENANTRY_TEST_SEED when.
func TestKilledAtAnyMomentEveryTenantIsSomewhere(t *testing.T) {
	t.Parallel()
	kills, seed := numberFrom("TENANTRY_TEST_KILLS", 6), numberFrom("TENANTRY_TEST_SEED", 1)
	random := rand.New(rand.NewPCG(uint64(seed), 3))
	f := newCrashFleet(t, pgtest.URL(t))
	pooled := pgtest.Pooled(t, f.url)
	app := pgtest.RoleName(pgtest.Role(t, f.url, "NOSUPERUSER"))
	conn, err := pgx.Connect(context.Background(), f.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	text := func(sql string) (out string) {
		t.Helper()
		if err := conn.QueryRow(context.Background(), sql).Scan(&out); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return out
	}

	names := make([]string, 20) // what each tenant is called; renaming counts up
	wish := func(kill int) {
		var entries []string
		for i := range names {
			entry := "{id: " + names[i]
			switch random.IntN(5) {
			case 0:
				entry += ", state: suspended"
			case 1:
				entry += ", state: retired"
			case 2:
				was := names[i]
				names[i] = fmt.Sprintf("t%02d_%d", i, kill)
				entry = "{id: " + names[i] + ", was: " + was
			}
			entries = append(entries, entry+"}")
		}
		f.file("tenants.yaml", "policy: {max_removals: 99}\ndefaults: {access: {"+app+": read_write}}\ntenants:\n  - "+strings.Join(entries, "\n  - ")+"\n")
	}
	var first []string
	for i := range names {
		names[i] = fmt.Sprintf("t%02d", i)
		first = append(first, names[i])
	}
	f.file("tenants.yaml", "policy: {max_removals: 99}\ndefaults: {access: {"+app+": read_write}}\ntenants: ["+strings.Join(first, ", ")+"]\n")
	f.write(0)
	f.mustReconcile()
	for i := range names {
		text(fmt.Sprintf("WITH kept AS (INSERT INTO tenant_t%02d.things0 (id, name, size) VALUES (1, 'row %[1]d', 1) RETURNING name) SELECT name FROM kept", i))
	}
	took := time.Second
	for kill := 1; kill <= kills; kill++ {
		wish(kill)
		cmd := f.commandAt([]string{f.via, pooled}[kill%2])
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(took))))
		cmd.Process.Kill()
		cmd.Wait()
		f.settle()
		when := fmt.Sprintf("kill %d (seed %d)", kill, seed)
		f.everyoneIsSomewhere(when, text, app)
		started := time.Now()
		f.mustReconcile()
		took = (took + time.Since(started) + 500*time.Millisecond) / 2
		f.everyoneIsSomewhere("after "+when, text, app)
	}
}

// everyoneIsSomewhere compares the records with the schemas, the rights and the
// rows.
func (f *crashFleet) everyoneIsSomewhere(when string, text func(string) string, app string) {
	f.t.Helper()
	schemas := text("SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname LIKE 'tenant\\_%' OR nspname LIKE 'retired\\_%'")
	if recorded := text("SELECT string_agg(schema, ' ' ORDER BY schema) FROM tenantry.target"); recorded != schemas {
		f.t.Errorf("%s: on record are\n%s\nand there are\n%s", when, recorded, schemas)
	}
	wrong := text(`SELECT coalesce(string_agg(schema || ' is ' || state, ', '), '') FROM tenantry.target
		WHERE (state = 'retired') <> (schema LIKE 'retired\_%') OR (state = 'active') <> has_schema_privilege('` + app + `', schema, 'USAGE')`)
	if wrong != "" {
		f.t.Errorf("%s: not as recorded: %s", when, wrong)
	}
	rows := make(map[string]int)
	for _, s := range strings.Fields(schemas) {
		rows[text("SELECT name FROM "+s+".things0")]++
	}
	for i := range 20 {
		if n := rows[fmt.Sprintf("row %d", i)]; n != 1 {
			f.t.Errorf("%s: row %d is there %d times", when, i, n)
		}
	}
}
