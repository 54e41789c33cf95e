package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/internal/postgres"
	"tenantry/reconcile"
)

// A definition is generated: tables with columns of two families of types, keys,
// checks and indexes. Every table has a row.
type definition map[string]table

type table map[string]column // by name, beside the primary key id

type column struct {
	kind          string // its type
	notNull       bool
	defaulted     bool
	check         int // 0 for none: the value is to be greater
	refers        string
	index, unique bool
}

var kinds = []string{"smallint", "integer", "bigint", "numeric(10,2)", "varchar(4)", "varchar(20)", "text"}

func (c column) isText() bool { return strings.HasPrefix(c.kind, "varchar") || c.kind == "text" }

// value is what the row has in the column. It does not fit every type that the
// column may have later, nor every check.
func (c column) value() string {
	switch {
	case c.kind == "varchar(4)":
		return "'abcd'"
	case c.isText():
		return "'abcdef'"
	}
	return "12"
}

func (d definition) sql() string {
	var tables, keys strings.Builder
	for _, name := range slices.Sorted(maps.Keys(d)) {
		fmt.Fprintf(&tables, "CREATE TABLE %s (id int PRIMARY KEY", name)
		for _, col := range slices.Sorted(maps.Keys(d[name])) {
			c := d[name][col]
			fmt.Fprintf(&tables, ", %s %s", col, c.kind)
			if c.defaulted {
				tables.WriteString(" DEFAULT " + c.value())
			}
			if c.notNull {
				tables.WriteString(" NOT NULL")
			}
			if c.check > 0 {
				fmt.Fprintf(&tables, " CONSTRAINT %s_%s_check CHECK (length(%s::text) >= %d)", name, col, col, c.check)
			}
			if _, there := d[c.refers]; there && c.kind == "integer" {
				fmt.Fprintf(&keys, "ALTER TABLE %s ADD CONSTRAINT %s_%s_fkey FOREIGN KEY (%s) REFERENCES %s (id);\n", name, name, col, col, c.refers)
			}
			switch {
			case c.unique:
				fmt.Fprintf(&keys, "CREATE UNIQUE INDEX %s_%s ON %s (%s);\n", name, col, name, col)
			case c.index:
				fmt.Fprintf(&keys, "CREATE INDEX %s_%s ON %s (%s);\n", name, col, name, col)
			}
		}
		tables.WriteString(");\n")
	}
	return tables.String() + keys.String()
}

func (d definition) clone() definition {
	out := make(definition)
	for name, t := range d {
		out[name] = maps.Clone(t)
	}
	return out
}

// evolve changes a thing or two.
func (d definition) evolve(r *rand.Rand) {
	for range 1 + r.IntN(3) {
		names := slices.Sorted(maps.Keys(d))
		name := names[r.IntN(len(names))]
		switch r.IntN(12) {
		case 0:
			d[fmt.Sprintf("t%d", r.IntN(6))] = table{"a": randomColumn(r, names)}
			continue
		case 1:
			if len(d) > 2 {
				delete(d, name)
			}
			continue
		}
		col := string(rune('a' + r.IntN(5)))
		c, there := d[name][col]
		switch {
		case !there:
			c = randomColumn(r, names)
		case r.IntN(5) == 0:
			delete(d[name], col)
			continue
		default:
			other := randomColumn(r, names)
			switch r.IntN(6) {
			case 0:
				c.kind = other.kind
			case 1:
				c.notNull = !c.notNull
			case 2:
				c.defaulted = !c.defaulted
			case 3:
				c.check = other.check
			case 4:
				c.refers = other.refers
			case 5:
				c.index, c.unique = other.index, other.unique
			}
		}
		d[name][col] = c
	}
}

func randomColumn(r *rand.Rand, tables []string) column {
	c := column{kind: kinds[r.IntN(len(kinds))], notNull: r.IntN(3) == 0, defaulted: r.IntN(2) == 0, index: r.IntN(3) == 0, unique: r.IntN(4) == 0}
	if r.IntN(4) == 0 {
		c.check = 1 + r.IntN(3)
	}
	if r.IntN(3) == 0 {
		c.refers = tables[r.IntN(len(tables))]
	}
	return c
}

