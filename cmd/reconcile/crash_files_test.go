package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
)

// A rollout of pending files is killed at random moments. Each file writes down
// in its schema what it does. After each kill what has been done of a file is what
// its record says: all of it or nothing, and of one that is no transaction its
// first statements, each once; and the next run converges. $TENANTRY_TEST_KILLS says
// how often, $TENANTRY_TEST_TENANTS how many tenants there are, $TENANTRY_TEST_SEED when.
func TestKilledAtAnyMomentEveryFileIsAppliedAndRecordedOrNeither(t *testing.T) {
	t.Parallel()
	for _, history := range []string{"tenantry", "flyway"} {
		t.Run(history, func(t *testing.T) {
			t.Parallel()
			kills, seed := numberFrom("TENANTRY_TEST_KILLS", 4), numberFrom("TENANTRY_TEST_SEED", 1)
			random := rand.New(rand.NewPCG(uint64(seed), 4))
			f := newCrashFleet(t, pgtest.URL(t))
			pooled := pgtest.Pooled(t, f.url)
			f.beginFiles(history)
			took := time.Second
			for kill := 1; kill <= kills; kill++ {
				f.pend(kill + 1)
				cmd := f.command()
				if kill%2 == 0 {
					cmd = f.commandAt(pooled)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(random.Int64N(int64(took))))
				cmd.Process.Kill()
				cmd.Wait()
				f.settle()
				when := fmt.Sprintf("kill %d (seed %d)", kill, seed)
				f.filesAgree(when, history)
				started := time.Now()
				f.mustReconcile()
				took = (took + time.Since(started) + 500*time.Millisecond) / 2
				f.filesAgree("after "+when, history)
				f.recordsAgree("after " + when)
				var unfinished int
				f.query("SELECT count(*) FROM tenantry.migration WHERE NOT done", &unfinished)
				if unfinished > 0 {
					t.Errorf("after %s: %d files are recorded as begun", when, unfinished)
				}
			}
		})
	}
}

// beginFiles makes the fleet by a first file.
func (f *crashFleet) beginFiles(history string) {
	f.file("atlas.hcl", "env \"app\" {\n  migration {\n    dir     = \"file://m\"\n    format  = flyway\n    history = "+history+"\n  }\n}\n")
	if err := os.Mkdir(filepath.Join(f.dir, "m"), 0o755); err != nil {
		f.t.Fatal(err)
	}
	f.file("m/V1__init.sql", "CREATE TABLE done (file text, statement int);\nCREATE TABLE things (id int, x int);\nINSERT INTO things SELECT i, i FROM generate_series(1, 500) i;\nINSERT INTO done VALUES ('V 1', 0);")
	f.mustReconcile()
}

// pend writes four more files, of which the second and the last are no
// transactions, and another form of one that is repeatable.
func (f *crashFleet) pend(i int) {
	done := func(v string, n int) string { return fmt.Sprintf("INSERT INTO done VALUES ('V %d%s', %d);\n", i, v, n) }
	f.file(fmt.Sprintf("m/V%d__together.sql", i), fmt.Sprintf("ALTER TABLE things ADD COLUMN c%d int;\nUPDATE things SET c%d = x;\n", i, i)+done("", 2))
	f.file(fmt.Sprintf("m/V%d.1__apart.sql", i), done(".1", 0)+fmt.Sprintf("CREATE INDEX CONCURRENTLY i%d ON things (c%d);\n", i, i)+done(".1", 2)+done(".1", 3))
	f.file(fmt.Sprintf("m/V%d.2__together.sql", i), fmt.Sprintf("CREATE TABLE t%d (id int);\n", i)+done(".2", 1))
	f.file(fmt.Sprintf("m/V%d.3__apart.sql", i), fmt.Sprintf("CREATE INDEX CONCURRENTLY j%d ON t%d (id);\n", i, i)+done(".3", 1)+fmt.Sprintf("DROP INDEX CONCURRENTLY i%d;\n", i)+done(".3", 3))
	f.file("m/R__seen.sql", fmt.Sprintf("CREATE OR REPLACE VIEW seen AS SELECT id, x, %d AS version FROM things;\nINSERT INTO done VALUES ('R seen', %d);", i, i))
}

