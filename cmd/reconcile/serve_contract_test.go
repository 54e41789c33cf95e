package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tenantry/internal/runbook"
)

// A contract is openapi.yaml, as the tests hold answers against it.
type contract struct {
	document map[string]any
	compiler *jsonschema.Compiler

	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema // by their place in the document
	called  map[string]map[int]bool       // the statuses that each operation answered with
}

var theContract = sync.OnceValues(func() (*contract, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(runbook.OpenAPI()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", document); err != nil {
		return nil, err
	}
	return &contract{document: document.(map[string]any), compiler: c, schemas: make(map[string]*jsonschema.Schema), called: make(map[string]map[int]bool)}, nil
})

// at returns the part of the document at a place, references followed, and its
// own place.
func (c *contract) at(place ...string) (part any, found []string) {
	part, found = c.document, nil
	for _, key := range place {
		m, ok := part.(map[string]any)
		if !ok {
			return nil, nil
		}
		if part, ok = m[key]; !ok {
			return nil, nil
		}
		found = append(found, key)
		if m, ok := part.(map[string]any); ok {
			if ref, ok := m["$ref"].(string); ok {
				found = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
				part, _ = c.at(found...)
			}
		}
	}
	return part, found
}

// operation returns the path and id of the operation that a request is for.
func (c *contract) operation(method, path string) (template, id string, ok bool) {
	asked := strings.Split(path, "/")
	for template, item := range c.document["paths"].(map[string]any) {
		parts := strings.Split(template, "/")
		if len(parts) != len(asked) {
			continue
		}
		fits := true
		for i, p := range parts {
			fits = fits && (p == asked[i] || strings.HasPrefix(p, "{") && asked[i] != "")
		}
		if op, of := item.(map[string]any)[strings.ToLower(method)].(map[string]any); fits && of {
			return template, op["operationId"].(string), true
		}
	}
	return "", "", false
}

// check returns what is wrong with an answer.
func (c *contract) check(method, path string, status int, header http.Header, body []byte) error {
	if status == http.StatusTemporaryRedirect {
		return nil // a path that leads up is told where it leads to
	}
	path, _, _ = strings.Cut(path, "?")
	template, id, ok := c.operation(method, path)
	if !ok {
		return nil // there is no such operation, which is not the contract's to say
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.called[id] == nil {
		c.called[id] = make(map[int]bool)
	}
	c.called[id][status] = true
	answer, place := c.at("paths", template, strings.ToLower(method), "responses", fmt.Sprint(status))
	if answer == nil {
		if status < 400 {
			return fmt.Errorf("%s does not answer with %d", id, status)
		}
		_, place = c.at("paths", template, strings.ToLower(method), "responses", "default")
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("%s: the content type %q: %w", id, header.Get("Content-Type"), err)
	}
	if _, of := c.at(append(place, "content", kind)...); of == nil {
		return fmt.Errorf("%s does not answer %d with %s", id, status, kind)
	}
	if !strings.HasSuffix(kind, "json") {
		return nil
	}
	schema, err := c.schema(append(place, "content", kind, "schema"))
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		return fmt.Errorf("%s answers %d otherwise than openapi.yaml says: %w\n%s", id, status, err, body)
	}
	return nil
}

func (c *contract) schema(place []string) (*jsonschema.Schema, error) {
	pointer := "openapi.json#"
	for _, key := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(key)
	}
	if s, ok := c.schemas[pointer]; ok {
		return s, nil
	}
	s, err := c.compiler.Compile(pointer)
	c.schemas[pointer] = s
	return s, err
}

