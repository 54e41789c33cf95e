package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"tenantry/internal/diag"
)

// An Applied is what a history says of one migration of a schema, in the order
// in which they were applied.
type Applied struct {
	Service     string // "" in Flyway's table, which does not say
	Script      string
	Version     string
	Description string
	Type        MigrationType // or AppliedMarker
	Checksum    string        // "" where it is not known
	Position    int           // how many of its statements have run, where it is not Done
	Done        bool
	Failed      bool   // Flyway says so
	Prefix      string // see Migration.Prefix, where it is not Done
	Foreign     bool   // it is in Flyway's table and not yet in the control schema
}

// AppliedMarker is the type of a version that was not applied, but declared as
// what a schema has: Flyway's baseline command.
const AppliedMarker MigrationType = "marker"

func (a *Applied) key() string { return migrationKey(a.Type, a.Version, a.Description) }

// A FileRun is one file's part of a step.
type FileRun struct {
	Migration *Migration `json:"-"`
	Service   string     `json:"service"`
	Script    string     `json:"script"`
	First     int        `json:"first"`              // the first of its statements among the step's
	Count     int        `json:"count"`              // how many they are; 0 where it is only recorded
	Begin     int        `json:"begin,omitempty"`    // how many of its statements have run before
	Resumed   bool       `json:"-"`                  // it was begun before: the next statement may have run without its record
	Repaired  bool       `json:"repaired,omitempty"` // it is on record as it was, and is to be as it is
}

func runOf(m *Migration) FileRun {
	return FileRun{Migration: m, Service: m.Service, Script: m.Script, Count: len(m.statements)}
}

// Versioned reports whether files say how the schema comes about.
func (b *Blueprint) Versioned() bool { return len(b.directories) > 0 }

// FlywayHistory returns the name of Flyway's table in the target's schema where
// the history is kept in it, else "".
func (b *Blueprint) FlywayHistory() string {
	for _, d := range b.directories {
		if d.History == HistoryFlyway {
			return d.Table
		}
	}
	return ""
}

// Notes are what is to be said of the directories that is not wrong.
func (b *Blueprint) Notes() (out diag.List) {
	for _, d := range b.directories {
		out = append(out, d.notes...)
	}
	return out
}

// Pos is the place of the first of the blueprint's services.
func (b *Blueprint) Pos() diag.Pos { return b.pos }

// DescribedService returns the first service of which both files and sources tell.
func (b *Blueprint) DescribedService() string {
	for _, d := range b.directories {
		return d.Service
	}
	return nameOf(b)
}

// A HistoryError says why what was applied to a schema does not go with the files.
type HistoryError struct{ Problems []string }

func (e *HistoryError) Error() string {
	return "its history does not go with the files: " + strings.Join(e.Problems, "; ")
}

// Pending returns what of the files is still to be run for a schema of those
// names, in order. An error is a *HistoryError.
func (b *Blueprint) Pending(applied []Applied, n Names) ([]FileRun, error) {
	var out []FileRun
	var problems []string
	for _, d := range b.directories {
		h := &standing{directory: d, names: n, of: make(map[string]*Applied)}
		h.take(applied)
		for _, m := range b.migrations {
			if m.Directory == d {
				h.files = append(h.files, m)
			}
		}
		out = append(out, h.pending()...)
		problems = append(problems, h.problems...)
	}
	if len(problems) > 0 {
		return nil, &HistoryError{Problems: problems}
	}
	return out, nil
}

// standing is how one directory stands to a schema's history.
type standing struct {
	directory *Directory
	names     Names
	files     []*Migration
	of        map[string]*Applied // the last row of each key
	last      string              // the highest version that was applied
	marked    string              // what a baseline stands for
	begun     bool                // there is a history
	problems  []string
}

func (h *standing) say(format string, args ...any) {
	h.problems = append(h.problems, fmt.Sprintf(format, args...))
}