// filesAgree compares what files have written down with the histories.
func (f *crashFleet) filesAgree(when, history string) {
	f.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, f.url)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, name := range f.schemas {
		// Twice, or by a file that has no record, or not by one that has it.
		recorded := "SELECT key AS file, position, done FROM tenantry.migration WHERE schema = '" + name + "'"
		if history == "flyway" {
			recorded += " AND NOT done UNION ALL SELECT coalesce('V ' || version, 'R ' || description), 1000, true FROM " + name + ".flyway_schema_history"
		}
		var wrong []string
		err := conn.QueryRow(ctx, `WITH recorded AS (`+recorded+`), said AS (SELECT file, statement, count(*) FROM `+name+`.done WHERE file LIKE 'V%' GROUP BY 1, 2)
			SELECT coalesce(array_agg(concat_ws(' ', s.file, s.statement, s.count, 'times; recorded:', r.file, r.position, r.done)), '{}') FROM said s FULL JOIN recorded r USING (file)
			WHERE s.count <> 1 OR r.file IS NULL OR NOT r.done AND s.statement >= r.position OR s.file IS NULL AND r.file LIKE 'V%' AND (r.done OR r.position > 1)`).Scan(&wrong)
		if err != nil {
			f.t.Fatal(err)
		}
		// Of a file that is done everything, of one that is begun all that it is recorded to have come to.
		for file, statements := range map[string][]int{"": {2}, ".1": {0, 2, 3}, ".2": {1}, ".3": {1, 3}, ".4": {0}} {
			for _, n := range statements {
				var missing []string
				if err := conn.QueryRow(ctx, `WITH recorded AS (`+recorded+`) SELECT coalesce(array_agg(file), '{}') FROM recorded r
					WHERE file ~ $1 AND file <> 'V 1' AND (done OR position > $2) AND NOT EXISTS (SELECT FROM `+name+`.done d WHERE d.file = r.file AND d.statement = $2)`,
					"^V [0-9]+"+strings.ReplaceAll(file, ".", "[.]")+"$", n).Scan(&missing); err != nil {
					f.t.Fatal(err)
				}
				for _, m := range missing {
					wrong = append(wrong, fmt.Sprintf("%s is recorded, and its statement %d has not run", m, n))
				}
			}
		}
		for _, w := range wrong {
			f.t.Errorf("%s: %s: %s", when, name, w)
		}
	}
}

// Several runs at once apply each pending file once, and all end well.
// $TENANTRY_TEST_TOGETHER says how often.
func TestThreeRunsAtOnceApplyEveryFileOnce(t *testing.T) {
	t.Parallel()
	f := newCrashFleet(t, pgtest.URL(t))
	pooled := pgtest.Pooled(t, f.url)
	f.beginFiles("tenantry")
	for i := 1; i <= numberFrom("TENANTRY_TEST_TOGETHER", 2); i++ {
		f.pend(i + 1)
		f.threeAtOnce(fmt.Sprintf("round %d", i), pooled)
		f.mustConverge()
		f.filesAgree(fmt.Sprintf("round %d", i), "tenantry")
		// What changes rows alone leaves no trace in the structure.
		f.file(fmt.Sprintf("m/V%d.4__rows.sql", i+1), fmt.Sprintf("INSERT INTO done VALUES ('V %d.4', 0);", i+1))
		f.threeAtOnce(fmt.Sprintf("round %d, rows", i), pooled)
		f.mustConverge()
		f.filesAgree(fmt.Sprintf("round %d, rows", i), "tenantry")
	}
}