// Every operation is called, and every answer is as the document says; that is
// what ask sees to, here and in every other test.
func TestEveryOperationKeepsItsContract(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, map[string]string{"tenants.yaml": "policy: {max_removals: 0}\ntenants:\n  - acme\n  - id: globex\n    labels: {plan: gold}\n"})
	s.get(200, "GET", "/api/v1/openapi.json", "")
	s.get(200, "GET", "/api/v1/me", "")
	s.get(200, "GET", "/api/v1/status", "")
	s.get(200, "GET", "/api/v1/tenants?limit=1", "")
	s.get(200, "GET", "/api/v1/tenants?label=plan=gold&q=GLOB&state=in_sync&database=main&service=app&after=acme", "")
	s.get(200, "GET", "/api/v1/tenants/acme", "")
	s.get(200, "POST", "/api/v1/tenants/initech/preview", `{"name": "Initech"}`)
	s.get(201, "PUT", "/api/v1/tenants/initech?wait=true", `{"name": "Initech"}`)
	s.get(200, "GET", "/api/v1/tenants/initech/history?limit=5", "")
	s.get(200, "GET", "/api/v1/tenants/acme/structure", "")
	s.sql("ALTER TABLE tenant_acme.users ALTER COLUMN email DROP NOT NULL")
	s.get(200, "GET", "/api/v1/tenants/acme/diff", "")
	if status, header, text := s.ask("GET", "/api/v1/tenants/acme/sql", ""); status != 200 || !strings.Contains(string(text), "SET NOT NULL") {
		t.Errorf("the SQL of a drifted tenant: %d %v\n%s", status, header, text)
	}
	plan := s.get(201, "POST", "/api/v1/plans", `{}`)["plan_id"].(string)
	s.get(200, "GET", "/api/v1/plans/"+plan, "")
	run := s.get(200, "POST", "/api/v1/plans/"+plan+"/apply?wait=true", "")["id"].(string)
	s.get(200, "GET", "/api/v1/runs/"+run, "")
	s.get(200, "GET", "/api/v1/runs?limit=3", "")
	s.get(200, "POST", "/api/v1/tenants/acme/reconcile?wait=true", `{"destructive": false}`)
	s.get(200, "POST", "/api/v1/loop/reconcile?wait=true", "")
	if p := s.get(200, "POST", "/api/v1/loop/suspend", `{"reason": "a release", "for": "1h"}`)["pause"].(map[string]any); p["reason"] != "a release" {
		t.Errorf("the pause: %v", p)
	}
	s.get(202, "PUT", "/api/v1/tenants/umbrella", "")
	s.get(200, "POST", "/api/v1/loop/resume", "")
	s.until("what was asked for during the pause is done", func() bool { return s.tenant("umbrella")["ready"] == true })
	s.get(200, "POST", "/api/v1/tenants/initech/retire?wait=true", "")
	s.until("it is seen to be retired", func() bool { return s.tenant("initech")["state"] == "retired" })
	s.get(200, "POST", "/api/v1/tenants/initech/resume?wait=true", "")
	s.until("it is seen to be back", func() bool { return s.tenant("initech")["ready"] == true })
	s.get(200, "POST", "/api/v1/tenants/initech/suspend?wait=true", "")
	s.until("it is seen to be suspended", func() bool {
		return s.tenant("initech")["state"] == "suspended" && s.tenant("initech")["ready"] == false
	})
	s.get(200, "GET", "/api/v1/audit?limit=2", "")
	s.events()

	c, _ := theContract()
	for path, item := range c.document["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			if of, ok := op.(map[string]any); ok && method != "parameters" {
				id := of["operationId"].(string)
				c.mu.Lock()
				if len(c.called[id]) == 0 {
					t.Errorf("%s %s (%s) was not called", method, path, id)
				}
				c.mu.Unlock()
			}
		}
	}
}

// events reads the first event of a stream, which somebody else's write brings.
func (s *runbookServer) events() {
	s.t.Helper()
	r, err := http.NewRequest("GET", s.base+"/api/v1/events?after=1", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	c, _ := theContract()
	if err := c.check("GET", "/api/v1/events", resp.StatusCode, resp.Header, nil); err != nil {
		s.t.Error(err)
	}
	var text []byte
	for !bytes.Contains(text, []byte("\n\ndata: ")) && !bytes.Contains(text, []byte("data: {")) {
		chunk := make([]byte, 4096)
		n, err := resp.Body.Read(chunk)
		if err != nil {
			s.t.Fatalf("no event: %v\n%s", err, text)
		}
		text = append(text, chunk[:n]...)
	}
	for line := range strings.Lines(string(text)) {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok || !json.Valid([]byte(data)) {
			continue
		}
		schema, err := c.schema([]string{"components", "schemas", "Event"})
		if err != nil {
			s.t.Fatal(err)
		}
		value, _ := jsonschema.UnmarshalJSON(strings.NewReader(data))
		if err := schema.Validate(value); err != nil {
			s.t.Errorf("an event is not as openapi.yaml says: %v\n%s", err, data)
		}
	}
}

// The document and the server have the same operations.
func TestTheDocumentHasEveryOperation(t *testing.T) {
	t.Parallel()
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for path, item := range c.document["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			if of, ok := op.(map[string]any); ok && of["operationId"] != nil {
				documented = append(documented, of["operationId"].(string)+" "+strings.ToUpper(method)+" "+path)
			}
		}
	}
	served := runbook.Operations()
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("openapi.yaml has\n  %s\nand the server\n  %s", strings.Join(documented, "\n  "), strings.Join(served, "\n  "))
	}
}
