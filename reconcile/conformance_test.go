package reconcile_test

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"tenantry/internal/atlastest"
	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/schema"
	"tenantry/schema/atlascli"
)

// The conformance suite: the lives of testdata/evolutions, which the library goes
// through in TestEvolvedAndCreatedTenantsAreTheSame, with the Atlas binary. It takes
// some of them, since each is many processes; with $TENANTRY_TEST_CONFORMANCE set it
// takes all.
func TestEvolvedAndCreatedTenantsAreTheSameWithTheBinary(t *testing.T) {
	some := []string{"checks", "enums", "foreign_keys", "indexes", "shared", "sql_views", "types", "unique"}
	// What Atlas 0.13.1 cannot do, by the words in which it says so. A life that it
	// gets through after all fails the test: its limit is gone.
	limits := map[string]string{
		"comments":     "set comment to index",                              // names an index without its schema
		"everyday":     "there is no unique constraint matching given keys", // it reads over unique blocks
		"foreign_keys": "there is no unique constraint matching given keys",
		"identity":     "unexpected attribute change (expect IDENTITY)", // that a column gets or loses
		"literals":     `type "order[]" does not exist`,                 // an array of an enum with the name of a keyword
		"serials":      "unexpected attribute change (expect IDENTITY)",
		"unique":       "there is no unique constraint matching given keys",
	}
	// What no binary can do: a dev server has the extensions of the database that is
	// planned for, and nothing else of what is outside of the schema.
	anyBinary := map[string]string{"elsewhere": `type "public.email" does not exist`}
	old := atlastest.IsOld(t)
	eachArchive(t, "testdata/evolutions/*.txtar", func(t *testing.T, e *evolution) {
		name := t.Name()[len("TestEvolvedAndCreatedTenantsAreTheSameWithTheBinary/"):]
		if os.Getenv("TENANTRY_TEST_CONFORMANCE") == "" && !slices.Contains(some, name) {
			t.Skip("one of many")
		}
		e.w.engine.Engine = binaryEngine(t)
		limit := anyBinary[name]
		if old {
			limit = cmp.Or(limit, limits[name])
		}
		if limit != "" {
			e.stopsAt(limit)
			return
		}
		e.live()
	})
}

// stopsAt goes through the versions until one fails in those words, and fails the
// test where none does.
func (e *evolution) stopsAt(words string) {
	for version := 1; e.has(version); version++ {
		e.to(version)
		for _, o := range e.w.reconcile().Outcomes {
			if strings.Contains(o.Error, words) {
				return
			}
		}
		e.rows(version)
	}
	e.t.Errorf("the limit is gone: nothing says %q any more", words)
}

// binaryEngine returns the Atlas binary as an engine, on a dev server of all tests.
func binaryEngine(t testing.TB) *atlascli.Engine {
	t.Helper()
	return binaryEngineAt(t, atlastest.Binary(t))
}

// The limit that keeps an old binary from the tests here on a new server. Where it
// is gone, this fails.
func TestOldAtlasStillDoesNotKnowPostgreSQL16(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"atlas.hcl": oneService, "app.hcl": users, "tenants.yaml": tenants("acme")})
	if atlastest.Knows(t, w.db.Version()/10000) {
		t.Skip("it does not come to that")
	}
	w.engine.Engine = binaryEngineFor(t, atlastest.Binary(t), false)
	const says = "this Atlas does not know PostgreSQL 16 and newer"
	if o := w.reconcile().Outcomes[0]; !strings.Contains(o.Error, says) {
		t.Errorf("the limit is gone: %q", o.Error)
	}
}

func binaryEngineAt(t testing.TB, path string) *atlascli.Engine {
	t.Helper()
	return binaryEngineFor(t, path, true)
}

// binaryEngineFor skips a test that is to work and cannot.
func binaryEngineFor(t testing.TB, path string, works bool) *atlascli.Engine {
	t.Helper()
	ctx := context.Background()
	dev, err := postgres.OpenDev(ctx, pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	if works && !atlastest.Knows(t, dev.Major()) {
		t.Skipf("Atlas %s does not know PostgreSQL %d", atlastest.Old, dev.Major())
	}
	engine, err := atlascli.Open(ctx, atlascli.Options{
		Path: path,
		Dev:  func(context.Context, string, int) (schema.DevServer, error) { return dev, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	return engine
}
