package schema

import (
	"slices"
	"strings"
)

// tableStatements plans tables and what columns are made of.
func (r residuePlan) tableStatements(d Difference) (drop []string, create [][]string) {
	alter := r.alter(d.Table)
	column := alter + "ALTER COLUMN " + QuoteIdent(d.Name) + " "
	switch d.Kind {
	case KindSequence, KindOwnedSequence:
		if !d.Missing && !d.Unexpected {
			return nil, each("ALTER SEQUENCE " + r.name(d.Name) + " " + sequenceChange(d.Have, d.Want))
		}
		return replaced(d, "DROP SEQUENCE "+r.name(d.Name), "CREATE SEQUENCE "+r.name(d.Name)+" "+d.Want)
	case KindTable:
		if d.Unexpected {
			return []string{"DROP TABLE " + r.name(d.Name)}, nil
		}
		return nil, each(r.table(d)...)
	case KindColumn:
		return r.column(d, alter, column)
	case KindColumnOptions:
		return nil, columnOptions(d, column)
	case KindNotNull:
		return r.notNull(d, alter, column)
	case KindDefault:
		if d.Unexpected {
			return []string{column + "DROP DEFAULT"}, nil
		}
		return nil, each(column + "SET DEFAULT " + d.Want)
	case KindIdentity:
		return r.identity(d, column)
	}
	return nil, nil
}

// table creates a table with its columns, which partitioning may need, or
// changes its storage options.
func (r residuePlan) table(d Difference) []string {
	switch {
	case strings.Contains(d.Want, "SERVER "):
		return nil
	case !d.Missing:
		return r.tableOptions(d)
	}
	rest, unlogged := strings.CutPrefix(d.Want, "UNLOGGED")
	create := "CREATE TABLE "
	if unlogged {
		create = "CREATE UNLOGGED TABLE "
	}
	rest = strings.TrimSpace(rest)
	if strings.HasPrefix(rest, "PARTITION OF ") {
		return []string{create + r.name(d.Name) + " " + rest}
	}
	var columns []string
	for _, c := range r.missing[d.Name] {
		columns = append(columns, QuoteIdent(c.Name)+" "+c.Want)
	}
	return []string{strings.TrimSpace(create + r.name(d.Name) + " (" + strings.Join(columns, ", ") + ") " + rest)}
}

// tableOptions changes the storage parameters or the persistence of a table.
func (r residuePlan) tableOptions(d Difference) []string {
	alter := r.alter(d.Name)
	have, hadUnlogged := strings.CutPrefix(d.Have, "UNLOGGED")
	want, unlogged := strings.CutPrefix(d.Want, "UNLOGGED")
	var out []string
	switch {
	case unlogged && !hadUnlogged:
		out = append(out, alter+"SET UNLOGGED")
	case hadUnlogged && !unlogged:
		out = append(out, alter+"SET LOGGED")
	}
	return append(out, optionChange(alter, storageParameters(have), storageParameters(want))...)
}

// storageParameters returns what follows WITH in a table's definition. The
// bounds of a hash partition, which follow a WITH too, have no equals sign.
func storageParameters(definition string) []string {
	i := strings.LastIndex(definition, "WITH (")
	if i < 0 {
		return nil
	}
	list, _, _ := strings.Cut(definition[i+len("WITH ("):], ")")
	if !strings.Contains(list, "=") {
		return nil
	}
	return strings.Split(list, ", ")
}

// optionChange resets the options that are there and sets those that should be.
func optionChange(alter string, have, want []string) (out []string) {
	if slices.Equal(have, want) {
		return nil
	}
	if len(have) > 0 {
		var names []string
		for _, p := range have {
			name, _, _ := strings.Cut(p, "=")
			names = append(names, name)
		}
		out = append(out, alter+"RESET ("+strings.Join(names, ", ")+")")
	}
	if len(want) > 0 {
		out = append(out, alter+"SET ("+strings.Join(want, ", ")+")")
	}
	return out
}

// column adds a column or changes its type. PostgreSQL converts the values where
// it does so by itself, which refuses what does not fit, where a cast that is
// written out may cut it off; else they are cast, or go by way of their text. A generated column holds nothing of its own, so
// it can be dropped and added.
func (r residuePlan) column(d Difference, alter, column string) (drop []string, create [][]string) {
	add, remove := alter+"ADD COLUMN "+QuoteIdent(d.Name)+" "+d.Want, alter+"DROP COLUMN "+QuoteIdent(d.Name)
	switch was, is := isGenerated(d.Have), isGenerated(d.Want); {
	case d.Missing:
		return nil, each(add)
	case d.Unexpected && was, was && is:
		return replaced(d, remove, add)
	case d.Unexpected, is:
		return nil, nil // it holds what nobody could bring back
	case was:
		create = each(column + "DROP EXPRESSION")
	}
	bare, _, _ := strings.Cut(d.Want, " COLLATE ")
	change, value := column+"TYPE "+d.Want+" USING ", QuoteIdent(d.Name)
	return nil, append(create, []string{column + "TYPE " + d.Want, change + value + "::" + bare, change + value + "::text::" + bare})
}

