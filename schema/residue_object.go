package schema

import "strings"

// typeStatements plans types. One that changes is dropped and made anew where
// nothing uses it; DROP TYPE refuses where something does.
func (r residuePlan) typeStatements(d Difference) (drop []string, create [][]string) {
	makeType, remove := "CREATE TYPE "+r.name(d.Name)+" AS ", "DROP TYPE "+r.name(d.Name)
	switch d.Kind {
	case KindEnum:
		return replaced(d, remove, makeType+"ENUM ("+d.Want+")")
	case KindComposite:
		return replaced(d, remove, makeType+d.Want)
	case KindRange:
		return replaced(d, remove, makeType+"RANGE ("+d.Want+")")
	case KindDomainConstraint:
		domain, name := "ALTER DOMAIN "+r.name(d.Table)+" ", QuoteIdent(d.Name)
		return replaced(d, domain+"DROP CONSTRAINT "+name, domain+"ADD CONSTRAINT "+name+" "+d.Want)
	case KindDomain:
		return r.domain(d)
	}
	return nil, nil
}

// domain makes or drops a domain, or changes its default and NOT NULL.
func (r residuePlan) domain(d Difference) (drop []string, create [][]string) {
	alter := "ALTER DOMAIN " + r.name(d.Name) + " "
	have, haveDefault, haveNotNull := domainParts(d.Have)
	want, wantDefault, wantNotNull := domainParts(d.Want)
	if d.Missing || d.Unexpected || have != want {
		return replaced(d, "DROP DOMAIN "+r.name(d.Name), "CREATE DOMAIN "+r.name(d.Name)+" AS "+d.Want)
	}
	switch {
	case haveDefault == wantDefault:
	case wantDefault == "":
		create = append(create, []string{alter + "DROP DEFAULT"})
	default:
		create = append(create, []string{alter + "SET DEFAULT " + wantDefault})
	}
	switch {
	case haveNotNull && !wantNotNull:
		create = append(create, []string{alter + "DROP NOT NULL"})
	case wantNotNull && !haveNotNull:
		create = append(create, []string{alter + "SET NOT NULL"})
	}
	return nil, create
}

// domainParts takes the definition of a domain apart.
func domainParts(definition string) (base, value string, notNull bool) {
	definition, notNull = strings.CutSuffix(definition, " NOT NULL")
	base, value, _ = strings.Cut(definition, " DEFAULT ")
	return base, value, notNull
}

// objectStatements plans the kinds that hold no rows.
func (r residuePlan) objectStatements(d Difference) (drop []string, create [][]string) {
	onTable := " ON " + r.name(d.Table)
	word := strings.ToUpper(string(d.Kind))
	switch d.Kind {
	case KindFunction, KindProcedure, KindAggregate:
		return r.routine(d, word)
	case KindView, KindMaterializedView, KindStatistics:
		return replaced(d, "DROP "+word+" "+r.name(d.Name), "CREATE "+word+" "+r.name(d.Name)+" "+d.Want)
	case KindRule:
		return replaced(d, "DROP RULE "+QuoteIdent(d.Name)+onTable, d.Want)
	case KindTrigger:
		return replaced(d, "DROP TRIGGER "+QuoteIdent(d.Name)+onTable, r.trigger(d)...)
	case KindRowSecurity:
		alter := r.alter(d.Name)
		return replaced(d, alter+"DISABLE ROW LEVEL SECURITY", r.rowSecurity(d)...)
	case KindPolicy:
		return replaced(d, "DROP POLICY "+QuoteIdent(d.Name)+onTable, "CREATE POLICY "+QuoteIdent(d.Name)+onTable+" "+d.Want)
	}
	return nil, nil
}

// routine makes a function, procedure or aggregate, or changes it in its place,
// which keeps its grants and what uses it.
func (r residuePlan) routine(d Difference, word string) (drop []string, create [][]string) {
	if d.Unexpected {
		return []string{"DROP " + word + " " + r.schema + "." + d.Name}, nil
	}
	definition := d.Want
	if d.Kind == KindAggregate {
		definition = d.Name + " (" + d.Want + ")"
	}
	return nil, each("CREATE OR REPLACE " + word + " " + r.schema + "." + definition)
}

func (r residuePlan) rowSecurity(d Difference) []string {
	enable, force := "ENABLE", "NO FORCE"
	if strings.Contains(d.Want, "DISABLED") {
		enable = "DISABLE"
	}
	if strings.Contains(d.Want, "FORCE") {
		force = "FORCE"
	}
	alter := r.alter(d.Name)
	return []string{alter + enable + " ROW LEVEL SECURITY", alter + force + " ROW LEVEL SECURITY"}
}

// firing lists what can follow a trigger's own definition, with how it is said.
var firing = []struct{ suffix, word string }{
	{" DISABLED", "DISABLE TRIGGER "}, {" REPLICA", "ENABLE REPLICA TRIGGER "}, {" ALWAYS", "ENABLE ALWAYS TRIGGER "},
}

// trigger creates a trigger and sets when it fires, which its own definition
// does not say.
func (r residuePlan) trigger(d Difference) []string {
	for _, f := range firing {
		if definition, ok := strings.CutSuffix(d.Want, f.suffix); ok {
			return []string{definition, r.alter(d.Table) + f.word + QuoteIdent(d.Name)}
		}
	}
	return []string{d.Want}
}
