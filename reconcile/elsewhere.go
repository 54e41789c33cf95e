package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry/internal/diag"
	"tenantry/schema"
)

// A tenant that is in another database than it was is not made anew, empty,
// beside what it was: its rows are moved by other means, and then the file says
// so. Records are per database, so the others are asked where a target is not on
// record in its own.

// lookElsewhere refuses targets of this database whose tenants are on record in
// another one, or that are said to have been moved and were not.
func (d *databasePlanner) lookElsewhere(ctx context.Context, changes []Change) error {
	strangers := make(map[string][]*Change) // by tenant, and by what it was called
	for i := range changes {
		c := &changes[i]
		if c.Record != nil || c.Target.Shared || c.Target.wish() != WishActive && c.Target.wish() != WishSuspended {
			continue
		}
		c.refuseUnmoved()
		strangers[c.Target.Tenant] = append(strangers[c.Target.Tenant], c)
		if c.Target.Was != "" {
			strangers[c.Target.Was] = append(strangers[c.Target.Was], c)
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	look := func(other Database, tenants ...string) error {
		records, err := recordsOf(ctx, other, tenants)
		if err != nil {
			unseen(strangers, tenants, err)
			return ctx.Err()
		}
		for i := range records {
			for _, c := range strangers[records[i].Tenant] {
				if err := d.compareWith(ctx, c, other, &records[i]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	tenants := slices.Sorted(maps.Keys(strangers))
	for _, name := range slices.Sorted(maps.Keys(d.Databases)) {
		if name == d.db.Name() || strings.Contains(name, "/") { // those of tenants' own are not all open; Own knows them
			continue
		}
		if err := look(d.Databases[name], tenants...); err != nil {
			return err
		}
	}
	if d.Own == nil {
		return nil
	}
	var targets []*Target
	for i := range changes {
		if c := &changes[i]; slices.Contains(strangers[c.Target.Tenant], c) {
			targets = append(targets, &c.Target)
		}
	}
	return d.Own(ctx, targets, look)
}

func recordsOf(ctx context.Context, db Database, tenants []string) ([]Record, error) {
	if err := db.Connect(ctx); err != nil {
		return nil, err
	}
	return db.RecordsOf(ctx, tenants)
}

// unseen notes on targets that nobody knows whether they are in a database that
// cannot be read. They are made all the same: most of them are simply new.
func unseen(strangers map[string][]*Change, tenants []string, reason error) {
	for _, tenant := range tenants {
		for _, c := range strangers[tenant] {
			if tenant == c.Target.Tenant {
				c.note("unseen-database", "nobody could look whether it was in another database: "+reason.Error(), "")
			}
		}
	}
}

// refuseUnmoved refuses a target that is said to have been moved here, where
// there is nothing.
func (c *Change) refuseUnmoved() {
	if c.Target.Moved && !c.Exists {
		c.refuse(fmt.Sprintf("the file says moved: true, and there is no schema %s in the database %s", c.Target.Schema, c.Target.Database),
			"move its rows first, with pg_dump and pg_restore or whatever suits")
	}
}

// compareWith judges a target whose tenant is on record in another database.
func (d *databasePlanner) compareWith(ctx context.Context, c *Change, other Database, r *Record) error {
	switch {
	case c.Reason == ReasonElsewhere:
	case !c.Target.Moved:
		c.refuse(fmt.Sprintf("the tenant %s is on record in the database %s, as %s: reconcile moves no rows, and makes no empty schema beside it", r.Tenant, other.Name(), r.Schema),
			"move them, then write moved: true; or write again "+ledTo(other.Name()))
	default:
		left, err := d.leftBehind(ctx, c, other, r)
		if err == nil && len(left) > 0 {
			c.refuse(fmt.Sprintf("the file says moved: true, and these tables hold rows in %s.%s and none in %s: %s", other.Name(), r.Schema, c.Target.Key, strings.Join(left, ", ")),
				"move them too")
		}
		return err
	}
	return nil
}

// ledTo says what of the file led to a database.
func ledTo(name string) string {
	if strings.Contains(name, "/") {
		return "what led to the database " + name
	}
	return "database: " + name
}

// leftBehind returns the tables that hold rows where the tenant was, and none, or
// are not there, where it is now.
func (d *databasePlanner) leftBehind(ctx context.Context, c *Change, other Database, r *Record) (left []string, err error) {
	there, err := tables(ctx, other, r.Schema)
	if err != nil {
		return nil, err
	}
	here, err := tables(ctx, d.db, c.At)
	if err != nil {
		return nil, err
	}
	for _, table := range slices.Sorted(maps.Keys(there)) {
		if moved, known := here[table]; there[table] == AnswerYes && (!known || moved == AnswerNo) {
			left = append(left, table)
		}
	}
	return left, nil
}

// tables returns the tables of a schema, with whether they hold rows.
func tables(ctx context.Context, db Database, name string) (map[string]Answer, error) {
	lines, err := db.Lines(ctx, name)
	if err != nil {
		return nil, err
	}
	var names, questions []string
	for _, l := range lines {
		if l.Kind == schema.KindTable {
			names = append(names, l.Name)
			questions = append(questions, "SELECT EXISTS (SELECT FROM {schema}."+schema.QuoteIdent(l.Name)+")")
		}
	}
	out := make(map[string]Answer, len(names))
	if len(names) == 0 {
		return out, nil
	}
	answers, err := db.Ask(ctx, name, questions)
	for i := range answers {
		out[names[i]] = answers[i]
	}
	return out, err
}

// refusal returns why the target is refused, and what to do.
func (c *Change) refusal() string {
	var why []string
	for _, n := range c.notes {
		if n.Code == codeMoved {
			why = append(why, n.Message, n.Hint)
		}
	}
	return strings.Join(why, "; ")
}

// codeMoved is the code of what is said of a target that is refused.
const codeMoved = "moved-database"

func (c *Change) refuse(message, hint string) {
	c.Action, c.Reason = ActionBlocked, ReasonElsewhere
	c.note(codeMoved, message, hint)
}

func (c *Change) note(code, message, hint string) {
	at := c.Target.Source
	c.notes = append(c.notes, Diagnostic{File: at.File, Line: at.Line, Column: at.Column, Severity: diag.Warning, Code: code, Message: message, Hint: hint})
}

// keepElsewhere drops what is said of the records of tenants that are refused
// because of them: they are no orphans before the rows have moved.
func (p *Plan) keepElsewhere() {
	refused := make(map[string]bool)
	for i := range p.Targets {
		if t := &p.Targets[i]; t.Reason == ReasonElsewhere {
			refused[t.Tenant] = true
		}
	}
	p.Targets = slices.DeleteFunc(p.Targets, func(t PlannedTarget) bool { return t.Action == ActionOrphaned && refused[t.Tenant] })
}
