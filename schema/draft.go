package schema

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
)

// A Draft is a definition that was written down from a live schema, and
// compiled again to see what it says.
type Draft struct {
	HCL string // an HCL source
	SQL string // an SQL source that says what HCL cannot; "" where there is nothing

	Blueprint *Blueprint // of both
	Compiled  *Compiled
	// Unsaid is what no source says: what the blueprint compiles to, compared
	// with the live schema. It is empty where the definition is exact.
	Unsaid []Difference
	// Reprinted are lines that PostgreSQL prints in other words once it has
	// read what it printed. Their meaning is the same; the definition has the
	// words that stay.
	Reprinted []Difference
}

// A Live is a schema to write a definition of.
type Live struct {
	Service string              // the service that the definition is to be
	Schema  string              // the schema's name where it is a shared service's, else ""
	Lines   []Line              // what it holds
	Columns map[string][]string // the columns of each table in their order
	Shared  []*Blueprint        // the shared services that it may refer to
	Taken   []Line              // lines of schemas that are defined beside it: names in them are used with the schema's
}

// Draft writes down a definition of a live schema, of which it sees the lines
// only: a copy on the workbench is what is inspected. HCL says as much as Atlas
// can; the rest is SQL. Nothing of it is believed: the definition is compiled,
// and what differs from the lines is corrected, or moved to the SQL, or told.
func (p *Planner) Draft(ctx context.Context, live Live) (*Draft, error) {
	d := &drafting{p: p, live: live, tried: make(map[Line]int)}
	if err := d.copy(ctx); err != nil {
		return nil, err
	}
	for {
		c, err := d.compile(ctx, "")
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			if !d.leaveOut(err) {
				return nil, err
			}
			continue
		}
		if !d.correct(c) {
			break
		}
	}
	sql, err := d.rest(ctx)
	if err != nil {
		return nil, err
	}
	for {
		_, err := d.compile(ctx, d.sqlSource(sql))
		var refused *StatementError
		if err == nil {
			break
		}
		i := -1
		if errors.As(err, &refused) {
			i = slices.IndexFunc(sql, func(s string) bool { return bareText(s) == bareText(d.sharedByName(refused.Statement.SQL)) })
		}
		if i < 0 || ctx.Err() != nil {
			return nil, err
		}
		sql = slices.Delete(sql, i, i+1)
	}
	d.out.Unsaid = append(Differences(d.out.Compiled.Lines, d.want), d.invalid...)
	return d.out, nil
}

// drafting is the writing of one Draft.
type drafting struct {
	p       *Planner
	live    Live
	realm   *atlas.Realm // the schema as Atlas sees it, and stubs of those that it may refer to
	own     *atlas.Schema
	want    []Line
	tried   map[Line]int // how often a line was corrected
	marks   *Bench       // the names of the bench that the realm was read from
	out     *Draft
	failed  int
	invalid []Difference // indexes that are not usable, which no definition makes
}

// copy builds the schema on a workbench and inspects it there.
func (d *drafting) copy(ctx context.Context) error {
	d.out = &Draft{}
	bench, err := d.p.bench(ctx, &Blueprint{Services: []string{d.live.Service}, Shared: d.live.Shared})
	if err != nil {
		return err
	}
	defer bench.Close()
	_, lost, err := bench.rebuild(ctx, d.live.Lines)
	if err != nil {
		return bench.said(err)
	}
	d.want = slices.DeleteFunc(slices.Clone(d.live.Lines), func(l Line) bool { return l.Kind == KindMigrationHistory })
	for _, l := range lost {
		i := slices.IndexFunc(d.want, func(w Line) bool { return w.key() == l.key() })
		if i >= 0 && !l.Missing && !l.Unexpected && replaceable(d.want[i]) {
			d.want[i].Definition = l.Have
			if isInvalid(Line{Definition: l.Want}) {
				d.invalid = append(d.invalid, Difference{Line: l.Line, Have: l.Have, Want: l.Want})
			} else {
				d.out.Reprinted = append(d.out.Reprinted, l)
			}
		}
	}
	// Names of the schema's own come out as they are, all others with their schema.
	if _, err := bench.Workbench.ExecContext(ctx, "SET LOCAL search_path = "+QuoteIdent(bench.Schema)); err != nil {
		return err
	}
	drv, err := postgres.Open(bench)
	if err != nil {
		return err
	}
	if d.own, err = inspect(ctx, drv, bench); err != nil {
		return bench.said(err)
	}
	d.marks = bench
	d.realm = d.own.Realm
	d.prepare()
	return nil
}