func isGenerated(definition string) bool {
	return strings.Contains(definition, "GENERATED ALWAYS AS (")
}

// columnOptions sets what should be, and everything else to what it is without
// being set. Before PostgreSQL 16 that cannot be said of the storage: EXTENDED
// is the one of most types that have a choice.
func columnOptions(d Difference, column string) (create [][]string) {
	have, haveAttributes := splitOptions(d.Have)
	want, wantAttributes := splitOptions(d.Want)
	for _, word := range []string{"STORAGE", "COMPRESSION", "STATISTICS"} {
		switch {
		case have[word] == want[word]:
		case want[word] != "":
			create = append(create, []string{column + "SET " + word + " " + want[word]})
		case word == "STATISTICS":
			create = append(create, []string{column + "SET STATISTICS -1"})
		default:
			create = append(create, []string{column + "SET " + word + " DEFAULT", column + "SET " + word + " EXTENDED"})
		}
	}
	return append(create, each(optionChange(column, haveAttributes, wantAttributes)...)...)
}

// splitOptions takes the line of a column's options apart: words with a value,
// and attributes in parentheses.
func splitOptions(definition string) (words map[string]string, attributes []string) {
	words = make(map[string]string)
	before, list, ok := strings.Cut(definition, "(")
	if ok {
		attributes = strings.Split(strings.TrimSuffix(list, ")"), ", ")
	}
	for option := range strings.SplitSeq(before, ", ") {
		word, value, _ := strings.Cut(option, " ")
		words[word] = value
	}
	return words, attributes
}

// notNull sets or drops NOT NULL, or names it, which PostgreSQL 18 brought.
func (r residuePlan) notNull(d Difference, alter, column string) (drop []string, create [][]string) {
	name := func(definition string) string {
		if definition == "" {
			return QuoteIdent(d.Table + "_" + d.Name + "_not_null")
		}
		return definition
	}
	switch {
	case d.Unexpected:
		return []string{column + "DROP NOT NULL"}, nil
	case !d.Missing:
		return nil, each(alter + "RENAME CONSTRAINT " + name(d.Have) + " TO " + name(d.Want))
	case d.Want == "":
		return nil, each(column + "SET NOT NULL")
	}
	return nil, each(alter + "ADD CONSTRAINT " + d.Want + " NOT NULL " + QuoteIdent(d.Name))
}

// identity adds, changes or drops an identity. Changing keeps its sequence, and
// with it the next value.
func (r residuePlan) identity(d Difference, column string) (drop []string, create [][]string) {
	switch {
	case d.Missing:
		return nil, each(column + "ADD " + d.Want)
	case d.Unexpected:
		return []string{column + "DROP IDENTITY"}, nil
	}
	generated, sequence, options := identityParts(d.Want)
	_, old, oldOptions := identityParts(d.Have)
	if old != sequence {
		create = append(create, []string{"ALTER SEQUENCE " + r.schema + "." + old + " RENAME TO " + sequence})
	}
	return nil, append(create, each(column+"SET "+generated, "ALTER SEQUENCE "+r.schema+"."+sequence+" "+sequenceChange(oldOptions, options))...)
}

// identityParts takes a definition apart: "GENERATED ALWAYS", the name of its
// sequence, quoted where it must be, and the sequence's options.
func identityParts(definition string) (generated, sequence, options string) {
	generated, rest, _ := strings.Cut(definition, " AS IDENTITY (SEQUENCE NAME ")
	i := strings.LastIndex(rest, " START WITH ")
	if i < 0 {
		return generated, rest, ""
	}
	return generated, rest[:i], strings.TrimSuffix(rest[i+1:], ")")
}

// sequenceChange says what a sequence should be in the words of ALTER SEQUENCE,
// where what is left out stays.
func sequenceChange(have, want string) string {
	if strings.Contains(have, " CYCLE") && !strings.Contains(want, " CYCLE") {
		return strings.Replace(want, " CACHE ", " NO CYCLE CACHE ", 1)
	}
	return want
}
