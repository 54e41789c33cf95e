package runbook_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tenantry/internal/runbook"
)

const ann, bob = "ann-0123456789-0123456789", "bob-0123456789-0123456789"

func write(t *testing.T, path, text string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestTokensAreReadAgainWhenTheirFileChanges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens")
	hashed := sha256.Sum256([]byte(bob))
	write(t, path, "# who may\n\nviewer ann "+ann+"\n  operator bob sha256:"+hex.EncodeToString(hashed[:])+"\n", time.Unix(1, 0))
	f, err := runbook.NewTokenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	find := func(token string) string {
		name, role, ok := f.Find(sha256.Sum256([]byte(token)))
		return fmt.Sprint(name, " ", role, " ", ok)
	}
	if a, b, c := find(ann), find(bob), find("sha256:"+hex.EncodeToString(hashed[:])); a != "ann viewer true" || b != "bob operator true" || c != "  false" {
		t.Errorf("they are %q, %q and, for a hash itself, %q", a, b, c)
	}
	write(t, path, "operator ann "+ann+"\n", time.Unix(2, 0))
	if a, b := find(ann), find(bob); a != "ann operator true" || b != "  false" {
		t.Errorf("after a change they are %q and %q", a, b)
	}
	write(t, path, "broken", time.Unix(3, 0))
	if a := find(ann); a != "  false" {
		t.Errorf("a file that is broken lets %q in", a)
	}
	write(t, path, "viewer ann "+ann+"\n", time.Unix(4, 0))
	if a := find(ann); a != "ann viewer true" {
		t.Errorf("once it is mended, they are %q", a)
	}
}

func TestATokenFileThatIsWrongSaysWhereAndNotWhat(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "has no tokens",
		"# nobody\n":                     "has no tokens",
		"viewer " + ann + "\n":           ":1: a line has a role, a name and a token",
		"\nadmin ann " + ann + "\n":      ":2: the role is neither viewer nor operator",
		"viewer ann short-secret\n":      ":1: the token is shorter than 20 characters",
		"viewer ann sha256:0123456789\n": ":1: what follows sha256: is not a hash",
	} {
		path := filepath.Join(t.TempDir(), "tokens")
		write(t, path, text, time.Unix(1, 0))
		_, err := runbook.NewTokenFile(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		} else if strings.Contains(err.Error(), ann) || strings.Contains(err.Error(), "short-secret") {
			t.Errorf("the error shows a token: %v", err)
		}
	}
}
