package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"tenantry/internal/runbook"
)

// An answer of the API's, in memory.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// A call is the API as somebody who looks at a page may use it.
type call struct {
	api http.Handler
	r   *http.Request // of the page
}

// get asks for a path, and decodes the answer.
func (c call) get(into any, format string, args ...any) error {
	_, err := c.send(http.MethodGet, into, nil, format, args...)
	return err
}

// post asks for something to be done.
func (c call) post(into, body any, format string, args ...any) error {
	_, err := c.send(http.MethodPost, into, body, format, args...)
	return err
}

// send sends a request; each argument is a part of its path. An error is a
// *runbook.Problem.
func (c call) send(method string, into, body any, format string, args ...any) (*answer, error) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = url.PathEscape(s)
		}
		if q, ok := a.(url.Values); ok {
			args[i] = q.Encode()
		}
	}
	target, err := url.Parse("/api/v1" + fmt.Sprintf(format, args...))
	if err != nil {
		return nil, err
	}
	r := c.r.Clone(c.r.Context())
	r.Method, r.URL, r.RequestURI, r.Form, r.PostForm, r.MultipartForm = method, target, target.RequestURI(), nil, nil, nil
	r.Body, r.ContentLength = http.NoBody, 0
	r.Header.Del("Content-Type")
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Type", "application/json")
	}
	a := &answer{header: make(http.Header)}
	c.api.ServeHTTP(a, r)
	return a, a.decode(into)
}

func (a *answer) decode(into any) error {
	if a.status >= 400 {
		p := &runbook.Problem{Status: a.status}
		if err := json.Unmarshal(a.body.Bytes(), p); err != nil {
			p.Detail = http.StatusText(a.status)
		}
		return p
	}
	if text, ok := into.(*string); ok {
		*text = a.body.String()
		return nil
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(a.body.Bytes(), into)
}
