package runbook

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// body reads a request's body, a JSON object, which may be left out.
func body(r *http.Request, into any) error {
	text, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return problemf(http.StatusRequestEntityTooLarge, codeTooLarge, "the body has more than %d bytes", large.Limit)
	case err != nil:
		return problemf(http.StatusBadRequest, codeBadBody, "the body did not arrive whole")
	case len(text) == 0:
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return problemf(http.StatusUnsupportedMediaType, codeBadBody, "the body must be of the type application/json")
	}
	if !utf8.Valid(text) {
		return problemf(http.StatusBadRequest, codeBadBody, "the body is not UTF-8")
	}
	return decode(text, into)
}

// decode reads one JSON object without fields that nobody knows.
func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the object")
		}
	}
	if err != nil {
		return problemf(http.StatusBadRequest, codeBadBody, "the body is not as openapi.json has it: %s", err)
	}
	return nil
}

// waitOf returns whether a request is to wait.
func waitOf(r *http.Request) (bool, error) {
	switch v := r.URL.Query().Get("wait"); v {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, problemf(http.StatusBadRequest, codeBadParameter, "wait is true or false, not %q", v)
	}
}

// numberOf returns a number among a request's parameters.
func numberOf(r *http.Request, name string, least, most, otherwise int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, problemf(http.StatusBadRequest, codeBadParameter, "%s must be a number, %d to %d", name, least, most)
	}
	return n, nil
}

// atomicDuration is a duration that several goroutines share.
type atomicDuration struct{ n atomic.Int64 }

func (d *atomicDuration) load() time.Duration   { return time.Duration(d.n.Load()) }
func (d *atomicDuration) store(v time.Duration) { d.n.Store(int64(v)) }
