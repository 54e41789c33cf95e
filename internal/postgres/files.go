package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tenantry/reconcile"
	"tenantry/schema"
)

// A segment is a part of a step with files that is committed as one: a file, with
// what has to be done before it, or statements that are of no file.
type segment struct {
	statements []schema.Statement
	file       *schema.FileRun
	own        int // how many of the statements are the file's: the last ones
	index      int // among the step's segments
}

// after returns how many segments are done once so many of the segment's statements
// have run.
func (s *segment) after(ran int) int {
	if ran == len(s.statements) {
		return s.index + 1
	}
	return s.index
}

// together reports whether the segment is one transaction.
func (s *segment) together() bool {
	return (s.file == nil || s.file.Migration.Transactional) && !slices.ContainsFunc(s.statements, func(s schema.Statement) bool { return !s.Transactional || s.Alone })
}

// segmentsOf cuts a step at its files.
func segmentsOf(w reconcile.Work) (out []segment) {
	at := 0
	for i := range w.Files {
		f := &w.Files[i]
		if f.Count == 0 {
			out = append(out, segment{file: f})
			continue
		}
		before, own := w.Statements[at:f.First], w.Statements[f.First:f.First+f.Count]
		whole := segment{statements: w.Statements[at : f.First+f.Count], file: f, own: f.Count}
		switch {
		case len(before) == 0 || whole.together():
			out = append(out, whole)
		default:
			out = append(out, segment{statements: before}, segment{statements: own, file: f, own: f.Count})
		}
		at = f.First + f.Count
	}
	if at < len(w.Statements) {
		out = append(out, segment{statements: w.Statements[at:]})
	}
	for i := range out {
		out[i].index = i
	}
	return out
}

// applyFiles applies a step with files: each is committed with its record. Those
// that are transactions go in one round trip, as many as follow each other; what
// stops one stops those after it. Others go statement by statement, each recorded.
func (db *DB) applyFiles(ctx context.Context, w reconcile.Work) error {
	err := db.applySegments(ctx, w)
	if isMoved(err) {
		return db.filesOvertaken(ctx, w)
	}
	return err
}

// filesOvertaken says what it means that a target is not what a step with files
// starts from, or has its structure already.
func (db *DB) filesOvertaken(ctx context.Context, w reconcile.Work) error {
	p, err := db.place(ctx, w.Run.ID, w.Target.Schema, w.Target.Schema)
	switch {
	case err != nil:
		return err
	case p.status == reconcile.StatusBetween && p.busy:
		return reconcile.ErrBusy
	case p.status == reconcile.StatusApplied && p.blueprint == w.Target.Blueprint && p.fingerprint == w.To:
		return reconcile.ErrAlready
	}
	return &reconcile.StaleError{Key: reconcile.Key{Database: db.name, Schema: w.Target.Schema}}
}

func (db *DB) applySegments(ctx context.Context, w reconcile.Work) error {
	segments := segmentsOf(w)
	done, begun, err := db.begun(ctx, w, segments)
	if err != nil {
		return err
	}
	for i := done; i < len(segments); {
		end := i
		for end < len(segments) && segments[end].together() {
			end++
		}
		if end > i {
			err = db.applyTogether(ctx, w, segments[i:end], i == 0 && !begun, end == len(segments))
		} else {
			end = i + 1
			err = db.applyApart(ctx, w, segments[i], i == 0 && !begun, end == len(segments))
		}
		if err != nil {
			return err
		}
		i = end
	}
	return nil
}

