package reconcile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// goPackage is a part of what go list -json prints.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// goList lists every package of the module.
func goList(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("go list: ", err)
	}
	var packages []goPackage
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// within reports whether a package is the one named, or below it.
func within(path string, parents ...string) bool {
	return slices.ContainsFunc(parents, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
}

const (
	atlasModule = "ariga.io/atlas"
	pgxModule   = "github.com/jackc/pgx/v5"
)

// The data goes one way, and so do the imports.
func TestImportsFollowTheData(t *testing.T) {
	t.Parallel()
	packages := goList(t)
	if len(packages) < 8 {
		t.Fatalf("only %d packages", len(packages))
	}
	for _, p := range packages {
		for _, imported := range p.Imports {
			if why := forbidden(p.ImportPath, imported); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if within(imported, "tenantry/cmd") {
				t.Errorf("a test of %s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// forbidden says why a package may not import another, or "".
func forbidden(importer, imported string) string {
	is := func(paths ...string) bool { return within(importer, paths...) }
	of := func(paths ...string) bool { return within(imported, paths...) }
	switch {
	case of("tenantry/cmd"):
		return "only cmd builds concrete things"
	case is("tenantry/state") && of("tenantry/schema"), is("tenantry/schema") && of("tenantry/state"):
		return "state and schema do not know each other"
	case is("tenantry/state", "tenantry/schema") && of("tenantry/reconcile", "tenantry/internal/postgres", "tenantry/internal/report"):
		return "that is where the data goes, not where it comes from"
	case is("tenantry/internal/diag") && of("tenantry"):
		return "diag is below everything else"
	case is("tenantry/reconcile") && of("tenantry/internal/postgres", "tenantry/internal/embedded", "tenantry/internal/report", "database/sql"):
		return "reconcile knows no driver and no renderer"
	case is("tenantry/internal/report") && of("tenantry/internal/postgres", "tenantry/internal/embedded", "tenantry/state"):
		return "a renderer reads reports"
	case of(atlasModule) && !is("tenantry/schema"):
		return "no type of Atlas leaves schema"
	case of(pgxModule) && !is("tenantry/internal/postgres", "tenantry/internal/embedded", "tenantry/internal/pgtest", "tenantry/internal/fleetbench", "tenantry/examples"): // an example is somebody else's program
		return "no type of pgx leaves internal/postgres"
	case of("ariga.io/atlas-go-sdk") && !is("tenantry/schema/atlascli"):
		return "only atlascli runs the binary"
	case of("github.com/lib/pq"):
		return "pgx is the driver"
	case of("tenantry/internal/pgtest", "tenantry/internal/atlastest", "testing") && !is("tenantry/internal/pgtest", "tenantry/internal/atlastest"):
		return "it is for tests"
	}
	return ""
}

// What is imported by way of others counts too, where it would bring a driver or
// an engine along.
func TestDependenciesAreFewWhereTheyShouldBe(t *testing.T) {
	t.Parallel()
	without := map[string][]string{
		"tenantry/state":           {atlasModule, pgxModule, "github.com/lib/pq", "github.com/hashicorp/hcl/v2", "tenantry/schema", "tenantry/reconcile", "database/sql"},
		"tenantry/schema":          {pgxModule, "github.com/lib/pq", "tenantry/state", "tenantry/reconcile"},
		"tenantry/reconcile":       {pgxModule, "github.com/lib/pq", "tenantry/internal/postgres", "tenantry/internal/embedded", "tenantry/internal/report", "github.com/spf13/cobra"},
		"tenantry/internal/report": {pgxModule, "github.com/lib/pq", "tenantry/internal/postgres", "github.com/spf13/cobra"},
		"tenantry/internal/diag":   {atlasModule, pgxModule, "gopkg.in/yaml.v3", "github.com/hashicorp/hcl/v2"},
		"tenantry/cmd/reconcile":   {"tenantry/internal/pgtest", "tenantry/internal/atlastest"},
	}
	seen := 0
	for _, p := range goList(t) {
		if _, ok := without[p.ImportPath]; ok {
			seen++
		}
		for _, dep := range p.Deps {
			if within(dep, without[p.ImportPath]...) {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
	}
	if seen != len(without) {
		t.Errorf("%d of %d packages are there", seen, len(without))
	}
}
