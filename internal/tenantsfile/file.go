// Package tenantsfile changes tenants.yaml for several who ask at once, and
// commits each change to git where that is wanted.
//
// Whoever asks while a change is under way has theirs made with the next, all of
// those in one writing of the file: a file of a thousand tenants takes longer to
// read and write than a tenant to provision. Each still gets its own answer, and
// one that is refused does not keep others back.
//
// It knows no database, and does not say what becomes of what it wrote.
package tenantsfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"tenantry/internal/diag"
	"tenantry/state"
)

// A File is one tenants.yaml.
type File struct {
	Path    string
	Options func() (state.Options, error)                           // what its meaning depends on
	Commit  func(ctx context.Context, author, message string) error // commits it; nil for no git

	asking  sync.Mutex // guards waiting
	waiting []*edit
	writing sync.Mutex
}

// An edit is what one asks for.
type edit struct {
	author  string
	message string
	add     *state.Tenant                                      // either a tenant to add
	change  func(text []byte, o state.Options) ([]byte, error) // or any other change
	done    bool
	err     error
}

// Add adds a tenant for author. What is wrong with it is a diag.List.
func (f *File) Add(ctx context.Context, author string, t state.Tenant) error {
	return f.edit(ctx, &edit{author: author, message: "Add the tenant " + t.ID, add: &t})
}

// SetState sets what is to become of a tenant. What is wrong with that is a
// diag.List.
func (f *File) SetState(ctx context.Context, author, id string, s state.TenantState) error {
	verb := map[state.TenantState]string{state.Active: "Resume", state.Suspended: "Suspend", state.Retired: "Retire"}[s]
	return f.edit(ctx, &edit{author: author, message: verb + " the tenant " + id, change: func(text []byte, o state.Options) ([]byte, error) {
		return state.SetState(f.Path, text, id, s, o)
	}})
}

// With returns the file as it would be with one more tenant.
func (f *File) With(t state.Tenant) (*state.File, error) {
	options, err := f.Options()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(f.Path)
	if err != nil {
		return nil, err
	}
	if text, err = state.AddTenant(f.Path, text, t, options); err != nil {
		return nil, err
	}
	return state.Parse(f.Path, text, options)
}

// Lock keeps the file from being changed from here until unlock is called.
func (f *File) Lock() (unlock func()) {
	f.writing.Lock()
	return f.writing.Unlock
}

func (f *File) edit(ctx context.Context, e *edit) error {
	f.asking.Lock()
	f.waiting = append(f.waiting, e)
	f.asking.Unlock()
	f.writing.Lock()
	defer f.writing.Unlock()
	for !e.done {
		f.make(context.WithoutCancel(ctx), f.take())
	}
	return e.err
}

// take returns those who wait, the first first, up to one with another author
// where each commit has one.
func (f *File) take() []*edit {
	f.asking.Lock()
	defer f.asking.Unlock()
	n := len(f.waiting)
	if f.Commit != nil {
		for n = 1; n < len(f.waiting) && f.waiting[n].author == f.waiting[0].author; n++ {
		}
	}
	taken := f.waiting[:n:n]
	f.waiting = f.waiting[n:]
	return taken
}

// attempts is how often a file that others change at the same time is read again.
const attempts = 10

// make makes edits in one writing.
func (f *File) make(ctx context.Context, edits []*edit) {
	err := error(state.ErrChanged)
	for n := 0; n < attempts && errors.Is(err, state.ErrChanged); n++ {
		err = f.write(ctx, edits)
	}
	for _, e := range edits {
		e.done = true
		if e.err == nil {
			e.err = err
		}
	}
}

func (f *File) write(ctx context.Context, edits []*edit) error {
	options, err := f.Options()
	if err != nil {
		return err
	}
	before, err := os.ReadFile(f.Path)
	if err != nil {
		return fmt.Errorf("cannot read the tenants file: %w", err)
	}
	text, asked := before, edits
	for _, e := range edits {
		e.err = nil
	}
	for len(edits) > 0 {
		n := together(edits)
		text = f.apply(text, edits[:n], options)
		edits = edits[n:]
	}
	return f.replace(ctx, before, text, asked)
}

// replace writes the file anew, and commits it. What cannot be committed is
// taken back.
func (f *File) replace(ctx context.Context, before, text []byte, edits []*edit) error {
	if bytes.Equal(before, text) {
		return nil
	}
	if err := state.Replace(f.Path, before, text); err != nil {
		return fmt.Errorf("cannot write the tenants file: %w", err)
	}
	if f.Commit == nil {
		return nil
	}
	err := f.Commit(ctx, edits[0].author, message(edits))
	if err != nil {
		if undo := state.Replace(f.Path, text, before); undo != nil {
			err = fmt.Errorf("%w (and the file could not be put back: %w)", err, undo)
		}
		err = fmt.Errorf("the change could not be committed: %w", err)
	}
	return err
}

// message is that of the commit of edits, of which those that were refused have
// no part.
func message(edits []*edit) string {
	var made []string
	for _, e := range edits {
		if e.err == nil {
			made = append(made, e.message)
		}
	}
	if len(made) == 1 {
		return made[0]
	}
	return fmt.Sprintf("Make %d changes to the tenants\n\n%s", len(made), strings.Join(made, "\n"))
}

// together returns how many of the first edits are made as one.
func together(edits []*edit) int {
	n := 0
	for n < len(edits) && edits[n].add != nil {
		n++
	}
	return max(n, 1)
}

// apply makes edits on a text: at once where it can, else each for itself, so
// that each has its own error.
func (f *File) apply(text []byte, edits []*edit, o state.Options) []byte {
	if len(edits) > 1 {
		var tenants []state.Tenant
		for _, e := range edits {
			tenants = append(tenants, *e.add)
		}
		if all, err := state.AddTenants(f.Path, text, tenants, o); err == nil {
			return all
		}
	}
	for _, e := range edits {
		var edited []byte
		if e.add != nil {
			edited, e.err = state.AddTenant(f.Path, text, *e.add, o)
		} else {
			edited, e.err = e.change(text, o)
		}
		if e.err == nil {
			text = edited
		}
	}
	return text
}

// IsRefused reports whether an error says that what was asked for is wrong.
func IsRefused(err error) bool {
	var wrong diag.List
	return errors.As(err, &wrong)
}