// begun returns how many segments this run has committed before it had to try
// again. Of one that was cut short, what has run is left out.
func (db *DB) begun(ctx context.Context, w reconcile.Work, segments []segment) (done int, begun bool, err error) {
	if !w.Again {
		return 0, false, nil
	}
	err = db.pool.QueryRow(ctx, "SELECT parts_done FROM tenantry.target WHERE schema = $1 AND run = $2 AND step = $3 AND status = 'between'",
		w.Target.Schema, w.Run.ID, w.Step).Scan(&done)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err == nil {
		done, err = db.committed(ctx, w, segments, done)
	}
	if err != nil || done >= len(segments) || segments[done].file == nil {
		return min(done, len(segments)), true, db.wrap(err)
	}
	s := &segments[done]
	var position int
	err = db.pool.QueryRow(ctx, "SELECT position FROM tenantry.migration WHERE schema = $1 AND service = $2 AND key = $3 AND run = $4 AND NOT done",
		w.Target.Schema, s.file.Service, s.file.Migration.Key(), w.Run.ID).Scan(&position)
	if errors.Is(err, pgx.ErrNoRows) {
		return done, true, nil
	}
	if ran := position - s.file.Begin; err == nil && ran >= 0 && ran < s.own {
		rest := *s.file
		rest.Begin, rest.Count, rest.Resumed = position, s.file.Count-ran, true
		s.statements, s.file, s.own = s.statements[len(s.statements)-s.own+ran:], &rest, rest.Count
	}
	return done, true, db.wrap(err)
}

// committed returns how many segments are done, where so many are said to be: a
// file's own record says that of its segment.
func (db *DB) committed(ctx context.Context, w reconcile.Work, segments []segment, done int) (int, error) {
	rows, err := db.pool.Query(ctx, "SELECT service || ' ' || key FROM tenantry.migration WHERE schema = $1 AND run = $2 AND done", w.Target.Schema, w.Run.ID)
	if err != nil {
		return 0, err
	}
	applied, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for i, s := range segments {
		if s.file != nil && slices.Contains(applied, s.file.Service+" "+s.file.Migration.Key()) {
			done = max(done, i+1)
		}
	}
	return done, err
}

// filesPortion is a portion of a step with files.
func filesPortion(w reconcile.Work) portion {
	w.Scope = nil
	return portion{Work: w, base: &w.Base, want: w.To}
}

// applyTogether applies segments in one round trip, a transaction each.
func (db *DB) applyTogether(ctx context.Context, w reconcile.Work, segments []segment, first, last bool) error {
	p := filesPortion(w)
	t := newTransaction(db, p)
	from := make(map[int]schema.Statement) // by the query of the batch
	var result string
	for i, s := range segments {
		if i > 0 {
			t.begin()
		}
		t.come(first && i == 0, s)
		for _, stmt := range s.statements {
			t.refuseIf(stmt)
			from[t.batch.Len()] = stmt
			t.batch.Queue(stmt.For(w.Target.Schema))
		}
		if s.file != nil {
			t.recordFile(first && i == 0, s)
		}
		switch {
		case last && i == len(segments)-1:
			t.statements = summaryOf(w)
			t.leave(&result)
		case first && i == 0:
			t.between(1)
		}
		if i < len(segments)-1 {
			t.batch.Queue("COMMIT")
		}
	}
	failed, err := t.sendInline(ctx)
	return db.filesError(p, from, failed, err)
}

// filesError says which statement of which file an error is about.
func (db *DB) filesError(p portion, from map[int]schema.Statement, failed int, err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == refusedNotConverged {
		return &reconcile.NotConvergedError{Key: p.key(db), Want: p.want, Have: refused.Detail}
	}
	s, ok := from[failed]
	if err == nil || !ok {
		return err
	}
	return db.fileError(p, s, err)
}

// fileError says where a statement that was refused is from.
func (db *DB) fileError(p portion, s schema.Statement, err error) error {
	if s.Comment != "" {
		err = &reconcile.FileError{Where: s.Comment, Err: db.wrap(err)}
	}
	return db.statementError(p, s.For(p.Target.Schema), err)
}

// begin begins another transaction in the same round trip.
func (t *transaction) begin() {
	t.batch.Queue("BEGIN")
}

