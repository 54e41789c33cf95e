package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The alerts and the dashboard name only metrics, and labels of states, that
// there are.
func TestMonitoringNamesWhatIsServed(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil)
	_, metrics := s.page(200, "/metrics")
	var served []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (tenantry_\w+) (\w+)`).FindAllStringSubmatch(metrics, -1) {
		served = append(served, m[1])
		if m[2] == "histogram" {
			served = append(served, m[1]+"_bucket", m[1]+"_count", m[1]+"_sum")
		}
	}
	for _, name := range []string{"alerts.yaml", "dashboard.json"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", "monitoring", name))
		if err != nil {
			t.Fatal(err)
		}
		var document any
		if strings.HasSuffix(name, ".json") {
			err = json.Unmarshal(text, &document)
		} else {
			err = yaml.Unmarshal(text, &document)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		named := regexp.MustCompile(`tenantry_\w+`).FindAllString(string(text), -1)
		if len(named) < 8 {
			t.Errorf("%s names only %v", name, named)
		}
		for _, metric := range named {
			if !slices.Contains(served, metric) {
				t.Errorf("%s names %s, which is not served:\n%s", name, metric, strings.Join(served, "\n"))
			}
		}
	}
}
