package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"tenantry/internal/diag"
	"tenantry/schema"
)

// Citus is how a database of Citus has distributed what is in it.
type Citus struct {
	Convert   bool              // plain schemas of tenants are to become shards
	Schemas   map[string]string // those that are shards, with the worker of each; "" where it holds no table
	Reference map[string]bool   // the tables that are on every worker, as "schema.table"
}

// A table of a shared service that tenants refer to has to be on every worker; a
// tenant's schema is on one. Both are planned as anything else is: what should be
// distributed and is not is a change.

// referencePattern finds what a foreign key refers to, as PostgreSQL prints it.
var referencePattern = regexp.MustCompile(`REFERENCES (?:("(?:[^"]|"")+"|[\w$]+)\.)?("(?:[^"]|"")+"|[\w$]+)\(`)

// A tableKey is a table by its schema's and its own name.
type tableKey struct{ schema, table string }

func (k tableKey) String() string { return k.schema + "." + k.table }

// references returns what the foreign keys among the lines refer to, those of the
// tables given or of all; own stands for the schema of the lines.
func references(lines []schema.Line, own string, of func(table string) bool) (out []tableKey) {
	for _, l := range lines {
		if l.Kind != schema.KindConstraint || !of(l.Table) {
			continue
		}
		if m := referencePattern.FindStringSubmatch(l.Definition); m != nil {
			k := tableKey{unquoted(m[1]), unquoted(m[2])}
			if k.schema == "" {
				k.schema = own
			}
			out = append(out, k)
		}
	}
	return out
}

func unquoted(ident string) string {
	if strings.HasPrefix(ident, `"`) {
		return strings.ReplaceAll(ident[1:len(ident)-1], `""`, `"`)
	}
	return ident
}

// distribute adds to the changes of a database of Citus what makes its schemas
// shards and the tables that these refer to reference tables. An error is a
// diag.List of what Citus forbids.
func (d *databasePlanner) distribute(changes []Change) error {
	seen := d.observed.Citus
	if seen == nil {
		return nil
	}
	needed, err := d.referenceTables(changes)
	if err != nil {
		return err
	}
	for i := range changes {
		c := &changes[i]
		switch wish := c.Target.wish(); {
		case c.Action == ActionOrphaned || c.Action == ActionBlocked || wish != WishActive && wish != WishSuspended:
		case c.Target.Shared:
			for _, k := range needed {
				if k.schema == c.Target.Schema && !(c.Exists && seen.Reference[k.String()]) {
					c.add("SELECT create_reference_table($name${schema}."+schema.QuoteIdent(k.table)+"$name$)", "tenants refer to it, so it is on every worker")
				}
			}
		case !c.Exists:
		default:
			if _, shard := seen.Schemas[c.At]; !shard && seen.Convert {
				c.add("SELECT citus_schema_distribute($name${schema}$name$)", "it is a plain schema, and becomes a shard")
			} else if !shard {
				c.note("plain-schema", fmt.Sprintf("the schema %s is a plain one, on the coordinator", c.At), "citus: {convert: true} makes it a shard")
			}
		}
	}
	return nil
}

// add adds a statement to what is done about a target.
func (c *Change) add(sql, comment string) {
	c.extra = append(c.extra, schema.Statement{SQL: sql, Comment: comment, Transactional: true, Hazards: []schema.Hazard{}, Reverse: []string{}})
	if c.Action == ActionNone {
		c.Action, c.Reason = ActionChange, ReasonDistribution
	}
}

// referenceTables returns the tables of shared services that tenants refer to, and
// those that these refer to.
func (d *databasePlanner) referenceTables(changes []Change) ([]tableKey, error) {
	var wrong diag.List
	shared, sharedAt := make(map[string][]schema.Line), make(map[string]diag.Pos)
	for i := range changes {
		if t := &changes[i].Target; t.Shared && t.Blueprint != nil && d.compiled[t.Blueprint.Digest] != nil {
			shared[t.Schema], sharedAt[t.Schema] = d.compiled[t.Blueprint.Digest].Lines, t.Source
		}
	}
	needed := make(map[tableKey]bool)
	var next []tableKey
	done := make(map[string]bool)
	for i := range changes {
		t := &changes[i].Target
		if t.Shared || t.Blueprint == nil || done[t.Blueprint.Digest] || d.compiled[t.Blueprint.Digest] == nil {
			continue
		}
		done[t.Blueprint.Digest] = true
		for _, k := range references(d.compiled[t.Blueprint.Digest].Lines, "", func(string) bool { return true }) {
			if _, there := shared[k.schema]; there {
				next = append(next, k)
			} else if k.schema != "" {
				wrong.Errorf(whereReferred(t, k), codeReference, "%s", reachesOut(k, t.Database))
				wrong.Hintf(hintReachesOut)
			}
		}
	}
	for len(next) > 0 {
		k := next[0]
		if next = next[1:]; !needed[k] {
			needed[k] = true
			if i := slices.IndexFunc(shared[k.schema], func(l schema.Line) bool {
				return l.Kind == schema.KindTable && l.Name == k.table && strings.Contains(l.Definition, "PARTITION ")
			}); i >= 0 {
				wrong.Errorf(sharedAt[k.schema], codePartitioned, "%s", hasPartitions(k, d.db.Name()))
				wrong.Hintf(hintPartitions)
			}
			next = append(next, references(shared[k.schema], k.schema, func(table string) bool { return table == k.table })...)
		}
	}
	return slices.SortedFunc(maps.Keys(needed), func(a, b tableKey) int { return strings.Compare(a.String(), b.String()) }), wrong.Err()
}

