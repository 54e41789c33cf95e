package schema

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tenantry/internal/diag"
)

// An Outline is what the sources of a blueprint say of some relations between
// tables, as far as that can be told without a database: not of what migrations
// come to.
type Outline struct {
	Keys        []SourceKey
	Partitioned map[string]diag.Pos // tables that have partitions, or are one
}

// A SourceKey is a foreign key in a source.
type SourceKey struct {
	Table               string // that has it
	RefSchema, RefTable string // what it refers to; RefSchema is "" where that is not said, or is its own
	Pos                 diag.Pos
}

// Outline reads the blueprint's own sources. What is wrong with them is for Check
// to say.
func (b *Blueprint) Outline() Outline {
	o := Outline{Partitioned: make(map[string]diag.Pos)}
	if !b.forAtlas {
		b.outlineHCL(&o)
	}
	for _, s := range b.sources {
		statements, err := scan(string(s.data))
		if err != nil || isHCL(s.path) {
			continue
		}
		from := 0
		for _, stmt := range statements {
			if at := strings.Index(string(s.data[from:]), stmt.Text); at >= 0 {
				outlineSQL(&o, s, stmt.Text, from+at)
				from += at + len(stmt.Text)
			}
		}
	}
	return o
}

func (b *Blueprint) outlineHCL(o *Outline) {
	name := b.Schema
	if name == "" {
		name = "tenant"
	}
	own, err := b.evaluate(name, nil)
	if err != nil || own == nil {
		return
	}
	blocks := make(map[string]*hclsyntax.Block)
	for _, s := range b.sources {
		for _, block := range s.blocks() {
			if block.Type == "table" {
				blocks[labelOf(block)] = block
			}
		}
	}
	for _, t := range own.Tables {
		block := blocks[t.Name]
		if block == nil {
			continue
		}
		if p := blockIn(block, "partition", ""); p != nil {
			o.Partitioned[t.Name] = posOf(p.DefRange())
		}
		for _, fk := range t.ForeignKeys {
			k := SourceKey{Table: t.Name, RefTable: fk.RefTable.Name, Pos: posOf(block.DefRange())}
			if fk.RefTable.Schema != own {
				k.RefSchema = fk.RefTable.Schema.Name
			}
			if at := blockIn(block, "foreign_key", fk.Symbol); at != nil {
				k.Pos = posOf(at.DefRange())
			}
			o.Keys = append(o.Keys, k)
		}
	}
}

// blocks returns the blocks of an HCL source. Others have none, nor has one that
// cannot be read.
func (s source) blocks() hclsyntax.Blocks {
	if !isHCL(s.path) {
		return nil
	}
	file, found := hclsyntax.ParseConfig(s.data, s.path, hcl.InitialPos)
	if found.HasErrors() {
		return nil
	}
	return file.Body.(*hclsyntax.Body).Blocks
}

// blockIn finds a block of a table by its type and label.
func blockIn(table *hclsyntax.Block, kind, label string) *hclsyntax.Block {
	i := slices.IndexFunc(table.Body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == kind && labelOf(b) == label })
	if i < 0 {
		return nil
	}
	return table.Body.Blocks[i]
}

// outlineSQL adds what a statement of a source says.
func outlineSQL(o *Outline, s source, sql string, at int) {
	words := wordsOf(sql)
	if len(words) < 3 || words[0].text != "create" && words[0].text != "alter" {
		return
	}
	i := slices.IndexFunc(words, func(w sqlWord) bool { return w.text == "table" && !w.quoted })
	for i++; i > 0 && i < len(words) && !words[i].quoted && slices.Contains([]string{"if", "not", "exists", "only"}, words[i].text); i++ {
	}
	if i <= 0 || i >= len(words) {
		return
	}
	_, table := nameAt(words[i:])
	for i, w := range words[:len(words)-1] {
		next := words[i+1]
		switch {
		case w.quoted:
		case w.text == "references":
			k := SourceKey{Table: table, Pos: s.posAt(at + next.at)}
			k.RefSchema, k.RefTable = nameAt(words[i+1:])
			o.Keys = append(o.Keys, k)
		case i > 0 && words[i-1].text == "over": // of a window
		case w.text == "partition" && (next.text == "by" || next.text == "of") && !next.quoted:
			o.Partitioned[table] = s.posAt(at + w.at)
		}
	}
}

// A sqlWord is a name or a key word of a statement.
type sqlWord struct {
	text   string // in lower case, unless it is quoted
	quoted bool
	at     int
	dotted bool // a dot and another follow
}

// wordsOf returns the words outside of strings and comments.
func wordsOf(sql string) (out []sqlWord) {
	for from := 0; ; {
		at := sqlToken.FindStringIndex(sql[from:])
		if at == nil {
			return out
		}
		begin, end := from+at[0], from+at[1]
		token := sql[begin:end]
		if strings.HasPrefix(token, "$") { // to where the same comes again
			if closed := strings.Index(sql[end:], token); closed >= 0 {
				end += closed + len(token)
			}
		} else if name, ok := identifier(token); ok {
			out = append(out, sqlWord{text: name, quoted: token[0] == '"', at: begin, dotted: strings.HasPrefix(sql[end:], ".")})
		}
		from = end
	}
}

// nameAt returns the name that words begin with, and the schema before it, or "".
func nameAt(words []sqlWord) (schema, name string) {
	if words[0].dotted && len(words) > 1 {
		return words[0].text, words[1].text
	}
	return "", words[0].text
}