// come begins with a segment that is one transaction. The record of a file is made
// by the function that takes the lock, since all of it is committed together.
func (t *transaction) come(first bool, s segment) {
	if first || s.file == nil {
		t.arrive(first, s.index+1)
		return
	}
	args := append(migrationArgs(t.Run.ID, t.Target.Schema, t.Names, *s.file, s.file.Begin+s.file.Count), t.lockWithin())
	t.batch.Queue("SELECT "+t.db.functions.name("file")+"("+places(len(args))+")", args...)
	t.searchPath()
}

// recordFile queues what come has not recorded of a file.
func (t *transaction) recordFile(first bool, s segment) {
	if first {
		queueMigration(&t.batch, t.Run.ID, t.Target.Schema, t.Names, *s.file, s.file.Begin+s.file.Count)
	} else {
		queueFlyway(&t.batch, t.Target.Schema, t.Names, *s.file)
	}
}

// arrive takes the target's lock, and makes sure of the base, or that nobody else
// was at the target since this run has begun with it. Of a new schema what was
// recorded of an earlier one of its name goes.
func (t *transaction) arrive(first bool, done int) {
	if first {
		t.enter()
		if t.Base == "" {
			t.batch.Queue(forgetMigrations, []string{t.Target.Schema})
		} else {
			t.batch.Queue("SELECT "+t.db.functions.name("unmoved")+"($1, $2, $3)", cmp.Or(t.At, t.Target.Schema), flywayTool.table, t.History)
		}
	} else {
		t.batch.Queue("SELECT "+t.db.functions.name("follow")+"($1, $2, $3, $4)", t.lockWithin(), t.Target.Schema, t.Run.ID, done)
	}
	t.searchPath()
}

func (t *transaction) searchPath() {
	t.batch.Queue("SET LOCAL search_path = " + schema.QuoteIdent(t.Target.Schema) + ", public")
}

// between records that so many segments of the step are done.
func (t *transaction) between(done int) {
	r := t.Target
	r.Status = reconcile.StatusBetween
	if t.At != "" {
		t.batch.Queue(moveRecord, t.At, r.Schema)
		t.batch.Queue(moveMigrations, t.At, r.Schema)
		t.At = ""
	}
	t.batch.Queue(upsertBetween, betweenArgs(t.Run, r, t.Step, done, "")...)
}

// summaryOf is what is kept of a step with files as the change that was made: the
// files by name, for they are kept elsewhere, and the statements that are of none.
func summaryOf(w reconcile.Work) (out []schema.Statement) {
	for _, s := range segmentsOf(w) {
		out = append(out, s.statements[:len(s.statements)-s.own]...)
		if s.file != nil {
			out = append(out, schema.Statement{SQL: "-- " + s.file.Script})
		}
	}
	return out
}

// fileFunction takes the target's lock, makes sure that nobody else was at the
// target since the run has begun with it, and records a file, as recordMigration has
// it.
var fileFunction = `CREATE OR REPLACE FUNCTION tenantry.file_@(m_schema text, m_service text, m_key text, m_script text, m_version text, m_description text, m_type text, m_checksum text,
	m_position integer, m_done boolean, m_prefix text, m_run text, lock_within text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan AS $file$
BEGIN
` + takeLocks("m_schema") + `	IF NOT EXISTS (SELECT FROM tenantry.target t WHERE t.schema = m_schema AND t.run = m_run AND t.status = 'between') THEN
		RAISE EXCEPTION 'it is not what the step starts from' USING ERRCODE = '` + refusedStale + `';
	END IF;
	` + recordMigration + `;
END$file$`

// followFunction takes the target's lock and makes sure that nobody else was at
// the target since the run has begun with it. It records how many segments are done.
var followFunction = `CREATE OR REPLACE FUNCTION tenantry.follow_@(lock_within text, one_schema text, our_run text, done integer) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $follow$
BEGIN
` + takeLocks("one_schema") + `	UPDATE tenantry.target t SET parts_done = done WHERE t.schema = one_schema AND t.run = our_run AND t.status = 'between';
	IF NOT FOUND THEN
		RAISE EXCEPTION 'it is not what the step starts from' USING ERRCODE = '` + refusedStale + `';
	END IF;
END$follow$`
