package state

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/internal/diag"
)

// edits are changes of fields, each with what it does to the tenant.
var edits = []struct {
	field assignment
	apply func(*Tenant)
}{
	{assignment{"name", textValue("New: one")}, func(t *Tenant) { t.Name = "New: one" }},
	{assignment{"database", textValue("eu")}, func(t *Tenant) { t.Database = "eu" }},
	{assignment{"schema", textValue("s_{id}")}, func(t *Tenant) { t.Schema = "s_{id}" }},
	{assignment{"services", listValue([]string{"talk"})}, func(t *Tenant) { t.Services = []string{"talk"} }},
	{assignment{"labels", mapValue(map[string]string{"a": "1", "b": "x"})}, func(t *Tenant) { t.Labels = map[string]string{"a": "1", "b": "x"} }},
	{assignment{"vars", mapValue(map[string]string{"a": "1\n2"})}, func(t *Tenant) { t.Vars = map[string]string{"a": "1\n2"} }},
	{assignment{"state", textValue("active")}, func(*Tenant) {}},
}

// additions are tenants to add, as they are written and as they come out.
func additions(d Defaults) (written, read []Tenant) {
	written = []Tenant{
		{ID: "new"},
		{ID: "007", Name: "New: one", Labels: map[string]string{"a": "yes"}},
		{ID: "new", Services: []string{"learn"}, Database: "eu", Schema: "x_{id}", Vars: map[string]string{"a": "1\n2", "b": ""}},
	}
	for _, t := range written {
		if t.Services == nil {
			t.Services = d.Services
		}
		if t.Database == "" {
			t.Database = d.Database
		}
		if t.Schema == "" {
			t.Schema = d.Schema
		}
		read = append(read, t)
	}
	return written, read
}

func TestAnEditChangesWhatIsAskedAndNothingElse(t *testing.T) {
	t.Parallel()
	const files = 1500
	refused := 0
	for seed := range uint64(files) {
		src, ids := randomFile(seed)
		file, err := Parse("tenants.yaml", []byte(src), Options{})
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, src)
		}
		r := rand.New(rand.NewPCG(seed, 2))
		if !addsWell(t, src, file, r) {
			refused++
		}
		if len(ids) > 0 && !setsWell(t, src, file, r) {
			refused++
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, visible(src))
		}
	}
	t.Logf("%d of %d edits were refused", refused, 2*files)
	if refused > files/20 {
		t.Error("too many were refused")
	}
}

// addsWell adds a tenant to a file. It reports whether that was possible.
func addsWell(t *testing.T, src string, file *File, r *rand.Rand) bool {
	t.Helper()
	written, read := additions(file.Defaults)
	i := r.IntN(len(written))
	out, err := AddTenant("tenants.yaml", []byte(src), written[i], Options{})
	if err != nil {
		return !isRefusal(t, err)
	}
	want := *file
	want.Tenants = append(slices.Clone(file.Tenants), read[i])
	says(t, out, &want)
	before, _ := changedLines(src, string(out))
	if len(before) > 1 {
		t.Errorf("lines that were changed:\n%q\nin\n%s", before, visible(string(out)))
	}
	return true
}

// setsWell sets a field of a tenant. It reports whether that was possible.
func setsWell(t *testing.T, src string, file *File, r *rand.Rand) bool {
	t.Helper()
	i, edit := r.IntN(len(file.Tenants)), edits[r.IntN(len(edits))]
	id := file.Tenants[i].ID
	out, err := setField("tenants.yaml", []byte(src), id, edit.field, value{}, Options{})
	if err != nil {
		return !isRefusal(t, err)
	}
	want := *file
	want.Tenants = slices.Clone(file.Tenants)
	edit.apply(&want.Tenants[i])
	says(t, out, &want)
	_, from := changedLines(src, string(out))
	last := len(lineBreak.FindAllString(src, -1)) + 1
	if i+1 < len(file.Tenants) {
		last = file.Tenants[i+1].Pos.Line
	}
	if string(out) != src && (from.first < file.Tenants[i].Pos.Line || from.last > last) {
		t.Errorf("%s is on lines %d to %d, but changed are %d to %d:\n%s", id, file.Tenants[i].Pos.Line, last, from.first, from.last, visible(string(out)))
	}
	return true
}

