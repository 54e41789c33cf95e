package state

import (
	"strings"
	"testing"
)

// anyServices stands in for defaults.services in files that have none.
var anyServices = Options{Services: []string{"learn"}}

func TestATenantIsAddedAsItsNeighboursAreWritten(t *testing.T) {
	t.Parallel()
	initech := Tenant{ID: "initech"}
	long := Tenant{ID: "initech", Name: "Initech: a firm", Services: []string{"learn"}, Labels: map[string]string{"ring": "canary", "plan": "gold"}, Vars: map[string]string{"on": "yes"}}
	const longLine = `id: initech, name: "Initech: a firm", services: [learn], labels: {plan: gold, ring: canary}, vars: {"on": "yes"}`
	for name, c := range map[string]struct {
		before, after string
		tenant        Tenant
	}{
		"one line":           {"tenants: [acme, globex]\n", "tenants: [acme, globex, initech]\n", initech},
		"one line, compact":  {"tenants: [acme,globex] # c\n", "tenants: [acme,globex,initech] # c\n", initech},
		"one line, airy":     {"tenants: [ acme ]", "tenants: [ acme, initech ]", initech},
		"a comma at the end": {"tenants: [acme, globex,]\n", "tenants: [acme, globex, initech,]\n", initech},
		"a pair in flow":     {"tenants: [id: acme]", "tenants: [id: acme, {id: initech}]", initech},
		"quoted":             {"tenants: ['acme', \"globex\"]", "tenants: ['acme', \"globex\", \"initech\"]", initech},
		"long in flow":       {"tenants: [acme]", "tenants: [acme, {" + longLine + "}]", long},
		"lines in flow": {
			"tenants: [\n  acme,   # a\n  globex  # b\n  # end\n]\n",
			"tenants: [\n  acme,   # a\n  globex,  # b\n  initech\n  # end\n]\n", initech,
		},
		"lines in flow with a last comma": {
			"tenants: [\n  acme,\n  globex, # b\n]\n",
			"tenants: [\n  acme,\n  globex, # b\n  initech,\n]\n", initech,
		},
		"lines in flow, closed at once": {"tenants: [acme,\n  globex]", "tenants: [acme,\n  globex,\n  initech]", initech},
		"empty":                         {"allow_empty: true\ntenants: [] # none\n", "allow_empty: true\ntenants: [initech] # none\n", initech},
		"empty with a comment":          {"allow_empty: true\ntenants: [ # none\n]\n", "allow_empty: true\ntenants: [initech  # none\n]\n", initech},
		"everything in flow":            {"{tenants: [acme], version: 1}", "{tenants: [acme, initech], version: 1}", initech},

		"block":                          {"tenants:\n  - acme\n", "tenants:\n  - acme\n  - initech\n", initech},
		"block at the margin":            {"tenants:\n- acme\nversion: 1\n", "tenants:\n- acme\n- initech\nversion: 1\n", initech},
		"no line break at the end":       {"tenants:\n  -  acme # c", "tenants:\n  -  acme # c\n  -  initech", initech},
		"other line breaks":              {"tenants:\r\n  - acme\r\n", "tenants:\r\n  - acme\r\n  - initech\r\n", initech},
		"old line breaks":                {"tenants:\r  - acme\r", "tenants:\r  - acme\r  - initech\r", initech},
		"no line break, but others":      {"tenants:\r\n  - acme", "tenants:\r\n  - acme\r\n  - initech", initech},
		"a byte-order mark":              {"\ufefftenants:\n - acme\n", "\ufefftenants:\n - acme\n - initech\n", initech},
		"ids in mappings":                {"tenants:\n  - id: acme\n", "tenants:\n  - id: acme\n  - id: initech\n", initech},
		"ids in flow mappings":           {"tenants:\n  - {id: 'acme'}\n", "tenants:\n  - {id: 'acme'}\n  - {id: 'initech'}\n", initech},
		"long in flow mappings":          {"tenants:\n  - {id: acme}\n", "tenants:\n  - {id: acme}\n  - {" + longLine + "}\n", long},
		"long":                           {"tenants:\n- acme\n", "tenants:\n- acme\n- " + strings.ReplaceAll(strings.ReplaceAll(longLine, "gold, ring", "gold~ring"), ", ", "\n  ") + "\n", long},
		"empty lines between":            {"tenants:\n  - acme\n\n  # g\n  - id: globex\n    name: G\nversion: 1\n", "tenants:\n  - acme\n\n  # g\n  - id: globex\n    name: G\n\n  - initech\nversion: 1\n", initech},
		"comments of the last":           {"tenants:\n  - acme # a\n    # more\n  # and\n\n# next\nversion: 1\n", "tenants:\n  - acme # a\n    # more\n  # and\n  - initech\n\n# next\nversion: 1\n", initech},
		"a comment at the margin":        {"tenants:\n- acme\n# next\nversion: 1\n", "tenants:\n- acme\n- initech\n# next\nversion: 1\n", initech},
		"a block of text at the end":     {"tenants:\n  - id: acme\n    vars:\n      x: |+\n        1\n\n         2\n\n\n", "tenants:\n  - id: acme\n    vars:\n      x: |+\n        1\n\n         2\n\n\n  - id: initech\n", initech},
		"a block of text, clipped":       {"tenants:\n  - id: acme\n    vars:\n      x: >2-\n          1\n        2\n\n\nversion: 1\n", "tenants:\n  - id: acme\n    vars:\n      x: >2-\n          1\n        2\n  - id: initech\n\n\nversion: 1\n", initech},
		"text over lines":                {"tenants:\n- id: acme\n  name: A\n    firm,\n    b\n", "tenants:\n- id: acme\n  name: A\n    firm,\n    b\n- id: initech\n", initech},
		"an explicit key":                {"? tenants\n: - acme\n  - globex\n", "? tenants\n: - acme\n  - globex\n  - initech\n", initech},
		"anchors":                        {"tenants: &t\n  - &a acme\n  - &b\n    id: globex\n", "tenants: &t\n  - &a acme\n  - &b\n    id: globex\n  - initech\n", initech},
		"an end of the document":         {"---\ntenants:\n  - acme\n...\n", "---\ntenants:\n  - acme\n  - initech\n...\n", initech},
		"an id that looks like a number": {"tenants:\n  - acme\n", "tenants:\n  - acme\n  - \"0123\"\n", Tenant{ID: "0123"}},
	} {
		after := strings.ReplaceAll(c.after, "~", ", ")
		got, err := AddTenant("tenants.yaml", []byte(c.before), c.tenant, anyServices)
		if err != nil || string(got) != after {
			t.Errorf("%s: %v\n%q, want\n%q", name, err, got, after)
		}
	}
}