// fill puts a row into every table that has none, and whose checks allow it. Foreign
// keys are switched off meanwhile: the rows refer to each other.
func (w *world) fill(d definition) {
	w.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(d)) {
		columns, values := "id", "12"
		for _, col := range slices.Sorted(maps.Keys(d[name])) {
			columns, values = columns+", "+col, values+", "+d[name][col].value()
		}
		_, err := w.conn.Exec(context.Background(), "SET session_replication_role = replica; INSERT INTO tenant_acme."+name+" ("+columns+") VALUES ("+values+") ON CONFLICT DO NOTHING; RESET session_replication_role")
		if err != nil && !strings.Contains(err.Error(), "violates check constraint") {
			w.t.Fatal(err)
		}
	}
}

// rows counts the rows of each table.
func (w *world) rows() map[string]int {
	w.t.Helper()
	out := make(map[string]int)
	for _, l := range w.lines("tenant_acme") {
		if l.Kind == "table" {
			out[l.Name] = value[int](w, "SELECT count(*) FROM tenant_acme."+l.Name)
		}
	}
	return out
}

// One definition evolves again and again, at random, with a row in every table. No
// row is lost that the policy does not allow to lose; what may not be done, or what
// the rows do not allow, leaves everything as it was; and each ends converged.
// $TENANTRY_TEST_EVOLUTIONS says how many, $TENANTRY_TEST_SEED which.
func TestGeneratedEvolutionsLoseNoRow(t *testing.T) {
	t.Parallel()
	evolutions, seed := 8, 1
	for name, n := range map[string]*int{"TENANTRY_TEST_EVOLUTIONS": &evolutions, "TENANTRY_TEST_SEED": &seed} {
		if set, err := strconv.Atoi(os.Getenv(name)); err == nil {
			*n = set
		}
	}
	r := rand.New(rand.NewPCG(uint64(seed), 3))
	d := definition{"t0": {"a": {kind: "integer"}}, "t1": {"a": {kind: "text", notNull: true}}}
	w := newWorld(t, map[string]string{
		"atlas.hcl": strings.Replace(concurrently, `"file://app.hcl", "file://app.sql"`, `"file://app.sql", "file://app.hcl"`, 1),
		"app.hcl":   head, "app.sql": d.sql(), "tenants.yaml": tenants("acme"),
	})
	w.converge()
	ways := []*postgres.DB{w.db, nil}
	w.pooled() // every other time
	ways[1] = w.db
	ended := make(map[string]int)
	for i := range evolutions {
		w.db = ways[i%2]
		w.fill(d)
		next := d.clone()
		next.evolve(r)
		w.write(map[string]string{"app.sql": next.sql()})
		lines, rows := w.lines("tenant_acme"), w.rows()

		w.allowDestructive = false
		report := w.reconcile()
		outcome, step := report.Outcomes[0], stepOf(report.Plan, &report.Plan.Targets[0])
		ended[string(outcome.Result)]++
		if outcome.Result != reconcile.ResultApplied {
			if diff := cmp.Diff(lines, w.lines("tenant_acme")); diff != "" {
				t.Errorf("evolution %d: %s, and changed:\n%s", i, outcome.Result, diff)
			}
		}
		if diff := cmp.Diff(rows, w.rows()); diff != "" && !onlyNew(rows, w.rows()) {
			t.Fatalf("evolution %d: rows were lost that the policy does not allow to lose:\n%s\n%s", i, diff, statements(report.Plan))
		}
		if outcome.Result == reconcile.ResultBlocked && step.Destructive() {
			w.allowDestructive = true
			report = w.reconcile()
			outcome = report.Outcomes[0]
			for name, before := range rows {
				if n, stays := w.rows()[name]; stays && n != before {
					t.Errorf("evolution %d: %s had %d rows and has %d", i, name, before, n)
				}
			}
		}
		switch outcome.Result {
		case reconcile.ResultApplied, reconcile.ResultUnchanged:
			d = next
		default: // its rows do not allow it, or nobody knows how: as before
			w.write(map[string]string{"app.sql": d.sql()})
		}
		w.allowDestructive = true
		w.converge()
	}
	if ended[string(reconcile.ResultApplied)] == 0 || len(ended) < 2 {
		t.Errorf("they all ended alike: %v", ended)
	}
	t.Log(ended)
}

// onlyNew reports whether all that differs is tables that there were not before.
func onlyNew(before, after map[string]int) bool {
	for name, n := range before {
		if after[name] != n {
			return false
		}
	}
	return true
}
