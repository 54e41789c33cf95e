package state

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// layout writes sound tenants files as people might: in lines or brackets, with
// comments and empty lines anywhere, odd indentation, quotes and anchors.
type layout struct {
	strings.Builder
	*rand.Rand
	ids  []string
	open bool // a block of text was written last, which a comment would be a part of
}

// randomFile returns a file, and the ids that are in it.
func randomFile(seed uint64) (text string, ids []string) {
	l := &layout{Rand: rand.New(rand.NewPCG(seed, 1))}
	sections := []func(){l.defaults, l.tenants}
	for _, s := range []string{"version: 1", "allow_empty: true", "shared: [identity]", "policy:\n  parallelism: 2", "rollout: [{match: {ring: a}}, {percent: 100}]"} {
		if l.IntN(3) == 0 || strings.HasPrefix(s, "allow") {
			sections = append(sections, func() { l.WriteString(s) })
		}
	}
	l.Shuffle(len(sections), func(i, j int) { sections[i], sections[j] = sections[j], sections[i] })
	l.lines("")
	for _, section := range sections {
		section()
		l.rest("")
	}
	text = l.String()
	if l.IntN(4) == 0 {
		text = strings.TrimRight(text, "\n")
	}
	if nl := pick(l, "\n", "\n", "\r\n", "\r"); nl != "\n" {
		text = strings.ReplaceAll(text, "\n", nl)
	}
	return pick(l, "", "", "", "\ufeff") + text, l.ids
}

// pick returns one of some.
func pick[T any](l *layout, some ...T) T { return some[l.IntN(len(some))] }

// spaces returns some spaces, at least one.
func (l *layout) spaces() string { return pick(l, " ", " ", "  ", "     ") }

// rest ends a line, and may add others that say nothing.
func (l *layout) rest(indent string) {
	if l.open {
		l.open = false
		l.WriteString("\n")
		return
	}
	l.WriteString(pick(l, "", "", "", " ", " # ü, 'c", "  # [x]: {", "\t# t"))
	l.WriteString("\n")
	l.lines(indent)
}

// lines may add lines that say nothing.
func (l *layout) lines(indent string) {
	for l.IntN(6) == 0 {
		l.WriteString(pick(l, "", "   ", indent+"# - gone", indent+"  # \"deep\"", "# tenants: [") + "\n")
	}
}

// defaults gives services and databases.
func (l *layout) defaults() {
	l.WriteString("defaults: {services: [learn, talk], database: main}")
	l.rest("")
	l.WriteString("databases:\n  main: {url: 'a'}\n  eu:\n    url: b")
}

// tenants writes the list.
func (l *layout) tenants() {
	n := l.IntN(6)
	key := pick(l, "tenants:", "tenants :", `"tenants":`)
	if n == 0 || l.IntN(3) == 0 {
		l.WriteString(key + pick(l, " ", " &list "))
		l.flowTenants(n)
		return
	}
	l.WriteString(key + pick(l, "", "", " &list"))
	l.rest(" ")
	indent := pick(l, "", " ", "  ", "  ", "      ")
	for i := range n {
		if i > 0 {
			l.rest(indent)
		}
		l.blockTenant(indent)
	}
}

// id makes another id and returns it as it may be written.
func (l *layout) id() string {
	id := fmt.Sprintf("%s%d", pick(l, "t", "T-", "a_b"), len(l.ids))
	l.ids = append(l.ids, id)
	return pick(l, "", "", "&i"+fmt.Sprint(len(l.ids))+" ") + pick(l, id, id, `"`+id+`"`, "'"+id+"'")
}

// flowTenants writes the list in brackets.
func (l *layout) flowTenants(n int) {
	space := func() {
		l.WriteString(pick(l, "", "", " ", "\n   ", " # ], c\n  ", "\n\n \t "))
	}
	l.WriteString("[")
	for i := range n {
		space()
		switch l.IntN(4) {
		case 0:
			l.WriteString(l.flowTenant())
		case 1:
			l.WriteString("id: " + l.id())
		default:
			l.WriteString(l.id())
		}
		space()
		if i < n-1 || l.IntN(3) == 0 {
			l.WriteString(",")
		}
	}
	space()
	l.WriteString("]")
}

// flowTenant returns a tenant in braces.
func (l *layout) flowTenant() string {
	fields := append(l.fields(true), "id: "+l.id())
	l.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	between := pick(l, ", ", ",", ",\n     ", " # }\n    , ", " , ")
	return "{" + pick(l, "", " ") + strings.Join(fields, between) + pick(l, "", ",", " ,") + pick(l, "", " ", "\n   ") + "}"
}

// blockTenant writes a tenant behind a dash.
func (l *layout) blockTenant(indent string) {
	gap := l.spaces()
	l.WriteString(indent + "-")
	switch l.IntN(8) {
	case 0:
		l.WriteString(gap + l.flowTenant())
		return
	case 1:
		l.WriteString("\n" + indent + gap + l.id())
		return
	case 2, 3:
		l.WriteString(gap + l.id())
		return
	case 4:
		l.WriteString(gap + "&m" + fmt.Sprint(len(l.ids)))
		l.rest(indent + gap + " ")
		l.WriteString(indent + gap)
	default:
		l.WriteString(gap)
	}
	fields := append(l.fields(false), pick(l, "id: ", "id:   ", "? id\n~: ")+l.id())
	l.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	margin := indent + " " + gap
	if strings.HasSuffix(l.String(), "\n"+indent+gap) {
		margin = indent + gap
	}
	for i, f := range fields {
		if i > 0 {
			l.rest(margin)
			l.WriteString(margin)
		}
		l.WriteString(strings.ReplaceAll(f, "~", margin))
		l.open = strings.ContainsAny(f, "|>")
	}
}

// fields returns some fields of a tenant but its id, with ~ for the margin.
func (l *layout) fields(flow bool) []string {
	all := [][]string{
		{"name: Å firm", "name: 'it''s'", `name: "a\"# b"`, "name:  a#b", "name: 12", "name: !!str x"},
		{"services: [learn]", "services: [ learn, 'talk' ]"},
		{"database: eu", "database: !!str eu"},
		{"labels: {plan: gold}", "labels: {'plan': gold,ring: a}"},
		{"vars: {region: eu, b: true}", `vars: {"a":'1', b: c}`, "vars: {}"},
		{"state: active"},
	}
	if flow {
		all[1] = append(all[1], `"services":[learn]`)
	} else {
		all[0] = append(all[0], "name: a\n~  b:c\n~    d", "name: >-\n~   ü\n~   b", "name: |-\n~ a b")
		all[1] = append(all[1], "services:\n~- learn\n~- talk", "services:\n~  # c\n~  - learn # d", "services: # c\n~    [learn,\n~ talk]")
		all[3] = append(all[3], "labels:\n~  plan: gold # c\n~  ring: 'a'", "labels: # c\n~ plan: x")
		all[4] = append(all[4], "vars:\n~  a: |+\n~    x\n\n~    y\n\n", "vars:\n~  b: c", "vars:\n~  a: |2\n~      x\n~    y", "vars:\n~  a: >\n~    x\n\n~      y\n\n")
	}
	var some []string
	for _, kind := range all {
		if l.IntN(4) == 0 {
			some = append(some, pick(l, kind...))
		}
	}
	return some
}