// CheckCitus returns what the sources say that Citus forbids, in databases that are
// said to be its: without a database, and so not what migrations come to.
func (d *Desired) CheckCitus() (wrong diag.List) {
	outlines := make(map[string]schema.Outline) // by the sources and what schema they are of
	outline := func(b *schema.Blueprint) schema.Outline {
		key := b.Schema + "\n" + strings.Join(b.Files(), "\n")
		if _, known := outlines[key]; !known {
			outlines[key] = b.Outline()
		}
		return outlines[key]
	}
	told := make(map[diag.Pos]bool)
	refuse := func(at diag.Pos, code, message, hint string) {
		if !told[at] {
			told[at] = true
			wrong.Errorf(at, code, "%s", message)
			wrong.Hintf("%s", hint)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Citus)) {
		shared, done := make(map[string]schema.Outline), make(map[string]bool)
		var next []tableKey
		for i := range d.Targets { // the shared services come first
			t := &d.Targets[i]
			switch {
			case t.Database != name || done[t.Blueprint.Digest]:
			case t.Shared:
				shared[t.Schema] = outline(t.Blueprint)
			default:
				done[t.Blueprint.Digest] = true
				for _, k := range outline(t.Blueprint).Keys {
					to := tableKey{k.RefSchema, k.RefTable}
					if _, there := shared[to.schema]; there {
						next = append(next, to)
					} else if to.schema != "" {
						refuse(k.Pos, codeReference, reachesOut(to, name), hintReachesOut)
					}
				}
			}
		}
		needed := make(map[tableKey]bool)
		for len(next) > 0 {
			k := next[0]
			if next = next[1:]; needed[k] {
				continue
			}
			needed[k] = true
			if at, partitioned := shared[k.schema].Partitioned[k.table]; partitioned {
				refuse(at, codePartitioned, hasPartitions(k, name), hintPartitions)
			}
			for _, more := range shared[k.schema].Keys {
				if to := (tableKey{cmp.Or(more.RefSchema, k.schema), more.RefTable}); more.Table == k.table && shared[to.schema].Partitioned != nil {
					next = append(next, to)
				}
			}
		}
	}
	return wrong
}

// What Citus forbids, in words.
const (
	codeReference   = "citus-reference"
	codePartitioned = "citus-partitioned"

	hintReachesOut = "move the table into a shared service, which becomes a reference table, or into the tenant's schema"
	hintPartitions = "have tenants refer to a table without partitions"
)

func reachesOut(to tableKey, database string) string {
	return fmt.Sprintf("a foreign key refers to %s, which is neither in the tenant's schema nor a table of a shared service: Citus refuses it in the database %s", to, database)
}

func hasPartitions(k tableKey, database string) string {
	return fmt.Sprintf("tenants refer to %s, so it has to be on every worker of the database %s, and Citus makes no reference table of one with partitions", k, database)
}

// whereReferred finds the line of a target's sources that refers to a table, else
// where the target is asked for.
func whereReferred(t *Target, k tableKey) diag.Pos {
	pattern := regexp.MustCompile(`(?i)references\s+"?` + regexp.QuoteMeta(k.schema) + `"?\s*\.\s*"?` + regexp.QuoteMeta(k.table) + `\b`)
	for _, path := range t.Blueprint.Files() {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it was read a moment ago; the target's own place will do
		}
		if at := pattern.FindIndex(text); at != nil {
			before := string(text[:at[0]])
			return diag.Pos{File: path, Line: strings.Count(before, "\n") + 1, Column: at[0] - strings.LastIndex(before, "\n")}
		}
	}
	return t.Source
}

// extras are the statements added to a change, as text: changes of one class have
// the same.
func (c *Change) extras() (text string) {
	for _, s := range c.extra {
		text += s.SQL + ";\n"
	}
	return text
}
