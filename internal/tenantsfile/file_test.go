package tenantsfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tenantry/internal/tenantsfile"
	"tenantry/state"
)

var options = state.Options{Services: []string{"app"}}

// newFile returns a tenants file with comments in it, in a repository.
func newFile(t *testing.T) *tenantsfile.File {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "tenants.yaml")
	if err := os.WriteFile(path, []byte("# who we have\ntenants:\n  - acme # the first\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "init", "--quiet")
	git(t, dir, "add", ".")
	git(t, dir, "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "-m", "Begin")
	return &tenantsfile.File{Path: path, Options: func() (state.Options, error) { return options, nil }}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func ids(t *testing.T, f *tenantsfile.File) map[string]state.TenantState {
	t.Helper()
	file, err := state.Load(f.Path, options)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]state.TenantState)
	for _, tenant := range file.Tenants {
		all[tenant.ID] = tenant.State
	}
	return all
}

func TestManyAskAtOnceAndEachIsAnswered(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	var asking sync.WaitGroup
	refused := make([]error, 40)
	for i := range refused {
		asking.Go(func() {
			id := fmt.Sprint("t", i)
			switch i % 10 {
			case 3:
				id = "not an id"
			case 7:
				id = "t0" // another asks for it too
			}
			refused[i] = f.Add(t.Context(), "ann", state.Tenant{ID: id})
			if i%10 == 5 && refused[i] == nil {
				refused[i] = f.SetState(t.Context(), "ann", id, state.Retired)
			}
		})
	}
	asking.Wait()
	have := ids(t, f)
	taken := 0
	for i, err := range refused {
		switch {
		case i%10 == 3 && !tenantsfile.IsRefused(err):
			t.Errorf("what is not an id was not refused: %v", err)
		case i%10 == 7 || i == 0:
			if err == nil {
				taken++
			}
		case i%10 != 3 && err != nil:
			t.Errorf("t%d: %v", i, err)
		}
	}
	if taken != 1 {
		t.Errorf("the tenant that five ask for was added %d times", taken)
	}
	if len(have) != 1+40-4-4 || have["t5"] != state.Retired {
		t.Errorf("the file has %d tenants: %v", len(have), have)
	}
	if text, _ := os.ReadFile(f.Path); !strings.HasPrefix(string(text), "# who we have\ntenants:\n  - acme # the first\n") {
		t.Errorf("what was there is not as it was:\n%s", text)
	}
}

func TestEachChangeIsACommitByWhoAskedForIt(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	repository := tenantsfile.Git{Path: f.Path, Committer: "the server <server@example.com>"}
	f.Commit = repository.Commit
	if err := repository.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(f.Path), "other"), []byte("not ours"), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, filepath.Dir(f.Path), "add", "other")
	for _, err := range []error{
		f.Add(t.Context(), "Ann Smith <ann@example.com>", state.Tenant{ID: "globex"}),
		f.Add(t.Context(), "bob", state.Tenant{ID: "initech"}),
		f.SetState(t.Context(), "eve@example.com\n--amend", "acme", state.Retired),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Add(t.Context(), "bob", state.Tenant{ID: "acme"}); !tenantsfile.IsRefused(err) {
		t.Errorf("a tenant that is there: %v", err)
	}
	log := git(t, filepath.Dir(f.Path), "log", "--reverse", "--format=%an|%ae|%cn|%s", "--stat=200", "--name-only")
	want := "test|test@example.com|test|Begin\n\ntenants.yaml\n" +
		"Ann Smith|ann@example.com|the server|Add the tenant globex\n\ntenants.yaml\n" +
		"bob|bob@tenantry.invalid|the server|Add the tenant initech\n\ntenants.yaml\n" +
		"eve@example.com--amend|eve@example.com--amend|the server|Retire the tenant acme\n\ntenants.yaml\n"
	if log != want {
		t.Errorf("the history is\n%s\nnot\n%s", log, want)
	}
	if status := git(t, filepath.Dir(f.Path), "status", "--porcelain"); status != "A  other\n" {
		t.Errorf("what somebody else prepared was committed: %q", status)
	}
}

func TestWhatCannotBeCommittedIsTakenBack(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.Commit = func(context.Context, string, string) error { return errors.New("a hook does not like it") }
	before, _ := os.ReadFile(f.Path)
	err := f.Add(t.Context(), "ann", state.Tenant{ID: "globex"})
	after, _ := os.ReadFile(f.Path)
	if err == nil || !strings.Contains(err.Error(), "a hook does not like it") || string(before) != string(after) {
		t.Errorf("%v\n%s", err, after)
	}
}

func TestPullsPutOurCommitsOnTop(t *testing.T) {
	t.Parallel()
	theirs := newFile(t)
	dir := t.TempDir()
	git(t, dir, "clone", "--quiet", filepath.Dir(theirs.Path), "here")
	ours := &tenantsfile.File{Path: filepath.Join(dir, "here", "tenants.yaml"), Options: theirs.Options}
	repository := tenantsfile.Git{Path: ours.Path, Committer: "the server <server@example.com>"}
	ours.Commit = repository.Commit
	if err := ours.Add(t.Context(), "ann", state.Tenant{ID: "globex"}); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(filepath.Dir(theirs.Path), "app.hcl")
	if err := os.WriteFile(other, []byte("# new"), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, filepath.Dir(theirs.Path), "add", ".")
	git(t, filepath.Dir(theirs.Path), "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "-m", "Define")
	if err := repository.Pull(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "here", "app.hcl")); err != nil || len(ids(t, ours)) != 2 {
		t.Errorf("after a pull: %v, %v", err, ids(t, ours))
	}
}
