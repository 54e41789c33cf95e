package tenantsfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// Git is the repository that a file is in.
type Git struct {
	Path      string // of the file
	Committer string // "Name <address>"
}

// patience is how long a command of git may take.
const patience = time.Minute

// Commit commits the file, and nothing else, with the author's name.
func (g Git) Commit(ctx context.Context, author, message string) error {
	name, address := identity(g.Committer)
	_, err := g.run(ctx, []string{"GIT_COMMITTER_NAME=" + name, "GIT_COMMITTER_EMAIL=" + address},
		"commit", "--quiet", "--no-gpg-sign", "--author", authorOf(author), "--message", message, "--only", "--", filepath.Base(g.Path))
	return err
}

// Pull brings the folder to what its upstream has. Commits that are only here
// are put on top.
func (g Git) Pull(ctx context.Context) error {
	name, address := identity(g.Committer)
	_, err := g.run(ctx, []string{"GIT_COMMITTER_NAME=" + name, "GIT_COMMITTER_EMAIL=" + address}, "pull", "--quiet", "--rebase")
	if err != nil {
		_, undo := g.run(ctx, nil, "rebase", "--abort")
		if undo == nil {
			err = fmt.Errorf("%w; the rebase was taken back", err)
		}
	}
	return err
}

// Push brings commits upstream.
func (g Git) Push(ctx context.Context) error {
	_, err := g.run(ctx, nil, "push", "--quiet")
	return err
}

// Check makes sure that the file is in a repository, and tracked by it.
func (g Git) Check(ctx context.Context) error {
	_, err := g.run(ctx, nil, "ls-files", "--error-unmatch", "--", filepath.Base(g.Path))
	return err
}

func (g Git) run(ctx context.Context, env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = filepath.Dir(g.Path)
	cmd.Env = append(append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("git %s: %s", args[0], strings.Join(strings.Fields(stderr.String()), " "))
	}
	return string(out), err
}

// authorOf returns a caller's name as git has authors.
func authorOf(by string) string {
	name, address := identity(by)
	return name + " <" + address + ">"
}

// identity returns the name and address of a person: both where they are written
// as git writes them, else what can be made of a name alone.
func identity(by string) (name, address string) {
	clean := strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, by))
	if before, rest, ok := strings.Cut(clean, "<"); ok {
		clean, address = strings.TrimSpace(before), strings.TrimSpace(strings.ReplaceAll(rest, ">", ""))
	}
	clean = strings.NewReplacer("<", "", ">", "").Replace(clean)
	switch {
	case address != "":
	case strings.Contains(clean, "@"):
		address = clean
	default:
		address = strings.ReplaceAll(strings.ToLower(clean), " ", ".") + "@tenantry.invalid"
	}
	if clean == "" {
		clean = "unknown"
	}
	return clean, address
}
