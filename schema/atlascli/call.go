package atlascli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ariga.io/atlas-go-sdk/atlasexec"
)

// A call is one run of the binary.
type call struct {
	dir     string            // its own folder, or empty
	config  string            // the path of the project file
	workDir string            // where it runs; empty means in dir
	vars    atlasexec.VarArgs // nil, or input variables
	env     map[string]string // what it gets beside our own environment
}

// call runs f with a client of its own, since the SDK's setters are not safe for
// concurrent use. The binary that f runs ends with the context, and so does
// whatever it has started.
func (e *Engine) call(ctx context.Context, c call, f func(*atlasexec.Client) error) error {
	if c.dir == "" {
		dir, err := e.folder.sub()
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		c.dir = dir
	}
	start, err := starterOf(e.options.Path, filepath.Join(c.dir, "pid"))
	if err != nil {
		return err
	}
	client, err := atlasexec.NewClient(cmp.Or(c.workDir, c.dir), start.path)
	if err != nil {
		return err
	}
	if err := client.SetEnv(environment(os.Environ(), c.env, start.env)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, start.kill)
	err = f(client)
	if !stop() {
		start.kill() // what came to be while the context was done already
		return context.Cause(ctx)
	}
	return e.said(err, c.env)
}

// environment is what the binary sees: ours, without what names managed
// databases, and with its telemetry and update checks off. (The SDK turns off
// the update checks, and would not let us.)
func environment(ours []string, more ...map[string]string) map[string]string {
	out := make(map[string]string)
	for _, kv := range ours {
		name, value, _ := strings.Cut(kv, "=")
		if !namesDatabase(name) && !strings.HasPrefix(name, "ATLAS_NO_UP") {
			out[name] = value
		}
	}
	out["ATLAS_NO_ANON_TELEMETRY"], out["DO_NOT_TRACK"], out["NO_COLOR"] = "true", "1", "1"
	for _, m := range more {
		for name, value := range m {
			out[name] = value
		}
	}
	return out
}

// namesDatabase reports whether an environment variable may lead to a managed
// database, as those do that PostgreSQL's clients read.
func namesDatabase(name string) bool {
	return strings.HasPrefix(name, "PG") || strings.HasSuffix(name, "DATABASE_URL") || strings.HasSuffix(name, "DATABASE_URL_FILE")
}

// said returns an error that says in a line what the binary has said at length,
// and nothing that it should not have.
func (e *Engine) said(err error, secrets map[string]string) error {
	if err == nil {
		return nil
	}
	var failed *atlasexec.Error
	text := err.Error()
	if errors.As(err, &failed) && failed.Stderr == "" && failed.Stdout == "" {
		text = fmt.Sprint(failed.Unwrap())
	} else if errors.As(err, &failed) && failed.Stderr == "" && strings.Contains(fmt.Sprint(failed.Unwrap()), "decoding JSON") {
		text = "it has not answered in JSON: " + failed.Stdout
	}
	text = inBrief(text, secrets)
	if strings.Contains(text, "unexpected number of rows: 1") { // it asks for lc_collate, which is no longer a setting
		text += " (this Atlas does not know PostgreSQL 16 and newer: use a newer one)"
	}
	return fmt.Errorf("%s: %s", e.options.Path, text)
}

// notFound says that there is no binary.
func notFound(binary string) error {
	if strings.ContainsRune(binary, filepath.Separator) {
		return fmt.Errorf("there is no program at %s", binary)
	}
	return fmt.Errorf("there is no %s in $PATH", binary)
}
