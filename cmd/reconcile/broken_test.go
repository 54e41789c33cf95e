package main

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// ofTwo is wrong only beside an atlas.hcl of other services than ours.
const ofTwo = "no-services-of-two.yaml"

// Every way in which tenants.yaml was ever seen to be wrong ends in the same
// way: with the code for it, and a place, and soon.
func TestMalformedFilesExit65WithAPlace(t *testing.T) {
	t.Parallel()
	paths, _ := filepath.Glob("../../state/testdata/broken/*.yaml")
	if len(paths) < 40 {
		t.Fatalf("only %d files were found", len(paths))
	}
	place := regexp.MustCompile(`(?m)\.yaml:[1-9]\d*:[1-9]\d*: error\[[a-z-]+\]: \S`)
	for _, path := range paths {
		if filepath.Base(path) == ofTwo {
			continue
		}
		var stdout, stderr bytes.Buffer
		ended := make(chan int, 1)
		go func() {
			ended <- run(context.Background(), []string{"validate", "--file", path, "--config", "testdata/world/atlas.hcl"}, &stdout, &stderr)
		}()
		select {
		case code := <-ended:
			if code != exitInput || stdout.Len() > 0 {
				t.Errorf("%s: exit code %d, and on stdout %q", path, code, stdout.String())
			}
			if said := stderr.String(); !place.MatchString(said) || strings.Contains(said, "goroutine ") || strings.Contains(said, ".go:") {
				t.Errorf("%s: %s", path, said)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: it hangs", path)
		}
	}
}