// isRefusal checks that an error only says that an entry is not edited.
func isRefusal(t *testing.T, err error) bool {
	t.Helper()
	list, ok := errors.AsType[diag.List](err)
	if !ok || len(list) != 1 || list[0].Code != CodeNotEditable {
		t.Error(err)
	}
	return true
}

// says checks that an edited file says what is wanted.
func says(t *testing.T, out []byte, want *File) {
	t.Helper()
	got, err := Parse("tenants.yaml", out, Options{})
	if err != nil {
		t.Errorf("%v\n%s", err, visible(string(out)))
	} else if diff := cmp.Diff(want, got, sameFile); diff != "" {
		t.Errorf("%s\n%s", diff, visible(string(out)))
	}
}

// span is a range of lines, from 1.
type span struct{ first, last int }

// changedLines returns the lines of before between those that after begins with
// and those that it ends with, and where they are.
func changedLines(before, after string) ([]string, span) {
	split := func(s string) []string {
		lines := lineBreak.Split(s, -1)
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		return lines
	}
	a, b := split(before), split(after)
	begin, end := 0, 0
	for begin < min(len(a), len(b)) && a[begin] == b[begin] {
		begin++
	}
	for end < min(len(a), len(b))-begin && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return a[begin : len(a)-end], span{begin + 1, len(a) - end}
}

// visible shows the characters that make the difference.
func visible(s string) string {
	return strings.NewReplacer("\r\n", "␍␊\n", "\r", "␍\n", "\t", "␉", "\ufeff", "<BOM>").Replace(s)
}

// FuzzEdit checks that whatever a sound file looks like, an edit of it is
// refused in so many words, or says exactly what was asked.
func FuzzEdit(f *testing.F) {
	for seed := range uint64(40) {
		src, _ := randomFile(seed)
		f.Add([]byte(src), uint8(seed), uint8(seed>>2))
	}
	for _, src := range []string{longForm, "tenants: [acme, globex]", "tenants: &t [&a a, {id: b, name: *a}]\nshared: []"} {
		f.Add([]byte(src), uint8(1), uint8(3))
	}
	f.Fuzz(func(t *testing.T, src []byte, which, how uint8) {
		options := Options{LookupEnv: environment}
		file, err := Parse("tenants.yaml", src, options)
		if err != nil {
			return
		}
		written, _ := additions(file.Defaults)
		tenant := written[int(how)%len(written)]
		out, err := AddTenant("tenants.yaml", src, tenant, options)
		fuzzed(t, src, file, out, err, options, func(now *File) {
			last := now.Tenants[len(now.Tenants)-1]
			if last.ID != tenant.ID || last.Name != tenant.Name {
				t.Errorf("added %v", last)
			}
			now.Tenants = now.Tenants[:len(now.Tenants)-1]
		})
		if len(file.Tenants) == 0 {
			return
		}
		i, edit := int(which)%len(file.Tenants), edits[int(how)%len(edits)]
		out, err = setField("tenants.yaml", src, file.Tenants[i].ID, edit.field, value{}, options)
		fuzzed(t, src, file, out, err, options, func(now *File) {
			want := file.Tenants[i]
			edit.apply(&want)
			if diff := cmp.Diff(want, now.Tenants[i], sameFile); diff != "" {
				t.Error(diff)
			}
			now.Tenants[i] = file.Tenants[i]
		})
	})
}

// fuzzed checks the outcome of an edit, which undo takes back in what the file
// says.
func fuzzed(t *testing.T, src []byte, file *File, out []byte, err error, o Options, undo func(*File)) {
	t.Helper()
	if err != nil {
		if _, ok := errors.AsType[diag.List](err); !ok || out != nil {
			t.Errorf("%q, %v\n%s", out, err, src)
		}
		return
	}
	now, err := Parse("tenants.yaml", out, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	undo(now)
	if diff := cmp.Diff(file, now, sameFile); diff != "" {
		t.Errorf("%s\n%s", diff, out)
	}
	if bytes.HasPrefix(src, byteOrderMark) != bytes.HasPrefix(out, byteOrderMark) {
		t.Error("the byte-order mark is not kept")
	}
}