func TestAFieldIsSetWhereItBelongs(t *testing.T) {
	t.Parallel()
	name := assignment{"name", textValue("Acme")}
	labels := assignment{"labels", mapValue(map[string]string{"plan": "gold"})}
	services := assignment{"services", listValue([]string{"learn", "talk"})}
	for what, c := range map[string]struct {
		before, after string
		field         assignment
	}{
		"short":                {"tenants:\n  -  acme  # c\n  - globex\n", "tenants:\n  -  id: acme  # c\n     name: Acme\n  - globex\n", name},
		"short, at the end":    {"tenants:\r\n- \"acme\"", "tenants:\r\n- id: \"acme\"\r\n  name: Acme", name},
		"short in flow":        {"tenants: [acme , globex]", "tenants: [{id: acme, name: Acme} , globex]", name},
		"short with an anchor": {"tenants:\n  - &a acme\n  - id: b\n    name: *a\n", "tenants:\n  - id: &a acme\n    name: Acme\n  - id: b\n    name: *a\n", name},
		"an alias of an id":    {"tenants: [{id: b, name: &a acme}, *a]", "tenants: [{id: b, name: &a acme}, {id: *a, name: Acme}]", name},
		"below its dash":       {"tenants:\n  -\n    acme\n", "tenants:\n  -\n    id: acme\n    name: Acme\n", name},
		"a block of text":      {"tenants:\n  - |-\n    acme\n  - b\n", "tenants:\n  - id: acme\n    name: Acme\n  - b\n", name},
		"an anchor apart":      {"tenants:\n  - &a\n    acme\n", "tenants:\n  - id: &a acme\n    name: Acme\n", name},
		"long":                 {"tenants:\n  - id: acme # c\n\n    # d\n  - b\n", "tenants:\n  - id: acme # c\n    name: Acme\n\n    # d\n  - b\n", name},
		"long with an anchor":  {"tenants:\n  - &m\n    &k id: acme\n  - b\n", "tenants:\n  - &m\n    &k id: acme\n    name: Acme\n  - b\n", name},
		"long with questions":  {"tenants:\n  - ? id\n    : acme\n", "tenants:\n  - ? id\n    : acme\n    name: Acme\n", name},
		"in flow":              {"tenants:\n  - {id: acme, # c\n     vars: {a: b} }\n", "tenants:\n  - {id: acme, # c\n     vars: {a: b}, name: Acme }\n", name},
		"a pair in flow":       {"tenants: [b, id: acme, c]", "tenants: [b, {id: acme, name: Acme}, c]", name},
		"there":                {"tenants:\n  - id: acme\n    name:   'x'   # c\n    vars: {a: b}\n", "tenants:\n  - id: acme\n    name:   Acme   # c\n    vars: {a: b}\n", name},
		"there, over lines":    {"tenants:\n  - name: x\n      y # c\n    id: acme\n", "tenants:\n  - name: Acme # c\n    id: acme\n", name},
		"there, folded":        {"tenants:\n  - name: >-\n      x\n      y\n\n    id: acme\n", "tenants:\n  - name: Acme\n\n    id: acme\n", name},
		"there, an alias":      {"tenants: [{id: b, labels: &l {a: b}}, {labels: *l, id: acme}]", "tenants: [{id: b, labels: &l {a: b}}, {labels: {plan: gold}, id: acme}]", labels},
		"a mapping":            {"tenants:\n  - id: acme\n    labels: # c\n      plan: x\n      # d\n      b: c\n    name: x\n", "tenants:\n  - id: acme\n    labels: {plan: gold} # c\n    name: x\n", labels},
		"a list at its margin": {"tenants:\n- id: acme\n  services:\n  - x\n  - z\n  name: x\n", "tenants:\n- id: acme\n  services: [learn, talk]\n  name: x\n", services},
		"a list at the end":    {"tenants:\n- id: acme\n  services:\n  - x\n  - z", "tenants:\n- id: acme\n  services: [learn, talk]", services},
		"nothing new":          {"tenants: [{id: acme, name: \"Acme\"}]", "tenants: [{id: acme, name: \"Acme\"}]", name},
	} {
		got, err := setField("tenants.yaml", []byte(c.before), "acme", c.field, value{}, anyServices)
		if err != nil || string(got) != c.after {
			t.Errorf("%s: %v\n%q, want\n%q", what, err, got, c.after)
		}
	}
}

