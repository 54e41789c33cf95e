package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"tenantry/internal/loop"
)

//go:embed static templates
var files embed.FS

// Options is what the pages work with.
type Options struct {
	Prefix string           // of all paths, as the API has it
	Now    func() time.Time // for how long ago something was
	// Observation is asked for what a form offers to choose from.
	Observation func() *loop.Observation
}

// Pages are the pages.
type Pages struct {
	Options
	api    http.Handler
	assets map[string]asset
	mux    *http.ServeMux
}

// New returns the pages of an API.
func New(api http.Handler, o Options) *Pages {
	p := &Pages{Options: o, api: api, assets: loadAssets(), mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /assets/{name}", p.asset)
	for pattern, show := range map[string]page{
		"GET /{$}":                    p.fleet,
		"GET /tenants/{id}":           p.tenant,
		"POST /tenants/{id}/{action}": p.act,
		"GET /provision":              p.provisionForm,
		"POST /provision":             p.provision,
		"GET /runs":                   p.runs,
		"GET /runs/{id}":              p.run,
		"GET /plan":                   p.planForm,
		"POST /plan":                  p.makePlan,
		"GET /plans/{id}":             p.plan,
		"POST /plans/{id}/apply":      p.applyPlan,
		"GET /audit":                  p.audit,
		"GET /loop":                   p.loopPage,
		"POST /loop/{action}":         p.steer,
		"/":                           p.nowhere,
	} {
		p.mux.Handle(pattern, p.serve(show))
	}
	return p
}

// ServeHTTP implements http.Handler.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// An asset is a file that pages refer to.
type asset struct {
	content    []byte
	kind, etag string
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func loadAssets() map[string]asset {
	assets := make(map[string]asset)
	names, err := fs.Glob(files, "static/*")
	if err != nil {
		panic("ui: " + err.Error()) // the pattern is right
	}
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			panic("ui: " + err.Error()) // it is embedded
		}
		sum := sha256.Sum256(content)
		assets[path.Base(name)] = asset{content, kinds[path.Ext(name)], `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	return assets
}

// asset answers with a file: to anybody, since the page that asks who somebody is
// needs it too.
func (p *Pages) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := p.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "public, no-cache")
	header.Set("ETag", a.etag)
	if strings.Contains(r.Header.Get("If-None-Match"), a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", a.kind)
	w.Write(a.content) // whoever went away misses nothing
}