// take takes the rows that are the directory's.
func (h *standing) take(applied []Applied) {
	for i := range applied {
		a := &applied[i]
		if a.Service != "" && a.Service != h.directory.Service {
			continue
		}
		h.begun = true
		h.of[a.key()] = a
		if a.Type != MigrationRepeatable && compareVersions(a.Version, h.last) > 0 {
			h.last = a.Version
		}
		if (a.Type == AppliedMarker || a.Type == MigrationBaseline) && compareVersions(a.Version, h.marked) > 0 {
			h.marked = a.Version
		}
		if a.Failed {
			h.say("%s has failed under Flyway: flyway repair takes it out of %s once what it left is cleaned up", a.Script, h.directory.Table)
		}
	}
}

// pending returns the runs that are missing, and notes what is wrong.
func (h *standing) pending() []FileRun {
	var out []FileRun
	known := make(map[string]bool)
	base := h.baseline()
	for _, m := range h.files {
		known[m.key()] = true
		a := h.of[m.key()]
		switch {
		case a != nil && !a.Done && !a.Failed:
			out = append(out, h.resume(m, a)...)
		case m.Type == MigrationRepeatable:
			if a == nil || a.Checksum != m.Checksum(h.names) {
				out = append(out, runOf(m))
			}
		case a != nil:
			h.compare(m, a)
		case m.Type == MigrationBaseline:
			if m == base {
				out = append(out, runOf(m))
			}
		case base != nil && compareVersions(m.Version, base.Version) <= 0:
		case h.marked != "" && compareVersions(m.Version, h.marked) <= 0:
		case compareVersions(m.Version, h.last) < 0 && h.directory.Order == OrderLinear:
			h.say("%s comes before %s, which was applied: give it a higher version, or set exec_order = NON_LINEAR", m.Script, h.last)
		case compareVersions(m.Version, h.last) < 0 && h.directory.Order == OrderLinearSkip:
		default:
			out = append(out, runOf(m))
		}
	}
	h.unknown(known)
	return out
}

// baseline returns the baseline that a schema without a history begins with.
func (h *standing) baseline() (base *Migration) {
	for _, m := range h.files {
		if m.Type == MigrationBaseline && !h.begun {
			base = m
		}
	}
	return base
}

// resume goes on with a file that has been begun.
func (h *standing) resume(m *Migration, a *Applied) []FileRun {
	if a.Position > m.Len() || m.Prefix(a.Position) != a.Prefix {
		h.say("%s was changed in the first %d of its statements, which have run", m.Script, a.Position)
		return nil
	}
	run := runOf(m)
	run.Begin, run.Count, run.Resumed = a.Position, m.Len()-a.Position, true
	return []FileRun{run}
}

func (h *standing) compare(m *Migration, a *Applied) {
	if a.Checksum != "" && a.Checksum != m.Checksum(h.names) {
		h.say("%s was changed after it was applied (its checksum was %s and is %s): put it back as it was, and write what is new into a new file; or let it count as applied as it is now, with --repair", m.Script, a.Checksum, m.Checksum(h.names))
	}
}

// unknown notes what was applied and is no file.
func (h *standing) unknown(known map[string]bool) {
	var missing []string
	for key, a := range h.of {
		if known[key] || a.Type == AppliedMarker || a.Type == MigrationRepeatable || a.Failed {
			continue
		}
		missing = append(missing, a.Script)
	}
	slices.Sort(missing)
	for _, script := range missing {
		h.say("%s was applied and is not in %s: bring it back", script, h.directory.Path)
	}
}

// At returns the blueprint of what those migrations have made, as far as the files
// still tell, in the order in which a new schema runs them. A repeatable one that
// has changed since is left out.
func (b *Blueprint) At(applied []Applied, n Names) *Blueprint {
	at := *b
	at.Goal, at.runs = nil, []FileRun{}
	rows := make(map[string]*Applied)
	marked := make(map[string]string) // by service: what counts as applied
	for i := range applied {
		a := &applied[i]
		rows[a.Service+"/"+a.key()] = a
		if a.Type == AppliedMarker {
			marked[a.Service] = a.Version
		}
	}
	for _, m := range b.migrations {
		run, a := runOf(m), rows[fileKey(m)]
		upTo, isMarked := marked[m.Service]
		switch {
		case a == nil && isMarked && m.Type == MigrationVersioned && compareVersions(m.Version, upTo) <= 0:
		case a == nil:
			continue
		case !a.Done:
			run.Count = min(a.Position, m.Len())
		case m.Type == MigrationRepeatable && a.Checksum != m.Checksum(n):
			continue
		}
		at.runs = append(at.runs, run)
	}
	h := sha256.New()
	fmt.Fprintf(h, "at %s\n", b.Digest)
	for _, r := range at.runs {
		fmt.Fprintf(h, "%q %q %d\n", r.Service, r.Script, r.Count)
	}
	at.Digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	return &at
}

