package state

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"gopkg.in/yaml.v3"

	"tenantry/internal/diag"
)

// maxSize bounds a file, in bytes.
const maxSize = 64 << 20

// Options is what a file's meaning depends on besides its text.
type Options struct {
	// LookupEnv finds environment variables for the databases. Without it
	// "${NAME}" and "$$" stay as they are.
	LookupEnv func(name string) (value string, found bool)

	// Services stands in for the file's defaults.services where it has none.
	// Services that the file shares are left out of it.
	Services []string

	// CheckService says what is wrong with a service that the file mentions
	// first at a place: a diag.List, or nil. Without it there is any service.
	CheckService func(service string, at diag.Pos) error
}

// Load reads the file at path. Everything that is wrong with it comes back as
// one error, a diag.List, in the order of the file; so does its absence.
func Load(path string, o Options) (*File, error) {
	src, err := read(path)
	if err == nil {
		return Parse(path, src, o)
	}
	var p problems
	pos := diag.Pos{File: path}
	if errors.Is(err, fs.ErrNotExist) {
		p.errorf(pos, CodeMissingFile, "there is no such file")
		p.hintf(`to begin, write "tenants: [acme]" into it`)
	} else {
		p.errorf(pos, CodeUnreadableFile, "cannot be read: %v", cause(err))
	}
	return nil, p.err()
}

// read returns the file's text, or just more of it than Parse accepts.
func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxSize+1))
}

// cause returns err without the path, which the position has already.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Parse reads src, the text of the file at path. Everything that is wrong with
// it comes back as one error, a diag.List, in the order of the file.
func Parse(path string, src []byte, o Options) (*File, error) {
	r := readText(path, src, o)
	if err := r.err(); err != nil {
		return nil, err
	}
	return r.file, nil
}

// readText is Parse for whoever needs the document as well.
func readText(path string, src []byte, o Options) *reader {
	r := &reader{
		options: o,
		file:    &File{Path: path, Policy: DefaultPolicy, mentions: map[string]diag.Pos{}},
		schemas: map[string]diag.Pos{},
	}
	r.source = newSource(path, src, &r.problems)
	if len(r.found) == 0 {
		r.read()
	}
	return r
}

// reader turns the nodes of one document into a File.
type reader struct {
	problems
	source  *source
	options Options
	file    *File
	root    *yaml.Node // the document's, where it is one and bounded

	shared   map[string]bool     // the shared services
	schemas  map[string]diag.Pos // where a tenant has a schema of its own, by id
	unserved omission            // tenants without services
	homeless omission            // tenants without a database
	former   []former            // tenants that had another id
}

// read reads the whole document.
func (r *reader) read() {
	root := r.document()
	if root == nil || !r.bounded(root) {
		return
	}
	r.root = root
	// The sections may come in any order, but are read in this one.
	sections := []field{
		{"version", r.version},
		{"databases", r.databases},
		{"shared", r.sharedServices},
		{"defaults", r.defaults},
		{"policy", r.policy},
		{"rollout", r.rollout},
		{"allow_empty", r.allowEmpty},
		{"from", r.sources},
		{"tenants", r.tenants},
	}
	given := map[string]*yaml.Node{}
	var fields []field
	for _, section := range sections {
		fields = append(fields, field{section.name, func(n *yaml.Node) { given[section.name] = n }})
	}
	if !r.object(root, "the file", fields...) {
		return
	}
	for _, section := range sections {
		if n, ok := given[section.name]; ok {
			section.read(n)
		} else {
			r.absent(section.name, root)
		}
	}
	r.checkPlaces()
	r.checkTargets()
	r.checkServices()
}

// absent applies what holds where a section is not in the file.
func (r *reader) absent(section string, root *yaml.Node) {
	switch section {
	case "databases":
		r.file.Databases = []Database{{Name: DefaultDatabase, Pos: diag.Pos{File: r.file.Path}}}
	case "defaults":
		r.applyDefaults()
	case "tenants":
		if len(r.file.Sources) > 0 {
			return
		}
		r.errorf(r.pos(root), CodeMissingField, `the file has no "tenants"`)
		r.hintf(`to begin, write "tenants: [acme]"`)
	}
}

// version accepts the one version there is.
func (r *reader) version(n *yaml.Node) {
	if v, ok := r.integer(n, `"version"`); ok && v != 1 {
		r.errorf(r.pos(n), CodeUnsupportedVersion, "version %d of the format is not supported", v)
		r.hintf("the only version is 1")
	}
}

// allowEmpty reads whether the fleet may be empty.
func (r *reader) allowEmpty(n *yaml.Node) {
	r.file.AllowEmpty, _ = r.boolean(n, `"allow_empty"`)
}