// compile compiles what there is now, with an SQL source beside it.
func (d *drafting) compile(ctx context.Context, sql string) (*Compiled, error) {
	hcl, err := d.marshal()
	if err != nil {
		return nil, err
	}
	b := &Blueprint{Services: []string{d.live.Service}, Schema: d.live.Schema, Shared: d.live.Shared}
	b.sources = []source{{path: d.live.Service + ".hcl", data: []byte(hcl)}}
	if sql != "" {
		b.sources = append(b.sources, source{path: d.live.Service + ".sql", data: []byte(sql)})
	}
	b.Digest = b.digest()
	c, err := d.p.Compile(ctx, b)
	if err != nil {
		return nil, err
	}
	d.out.HCL, d.out.SQL, d.out.Blueprint, d.out.Compiled = hcl, sql, b, c
	return c, nil
}

// rest returns the statements that lead from what the HCL says to what is
// wanted, as an SQL source has them.
func (d *drafting) rest(ctx context.Context) ([]string, error) {
	bench, err := d.p.bench(ctx, d.out.Blueprint)
	if err != nil {
		return nil, err
	}
	defer bench.Close()
	if err := bench.build(ctx, bench.Schema, d.out.Compiled.Create); err != nil {
		return nil, bench.said(err)
	}
	t := &transition{bench: bench, blueprint: d.out.Blueprint, to: &Compiled{Lines: d.want}, made: d.out.Compiled.Lines, columns: d.live.Columns}
	statements, err := t.mend(ctx, func(Difference) bool { return true })
	if err != nil {
		return nil, bench.said(err)
	}
	var out []string
	for _, s := range statements {
		sql := resolveShared(templateOf(s.SQL, bench), d.out.Compiled.Shared)
		if sql, ok := unqualified(sql); ok {
			out = append(out, sql)
		}
	}
	return out, nil
}

// unqualified takes the schema's own name out of a template. It reports false
// where that cannot be left out: a source cannot name its own schema.
func unqualified(template string) (sql string, ok bool) {
	const text = "\x00" // which no SQL holds
	sql = strings.NewReplacer("{"+schemaMark+"}", text, schemaMark+".", "").Replace(template)
	return strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(sql, text, schemaMark)), ";"), !strings.Contains(sql, schemaMark)
}

var sharedScratch = regexp.MustCompile(`tenantry_scratch_[0-9a-f]{12}_s([0-9]{4})`)

// sharedByName puts the names of the shared services' schemas in place of
// whatever scratch names they had on a workbench.
func (d *drafting) sharedByName(sql string) string {
	return sharedScratch.ReplaceAllStringFunc(sql, func(scratch string) string {
		i, err := strconv.Atoi(scratch[len(scratch)-4:])
		if err != nil || i >= len(d.live.Shared) {
			return scratch
		}
		return d.live.Shared[i].Schema
	})
}

func bareText(sql string) string { return strings.Trim(strings.ReplaceAll(sql, `"`, ""), "; \n") }

func (d *drafting) sqlSource(statements []string) string {
	if len(statements) == 0 {
		return ""
	}
	return fmt.Sprintf("-- What %s.hcl cannot say. It is run after it, in the same schema.\n\n%s;\n", d.live.Service, strings.Join(statements, ";\n\n"))
}
