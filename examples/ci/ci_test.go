// Package ci_test checks the examples of workflows as far as that can be done
// without the services that they are for.
package ci_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"tenantry/internal/report"
)

// workflow is what is looked at of a workflow of GitHub's, or of an action.
type workflow struct {
	Name        string
	On          map[string]any    `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Permissions map[string]string
		Steps       []step
	}
	Runs struct{ Steps []step }
}

type step struct {
	Name, Uses, Run string
}

func (w workflow) steps() []step {
	out := w.Runs.Steps
	for _, job := range w.Jobs {
		out = append(out, job.Steps...)
	}
	return out
}

// read decodes a YAML file.
func read[T any](t *testing.T, path string) T {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// workflows returns the workflows and actions by path.
func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	paths, _ := filepath.Glob("github/workflows/*.yml")
	actions, _ := filepath.Glob("github/actions/*/action.yml")
	out := make(map[string]workflow)
	for _, path := range append(paths, actions...) {
		out[path] = read[workflow](t, path)
	}
	if len(out) < 5 {
		t.Fatalf("only %d files were found", len(out))
	}
	return out
}

func TestWorkflowsOfPullRequestsCannotWrite(t *testing.T) {
	t.Parallel()
	for path, w := range workflows(t) {
		if strings.HasSuffix(path, "action.yml") {
			continue
		}
		if len(w.Permissions) == 0 {
			t.Errorf("%s does not say what it may do", path)
		}
		if _, dangerous := w.On["pull_request_target"]; dangerous {
			t.Errorf("%s runs pull requests with the rights of the repository", path)
		}
		_, untrusted := w.On["pull_request"]
		for what, right := range w.Permissions {
			if untrusted && right == "write" {
				t.Errorf("%s may write %s", path, what)
			}
		}
		for name, job := range w.Jobs {
			if len(job.Permissions) > 0 {
				t.Errorf("%s: the job %s has rights of its own", path, name)
			}
		}
	}
}

func TestTheCommentNeverRunsWhatIsInThePullRequest(t *testing.T) {
	t.Parallel()
	w := read[workflow](t, "github/workflows/tenantry-comment.yml")
	for _, s := range w.steps() {
		if strings.Contains(s.Uses, "checkout") || strings.HasPrefix(s.Uses, "./") {
			t.Errorf("it uses %s", s.Uses)
		}
	}
	plan := read[workflow](t, "github/workflows/tenantry-plan.yml")
	after := w.On["workflow_run"].(map[string]any)["workflows"].([]any)
	if len(after) != 1 || after[0] != plan.Name {
		t.Errorf("it follows %v, not %q", after, plan.Name)
	}
}

func TestActionsAreNamedByCommitAndAreThere(t *testing.T) {
	t.Parallel()
	for path, w := range workflows(t) {
		for _, s := range w.steps() {
			switch local, isLocal := strings.CutPrefix(s.Uses, "./.github/"); {
			case s.Uses == "":
			case isLocal:
				if _, err := os.Stat(filepath.Join("github", local, "action.yml")); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			case !regexp.MustCompile(`^actions/[a-z-]+@[0-9a-f]{40}$`).MatchString(s.Uses):
				t.Errorf("%s uses %s", path, s.Uses)
			}
		}
	}
}

// scripts returns every script of the examples, by where it is.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for path, w := range workflows(t) {
		for _, s := range w.steps() {
			if s.Run != "" {
				out[path+": "+s.Name] = s.Run
			}
		}
	}
	const gitlab = "gitlab/.gitlab-ci.yml"
	for job, value := range read[map[string]any](t, gitlab) {
		for _, key := range []string{"before_script", "script"} {
			fields, _ := value.(map[string]any)
			lines, _ := fields[key].([]any)
			for _, line := range lines {
				out[gitlab+": "+job] += line.(string) + "\n"
			}
		}
	}
	return out
}

func TestScriptsAreShell(t *testing.T) {
	t.Parallel()
	for where, script := range scripts(t) {
		cmd := exec.Command("bash", "-n")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", where, err, out)
		}
		if strings.Contains(script, "${{") {
			t.Errorf("%s: what is between ${{ }} becomes code; it belongs into env", where)
		}
	}
}

func TestScriptsUseFlagsThatThereAre(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	files, _ := filepath.Glob("../../cmd/reconcile/*.go")
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	command := regexp.MustCompile(`(?m)\breconcile((?: apply [^ ]+)?(?: +\\\n| +-)[^|;)]*)`)
	found := 0
	for where, script := range scripts(t) {
		for _, call := range command.FindAllStringSubmatch(script, -1) {
			for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(strings.SplitN(call[1], "\n\n", 2)[0], -1) {
				found++
				if !strings.Contains(source.String(), `"`+flag[1]+`"`) {
					t.Errorf("%s: reconcile has no flag --%s", where, flag[1])
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d flags were found", found)
	}
}

func TestCommentsAreFoundByTheMarker(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"github/workflows/tenantry-comment.yml", "gitlab/.gitlab-ci.yml", "README.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), report.MarkdownMarker) {
			t.Errorf("%s does not have %s", path, report.MarkdownMarker)
		}
	}
}

func TestThePreCommitHookRunsForWhatIsRead(t *testing.T) {
	t.Parallel()
	config := read[struct {
		Repos []struct {
			Hooks []struct {
				ID, Entry, Language, Files string
				PassFilenames              *bool `yaml:"pass_filenames"`
			}
		}
	}](t, "../pre-commit/.pre-commit-config.yaml")
	hook := config.Repos[0].Hooks[0]
	if hook.Entry != "reconcile validate" || hook.PassFilenames == nil || *hook.PassFilenames {
		t.Errorf("the hook is %+v", hook)
	}
	files := regexp.MustCompile(hook.Files)
	for path, want := range map[string]bool{
		"tenants.yaml": true, "infra/tenants.yml": true, "atlas.hcl": true, "schema/community/posts.hcl": true, "sql/views.sql": true,
		"README.md": false, "config.yaml": false, "my-tenants.yaml.bak": false,
	} {
		if files.MatchString(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}
