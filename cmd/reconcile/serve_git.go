package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/pflag"

	"tenantry/internal/tenantsfile"
)

// gitOptions are the flags of serve about git.
type gitOptions struct {
	commit, push bool
	pull         time.Duration
}

func (o *gitOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.commit, "git-commit", false, "commit each change of the tenants file, with who asked for it as the author")
	f.BoolVar(&o.push, "git-push", false, "and push it")
	f.DurationVar(&o.pull, "git-pull", 0, "pull so often")
}

func (o *gitOptions) check() error {
	switch {
	case o.push && !o.commit:
		return usagef("--git-push is for --git-commit")
	case o.pull != 0 && o.pull < time.Second:
		return usagef("--git-pull must be at least 1s")
	}
	return nil
}

// writer returns what edits the tenants file, and commits it where that is
// wanted.
func (a *app) writer(ctx context.Context, src *source, o gitOptions) (*tenantsfile.File, error) {
	file := &tenantsfile.File{Path: a.options.file, Options: src.fileOptions}
	if !o.commit && o.pull == 0 {
		return file, nil
	}
	host, _ := os.Hostname() // without one the committer is only less telling
	git := tenantsfile.Git{Path: a.options.file, Committer: "reconcile serve <reconcile@" + host + ".invalid>"}
	if err := git.Check(ctx); err != nil {
		return nil, hinted{err, "--git-commit and --git-pull need the tenants file to be in a git repository, and committed"}
	}
	if o.commit {
		file.Commit = func(ctx context.Context, author, message string) error {
			if err := git.Commit(ctx, author, message); err != nil || !o.push {
				return err
			}
			if err := git.Push(ctx); err != nil {
				a.log.Warn("a commit is not pushed yet", "error", redacted(err.Error()))
			}
			return nil
		}
	}
	if o.pull > 0 {
		go a.pulling(ctx, file, git, o)
	}
	return file, nil
}

// pulling pulls at an interval, until the context ends. What changes, the loop
// sees by itself.
func (a *app) pulling(ctx context.Context, file *tenantsfile.File, git tenantsfile.Git, o gitOptions) {
	tick := time.NewTicker(o.pull)
	defer tick.Stop()
	for {
		unlock := file.Lock()
		err := git.Pull(ctx)
		unlock()
		if err == nil && o.push {
			err = git.Push(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.log.Error("git does not bring what is new", "error", redacted(err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