// AppliedBy returns the history of a schema that has those runs behind it.
func AppliedBy(runs []FileRun, n Names) (out []Applied) {
	for _, r := range runs {
		m := r.Migration
		out = append(out, Applied{
			Service: m.Service, Script: m.Script, Version: m.Version, Description: m.Description, Type: m.Type,
			Checksum: m.Checksum(n), Done: true, Foreign: true,
		})
	}
	return out
}

// Claim returns those rows of a schema's histories that count: of a service whose
// history is Flyway's, what Flyway's table says, and what only the control schema
// knows of files that have been begun; of others what the control schema says,
// and of migrations that it does not know what Flyway has left behind.
func (b *Blueprint) Claim(rows []Applied) []Applied {
	var out []Applied
	for _, d := range b.directories {
		known := make(map[string]bool)
		for _, a := range rows {
			if !a.Foreign && a.Service == d.Service {
				known[a.key()] = true
			}
		}
		var own []Applied
		for _, a := range rows {
			switch {
			case a.Foreign && (d.History == HistoryFlyway || d.Format == FormatFlyway && !known[a.key()] && b.FlywayHistory() == ""):
				a.Service = d.Service
				out = append(out, a)
			case a.Foreign || a.Service != d.Service || d.History == HistoryFlyway && a.Done:
			default:
				own = append(own, a)
			}
		}
		out = append(out, own...) // what another tool has done came before
	}
	return out
}

// Learned returns what is to be recorded of a history that was found and not made:
// runs without statements.
func (b *Blueprint) Learned(applied []Applied) []FileRun {
	var out []FileRun
	for _, a := range applied {
		if !a.Foreign || b.FlywayHistory() != "" {
			continue
		}
		for _, m := range b.migrations {
			if m.Service == a.Service && (m.key() == a.key() || a.Type == AppliedMarker && m.Type == MigrationVersioned && compareVersions(m.Version, a.Version) <= 0) {
				out = append(out, Recorded(runOf(m)))
			}
		}
	}
	return out
}

// Repair returns a history in which files that were changed after they were applied
// are as they are now, and what is to be recorded for that.
func (b *Blueprint) Repair(applied []Applied, n Names) (mended []Applied, repaired []FileRun) {
	mended = slices.Clone(applied)
	for i := range mended {
		a := &mended[i]
		for _, m := range b.migrations {
			if m.Service != a.Service || m.key() != a.key() || m.Type == MigrationRepeatable || !a.Done || a.Checksum == "" || a.Checksum == m.Checksum(n) {
				continue
			}
			a.Checksum = m.Checksum(n)
			run := Recorded(runOf(m))
			run.Repaired = true
			repaired = append(repaired, run)
		}
	}
	return mended, repaired
}

// Recorded returns a run of which nothing is run.
func Recorded(r FileRun) FileRun {
	r.Begin, r.Count = r.Migration.Len(), 0
	return r
}

// FromBaseline returns the runs that a schema without a history has behind it, as
// the migration blocks say; ok is false where they do not.
func (b *Blueprint) FromBaseline() (runs []FileRun, ok bool) {
	for _, d := range b.directories {
		for _, m := range b.migrations {
			if m.Directory == d && d.Baseline != "" && m.Type == MigrationVersioned && compareVersions(m.Version, d.Baseline) <= 0 {
				runs, ok = append(runs, runOf(m)), true
			}
		}
	}
	return runs, ok
}

// Describe identifies a history among those of one blueprint.
func Describe(applied []Applied) string {
	var b strings.Builder
	for _, a := range applied {
		fmt.Fprintf(&b, "%q %q %q %d %v %v\n", a.Service, a.key(), a.Checksum, a.Position, a.Done, a.Foreign)
	}
	return b.String()
}
