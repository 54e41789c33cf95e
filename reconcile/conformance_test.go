package reconcile_test

import (
	"cmp"
	"context"
	"os"
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
// some of them, since each is many processes, and in full size some more; with
// $TENANTRY_TEST_CONFORMANCE set it takes all.
func TestEvolvedAndCreatedTenantsAreTheSameWithTheBinary(t *testing.T) {
	lives := evolutions()
	if os.Getenv("TENANTRY_TEST_CONFORMANCE") == "" {
		lives = nil
		names := []string{"enums", "foreign_keys", "sql_views", "shared", "unique", "checks", "indexes", "types"}
		for _, name := range names[:pgtest.Size(3, len(names))] {
			lives = append(lives, "testdata/evolutions/"+name+".txtar")
		}
	}
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
	eachArchive(t, lives, atlastest.Newest(t), func(t *testing.T, e *evolution) {
		_, name, _ := strings.Cut(t.Name(), "/")
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

// binaryURL returns the URL of a database of a PostgreSQL that the Atlas binary
// knows.
func binaryURL(t testing.TB) string {
	t.Helper()
	return pgtest.URLBetween(t, 0, atlastest.Newest(t))
}

// binaryEngine returns the Atlas binary as an engine, on a dev server of all tests
// that it knows.
func binaryEngine(t testing.TB) *atlascli.Engine {
	t.Helper()
	return binaryEngineAt(t, atlastest.Binary(t), binaryURL(t))
}

// The limit that keeps the tests here off a newer server. Where it is gone, this
// fails: a newer binary knows every server that there is.
func TestOldAtlasStillDoesNotKnowPostgreSQL16(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, pgtest.URLBetween(t, 16, anyMajor), map[string]string{"atlas.hcl": oneService, "app.hcl": users, "tenants.yaml": tenants("acme")})
	w.engine.Engine = binaryEngineAt(t, atlastest.Binary(t), pgtest.URLBetween(t, 16, anyMajor))
	const says = "this Atlas does not know PostgreSQL 16 and newer"
	if o := w.reconcile().Outcomes[0]; strings.Contains(o.Error, says) != atlastest.IsOld(t) {
		t.Errorf("%s: %s", o.Result, o.Error)
	}
}

// binaryEngineAt is the Atlas binary at a path with the dev server at a URL.
func binaryEngineAt(t testing.TB, path, devURL string) *atlascli.Engine {
	t.Helper()
	ctx := context.Background()
	dev, err := postgres.OpenDev(ctx, devURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
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