func TestAnEditThatCannotBeSaysWhy(t *testing.T) {
	t.Parallel()
	const file = "databases: {main: {url: a}, eu: {url: b}}\nshared: [identity]\ndefaults: {database: main}\ntenants:\n  - acme\n  - {id: globex, labels: &l {a: b}}\n  - {id: b, labels: *l}\n"
	add := func(t Tenant) func() ([]byte, error) {
		return func() ([]byte, error) { return AddTenant("tenants.yaml", []byte(file), t, anyServices) }
	}
	set := func(id string, s TenantState) func() ([]byte, error) {
		return func() ([]byte, error) { return SetState("tenants.yaml", []byte(file), id, s, anyServices) }
	}
	for want, edit := range map[string]func() ([]byte, error){
		`tenants.yaml:5:5: error[duplicate-id]: there is a tenant "acme" already`:                                                                                             add(Tenant{ID: "acme"}),
		`tenants.yaml: error[similar-id]: the ids "acme" and "Acme" differ only in case (also defined at tenants.yaml:5:5)`:                                                   add(Tenant{ID: "Acme"}),
		`tenants.yaml: error[invalid-id]: "a b" is not a tenant's id (letters, digits, "_" and "-", a letter or digit first)`:                                                 add(Tenant{ID: "a b"}),
		`tenants.yaml: error[invalid-text]: what is to be added is not UTF-8`:                                                                                                 add(Tenant{ID: "c", Labels: map[string]string{"a": "\xff"}}),
		`tenants.yaml: error[invalid-text]: "name" has a control character (U+001B)`:                                                                                          add(Tenant{ID: "c", Name: "\x1b[1m"}),
		`tenants.yaml: error[invalid-id]: a tenant's id is empty`:                                                                                                             add(Tenant{}),
		`tenants.yaml: error[unknown-database]: there is no database "ue" (there is eu and main)`:                                                                             add(Tenant{ID: "c", Database: "ue"}),
		`tenants.yaml: error[shared-service]: the service "identity" is shared, so no tenant has it (remove it here, or from "shared")`:                                       add(Tenant{ID: "c", Services: []string{"identity"}}),
		`tenants.yaml: error[reserved-variable]: the variable "schema" is the name of the tenant's schema (to set that, use "schema" of the tenant)`:                          add(Tenant{ID: "c", Vars: map[string]string{"schema": "x"}}),
		`tenants.yaml: error[schema-conflict]: the tenant "c" comes to the schema "tenant_acme" in the database "main", as does the tenant "acme" (also at tenants.yaml:5:5)`: add(Tenant{ID: "c", Schema: "tenant_acme"}),
		`tenants.yaml: error[unknown-tenant]: there is no tenant "glbex" (did you mean "globex"?)`:                                                                            set("glbex", Suspended),
		`tenants.yaml:6:5: error[not-editable]: what is here is laid out in an unusual way, and is not edited so that nothing else changes (edit it by hand)`: func() ([]byte, error) {
			return setField("tenants.yaml", []byte(file), "globex", assignment{"labels", mapValue(nil)}, value{}, anyServices)
		},
	} {
		if out, err := edit(); err == nil || err.Error() != want || out != nil {
			t.Errorf("%v\n%s\nwant %s", err, out, want)
		}
	}
	for file, want := range map[string]string{
		"shared: &s [a]\ntenants: *s\n":                    `tenants.yaml:2:10: error[not-editable]: the list of tenants is an alias, and is not edited so that nothing else changes (edit it by hand)`,
		"tenants: [acme, acme]":                            `tenants.yaml:1:17: error[duplicate-id]: the tenant "acme" is defined twice (also defined at tenants.yaml:1:11)`,
		"tenants:\n- id: a\n  vars:\n    x: |\n      last": `tenants.yaml:2:3: error[not-editable]: what is here is laid out in an unusual way, and is not edited so that nothing else changes (end the file with a line break and try again, or edit it by hand)`,
	} {
		if out, err := AddTenant("tenants.yaml", []byte(file), Tenant{ID: "b"}, anyServices); err == nil || err.Error() != want || out != nil {
			t.Errorf("%v\n%s\nwant %s", err, out, want)
		}
	}
}

func TestActivatingAnActiveTenantChangesNothing(t *testing.T) {
	t.Parallel()
	const file = "tenants:\n  - acme\n  - {id: globex, state: \"active\"}\n"
	for _, id := range []string{"acme", "globex"} {
		if out, err := SetState("tenants.yaml", []byte(file), id, Active, anyServices); err != nil || string(out) != file {
			t.Errorf("%s: %v\n%s", id, err, out)
		}
	}
}
