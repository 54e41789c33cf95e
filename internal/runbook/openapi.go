package runbook

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"sync"

	"gopkg.in/yaml.v3"
)

//go:embed openapi.yaml
var openAPIText []byte

// OpenAPI returns the API's description as JSON: OpenAPI 3.1.
var OpenAPI = sync.OnceValue(func() []byte {
	var document any
	if err := yaml.Unmarshal(openAPIText, &document); err != nil {
		panic("runbook: openapi.yaml does not parse: " + err.Error()) // a test reads it
	}
	out, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		panic("runbook: openapi.yaml is not JSON: " + err.Error())
	}
	return out
})

func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Write(OpenAPI())
	return nil
}
