package schema

import (
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// tenantLabel is what a tenant's schema is called in HCL, whatever its name.
const tenantLabel = "tenant"

// prepare names the realm's schemas as the sources are to name them, puts
// columns in their order, and makes stubs of all that is only referred to.
func (d *drafting) prepare() {
	for name, scratch := range d.marks.Shared {
		if s, ok := d.realm.Schema(scratch); ok {
			s.Name = name
			stub(s)
		}
	}
	d.own.Name = d.label()
	for _, t := range d.own.Tables {
		order := d.live.Columns[t.Name]
		slices.SortStableFunc(t.Columns, func(a, b *atlas.Column) int {
			return slices.Index(order, a.Name) - slices.Index(order, b.Name)
		})
	}
	d.neighbours()
}

// label is what the schema is called in HCL.
func (d *drafting) label() string {
	if d.live.Schema != "" {
		return d.live.Schema
	}
	label := tenantLabel
	for d.marks.Shared[label] != "" {
		label += "_"
	}
	return label
}

// stub leaves of a schema what others can refer to.
func stub(s *atlas.Schema) {
	for _, t := range s.Tables {
		t.PrimaryKey, t.Indexes, t.ForeignKeys, t.Attrs = nil, nil, nil, nil
		for _, c := range t.Columns {
			c.Type, c.Default, c.Attrs = &atlas.ColumnType{Type: &atlas.IntegerType{T: "integer"}, Raw: "integer"}, nil, nil
		}
	}
}

// neighbours adds a stub with the names that are taken beside this schema, so
// that Atlas writes the schema's name with each that it shares.
func (d *drafting) neighbours() {
	if len(d.live.Taken) == 0 {
		return
	}
	s := &atlas.Schema{Name: "neighbours", Realm: d.realm}
	for _, l := range d.live.Taken {
		switch l.Kind {
		case KindTable:
			if _, ok := s.Table(l.Name); !ok {
				s.AddTables(atlas.NewTable(l.Name).SetSchema(s))
			}
		case KindEnum:
			if !slices.ContainsFunc(s.Objects, func(o atlas.Object) bool { return o.(*atlas.EnumType).T == l.Name }) {
				s.Objects = append(s.Objects, &atlas.EnumType{T: l.Name, Schema: s, Values: []string{"a"}})
			}
		}
	}
	d.realm.Schemas = append(d.realm.Schemas, s)
}

// marshal returns the HCL of the schema, by Atlas's own marshalling, without
// what is only referred to.
func (d *drafting) marshal() (string, error) {
	text, err := postgres.MarshalHCL(d.realm)
	if err != nil {
		return "", fmt.Errorf("atlas: %w", err)
	}
	file, found := hclwrite.ParseConfig(text, d.live.Service+".hcl", hcl.InitialPos)
	if found.HasErrors() {
		return "", fmt.Errorf("atlas: the HCL that it wrote: %w", found)
	}
	var blocks []string
	var own string
	for _, b := range file.Body().Blocks() {
		switch {
		case b.Type() != "schema":
			if ref := b.Body().GetAttribute("schema"); ref != nil && d.isOwn(ref) {
				blocks = append(blocks, d.text(b))
			}
		case len(b.Labels()) == 1 && b.Labels()[0] == d.own.Name:
			own = d.schemaBlock(b)
		}
	}
	return own + "\n" + strings.Join(blocks, "\n"), nil
}

func (d *drafting) isOwn(ref *hclwrite.Attribute) bool {
	text := strings.TrimSpace(string(ref.Expr().BuildTokens(nil).Bytes()))
	return text == "schema."+d.own.Name || text == fmt.Sprintf("schema[%q]", d.own.Name)
}

// schemaBlock returns the block of the schema; a tenant's is named from outside.
func (d *drafting) schemaBlock(b *hclwrite.Block) string {
	if d.live.Schema != "" {
		return d.text(b)
	}
	file := hclwrite.NewEmptyFile()
	variable := file.Body().AppendNewBlock("variable", []string{"schema"}).Body()
	variable.SetAttributeTraversal("type", hcl.Traversal{hcl.TraverseRoot{Name: "string"}})
	variable.SetAttributeValue("default", cty.StringVal(d.own.Name))
	variable.SetAttributeValue("description", cty.StringVal("Name of the tenant's schema."))
	b.Body().SetAttributeTraversal("name", hcl.Traversal{hcl.TraverseRoot{Name: "var"}, hcl.TraverseAttr{Name: "schema"}})
	return string(file.Bytes()) + "\n" + d.text(b)
}

// text returns a block's text with the bench's names taken out: of what is
// printed with its schema, Atlas keeps some as text.
func (d *drafting) text(b *hclwrite.Block) string {
	out := string(hclwrite.Format(b.BuildTokens(nil).Bytes()))
	pairs := []string{d.marks.Schema + ".", "", d.marks.Schema, d.own.Name}
	for name, scratch := range d.marks.Shared {
		pairs = append(pairs, scratch, d.marks.printed[name])
	}
	return strings.NewReplacer(pairs...).Replace(out)
}

// correct makes the realm say what the live schema is where Atlas has put it
// otherwise, as far as that can be; else it leaves it out, for SQL to say. It
// reports whether there was anything to correct.
func (d *drafting) correct(c *Compiled) (corrected bool) {
	for _, diff := range Differences(c.Lines, d.want) {
		times := d.tried[diff.key()]
		d.tried[diff.key()]++
		if diff.Missing && diff.Kind != KindDefault || times > 2 {
			continue
		}
		if diff.Kind == KindTable && !sameButStorage(diff) {
			i := slices.IndexFunc(d.own.Tables, func(t *atlas.Table) bool { return t.Name == diff.Name })
			if i >= 0 {
				d.leaveOutTable(i)
				corrected = true
			}
		} else if t, ok := d.own.Table(diff.Table); ok && d.correctIn(t, diff, times) {
			corrected = true
		}
	}
	return corrected
}

// sameButStorage reports whether a table differs in what can be altered.
func sameButStorage(d Difference) bool {
	bare := func(definition string) string {
		if parameters := storageParameters(definition); parameters != nil {
			definition = strings.Replace(definition, "WITH ("+strings.Join(parameters, ", ")+")", "", 1)
		}
		return strings.TrimSpace(strings.TrimPrefix(definition, "UNLOGGED"))
	}
	return !d.Unexpected && bare(d.Have) == bare(d.Want)
}

func (d *drafting) correctIn(t *atlas.Table, diff Difference, times int) bool {
	column, isColumn := t.Column(diff.Name)
	switch diff.Kind {
	case KindColumn:
		if !isColumn || times > 0 || strings.Contains(diff.Want, " COLLATE ") || isGenerated(diff.Want+diff.Have) {
			return false
		}
		column.Type.Type = &postgres.UserDefinedType{T: diff.Want}
		return true
	case KindDefault:
		switch {
		case !isColumn:
			return false
		case times == 0 && diff.Want != "" && !strings.Contains(diff.Want, "nextval("):
			column.Default = &atlas.RawExpr{X: diff.Want}
			return true
		case column.Default != nil:
			column.Default = nil
			return true
		}
	case KindConstraint:
		return leaveOutConstraint(t, diff.Name)
	case KindIndex:
		n := len(t.Indexes)
		t.Indexes = slices.DeleteFunc(t.Indexes, func(i *atlas.Index) bool { return i.Name == diff.Name })
		return len(t.Indexes) < n
	}
	return false
}

// leaveOutConstraint takes a constraint out of a table, whatever it is.
func leaveOutConstraint(t *atlas.Table, name string) bool {
	before := len(t.Indexes) + len(t.ForeignKeys) + len(t.Attrs)
	t.Indexes = slices.DeleteFunc(t.Indexes, func(i *atlas.Index) bool { return i.Name == name })
	t.ForeignKeys = slices.DeleteFunc(t.ForeignKeys, func(f *atlas.ForeignKey) bool { return f.Symbol == name })
	t.Attrs = slices.DeleteFunc(t.Attrs, func(a atlas.Attr) bool {
		c, ok := a.(*atlas.Check)
		return ok && c.Name == name
	})
	if t.PrimaryKey != nil && t.PrimaryKey.Name == name {
		t.PrimaryKey = nil
		return true
	}
	return len(t.Indexes)+len(t.ForeignKeys)+len(t.Attrs) < before
}

// leaveOut takes out of the realm what an error is about, as far as that can be
// told, else everything: SQL says it then. It reports false where there is
// nothing left to leave out.
func (d *drafting) leaveOut(err error) bool {
	d.failed++
	message := err.Error()
	if d.failed <= 20 {
		for i, t := range d.own.Tables {
			if named(message, t.Name) {
				d.leaveOutTable(i)
				return true
			}
		}
	}
	if len(d.own.Tables)+len(d.own.Objects) == 0 {
		return false
	}
	d.own.Tables, d.own.Objects = nil, nil
	return true
}

// named reports whether a message names a table.
func named(message, table string) bool {
	return strings.Contains(message, QuoteIdent(table)) || strings.Contains(message, "."+table) || strings.Contains(message, "\""+table+"\"")
}

func (d *drafting) leaveOutTable(i int) {
	gone := d.own.Tables[i]
	d.own.Tables = slices.Delete(d.own.Tables, i, i+1)
	for _, t := range d.own.Tables {
		t.ForeignKeys = slices.DeleteFunc(t.ForeignKeys, func(f *atlas.ForeignKey) bool { return f.RefTable == gone })
	}
}
