package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// manifests reads the documents of a YAML file.
func manifests(t *testing.T, path string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var document map[string]any
		err := d.Decode(&document)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, document)
	}
}

// within returns all values of a key, wherever they are.
func within(value any, key string) (found []any) {
	switch v := value.(type) {
	case map[string]any:
		for k, of := range v {
			if k == key {
				found = append(found, of)
			}
			found = append(found, within(of, key)...)
		}
	case []any:
		for _, of := range v {
			found = append(found, within(of, key)...)
		}
	}
	return found
}

// understood makes sure that the command takes such arguments.
func understood(t *testing.T, where string, value any) {
	t.Helper()
	list, ok := value.([]any)
	if !ok {
		t.Fatalf("%s: the arguments are %v", where, value)
	}
	var args []string
	for _, a := range list {
		args = append(args, a.(string))
	}
	var said bytes.Buffer
	if code := run(context.Background(), append(args, "--help"), io.Discard, &said); code != 0 {
		t.Errorf("%s: reconcile %q: %s", where, args, &said)
	}
}

func TestKubernetesManifestsHoldTogether(t *testing.T) {
	t.Parallel()
	const dir = "../../examples/kubernetes"
	kustomization := manifests(t, filepath.Join(dir, "kustomization.yaml"))[0]
	all, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, path := range all {
		name := filepath.Base(path)
		if name == "kustomization.yaml" {
			continue
		}
		if !slices.Contains(kustomization["resources"].([]any), any(name)) {
			t.Errorf("kustomization.yaml does not have %s", name)
		}
		for _, m := range manifests(t, path) {
			metadata, _ := m["metadata"].(map[string]any)
			if m["apiVersion"] == nil || m["kind"] == nil || metadata["name"] == nil {
				t.Errorf("%s: not a manifest: %v", name, m)
			}
			kinds = append(kinds, m["kind"].(string))
			for _, args := range within(m, "args") {
				understood(t, name, args)
			}
			for _, mount := range within(m, "configMap") {
				if mount.(map[string]any)["name"] != "tenantry-files" {
					t.Errorf("%s: %v is not generated", name, mount)
				}
			}
		}
	}
	for _, kind := range []string{"Deployment", "CronJob", "Role", "RoleBinding", "ServiceAccount", "NetworkPolicy", "Service"} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("there is no %s", kind)
		}
	}
	for _, file := range within(kustomization, "files")[0].([]any) {
		if !exists(filepath.Join(dir, file.(string))) {
			t.Errorf("there is no %v", file)
		}
	}
	var said bytes.Buffer
	if code := run(context.Background(), []string{"validate", "-f", filepath.Join(dir, "files", "tenants.yaml")}, &said, &said); code != 0 {
		t.Errorf("the files are wrong: %s", &said)
	}
}

func TestTheComposeFileIsValid(t *testing.T) {
	t.Parallel()
	const file = "../../examples/stack/docker-compose.yml"
	out, err := exec.Command("docker-compose", "--file", file, "config", "--quiet").CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("there is no docker-compose on this machine; on Debian: apt-get install docker-compose")
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	services := manifests(t, file)[0]["services"].(map[string]any)
	understood(t, file, services["reconcile"].(map[string]any)["command"])
	for name, of := range services {
		s := of.(map[string]any)
		if s["healthcheck"] == nil && name != "reconcile" { // whose image has nothing that could ask
			t.Errorf("%s has no health check", name)
		}
		volumes, _ := s["volumes"].([]any)
		for _, v := range volumes {
			from, _, _ := strings.Cut(v.(string), ":")
			if from[0] == '.' && !exists(filepath.Join(filepath.Dir(file), from)) {
				t.Errorf("%s: there is no %s", name, from)
			}
		}
	}
}
