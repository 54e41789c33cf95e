package ui

import (
	"bytes"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"tenantry/internal/runbook"
)

// A page answers a request, or returns what kept it from that.
type page func(w http.ResponseWriter, r *http.Request, v *view) error

// A view is what every page shows around its own part, and that part.
type view struct {
	call
	words
	Title  string
	Here   string // the part of the navigation that the page belongs to
	Me     runbook.Caller
	Status runbook.Status
	Data   any
}

// CanWrite reports whether whoever looks may change anything.
func (v *view) CanWrite() bool { return v.Me.Role == runbook.Operator && !v.Status.ReadOnly }

// LoggedIn reports whether there is a login to end.
func (v *view) LoggedIn() bool {
	_, err := v.r.Cookie(runbook.CookieName)
	return err == nil
}

// policy is what a page may load, and from where.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// serve shows a page to whoever may see it, and what is wrong where something is.
func (p *Pages) serve(show page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Add("Vary", "Cookie")
		v := &view{call: call{p.api, r}, words: words{p.Prefix, p.Now()}}
		err := v.get(&v.Me, "/me")
		if err == nil {
			err = v.get(&v.Status, "/status")
		}
		if err == nil {
			err = show(w, r, v)
		}
		if err != nil {
			p.failed(w, r, v, err)
		}
	})
}

// failed shows what went wrong. Who is not known here is asked who they are.
func (p *Pages) failed(w http.ResponseWriter, r *http.Request, v *view, err error) {
	problem := problemOf(err)
	if problem.Status == http.StatusUnauthorized {
		http.Redirect(w, r, p.Prefix+"/login", http.StatusSeeOther)
		return
	}
	v.Title, v.Data = problem.Title, problem
	if err := v.show(w, problem.Status, "problem"); err != nil {
		http.Error(w, problem.Detail, problem.Status)
	}
}

func problemOf(err error) *runbook.Problem {
	var problem *runbook.Problem
	if errors.As(err, &problem) {
		if problem.Title == "" {
			problem.Title = http.StatusText(problem.Status)
		}
		return problem
	}
	return &runbook.Problem{Status: http.StatusInternalServerError, Title: "Something is wrong here", Detail: err.Error()}
}

// templates are those of the pages, by name, each with the layout. Only who serves
// pages takes the time to read them.
var templates = sync.OnceValue(func() map[string]*template.Template {
	base := template.Must(template.New("").ParseFS(files, "templates/layout.html", "templates/parts.html"))
	out := make(map[string]*template.Template)
	for _, name := range []string{"fleet", "tenant", "provision", "runs", "run", "plan", "audit", "loop", "problem"} {
		out[name] = template.Must(template.Must(base.Clone()).ParseFS(files, "templates/"+name+".html"))
	}
	return out
})

// show answers with a page, which is whole or not sent at all.
func (v *view) show(w http.ResponseWriter, status int, name string) error {
	var text bytes.Buffer
	if err := templates()[name].ExecuteTemplate(&text, "layout", v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	w.WriteHeader(status)
	w.Write(text.Bytes()) // whoever went away sees nothing of it
	return nil
}

// nowhere is the page of what is not there.
func (p *Pages) nowhere(_ http.ResponseWriter, r *http.Request, _ *view) error {
	return &runbook.Problem{Status: http.StatusNotFound, Title: "There is no such page", Detail: strings.TrimSpace("Nothing is to be found at " + r.URL.Path)}
}

// redirect leads to another page.
func (p *Pages) redirect(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, p.Prefix+path, http.StatusSeeOther)
	return nil
}
