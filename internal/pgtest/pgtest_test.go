package pgtest_test

import (
	"testing"

	"tenantry/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestURL(t *testing.T) {
	for range 5 {
		t.Log(pgtest.URL(t))
	}
	u := pgtest.URL(t)
	t.Log(pgtest.Role(t, u, "CREATEDB"))
}

func BenchmarkURL(b *testing.B) {
	for b.Loop() {
		pgtest.URL(b)
	}
}
