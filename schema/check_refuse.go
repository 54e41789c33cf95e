package schema

import "github.com/hashicorp/hcl/v2"

// refuse reports an attribute or a block that the grammar lacks: as unsupported
// where it is part of Atlas's language, as unknown where it is probably a slip.
func (c *checker) refuse(at hcl.Range, what, parent, word, name string, known []string) {
	key := word
	if parent != "" {
		key = parent + "." + word
	}
	statement, inSQL := sayInSQL[key]
	advice, instead := sayInstead[key]
	of := " of " + name
	if parent == "" {
		of = ""
	} else if !inSQL && !instead {
		advice, instead = sayInstead["*."+word]
	}
	switch {
	case inSQL:
		c.errorf(at, "unsupported-"+what, "%s %q%s would be ignored", what, word, of)
		c.diags.Hintf("%s: %s", inPlainSQL, statement)
	case instead:
		c.errorf(at, "unsupported-"+what, "%s %q%s is not supported", what, word, of)
		c.diags.Hintf("%s", advice)
	default:
		c.errorf(at, "unknown-"+what, "%s has no %s %q", name, what, word)
		suggest(c.diags, word, known)
	}
}

// inPlainSQL is what to do about all that HCL cannot say. A source of plain SQL
// runs with search_path set to the target's schema, after the HCL.
const inPlainSQL = `say it in a plain SQL source, as src = [..., "file://schema/extra.sql"], without naming the schema`

// sayInSQL holds what is part of Atlas's language and not honoured by its
// library, with the SQL that says it.
var sayInSQL = map[string]string{
	"view":         "CREATE VIEW …",
	"materialized": "CREATE MATERIALIZED VIEW …",
	"trigger":      "CREATE TRIGGER …",
	"function":     "CREATE FUNCTION …",
	"procedure":    "CREATE PROCEDURE …",
	"aggregate":    "CREATE AGGREGATE …",
	"domain":       "CREATE DOMAIN …",
	"composite":    "CREATE TYPE … AS (…)",
	"range":        "CREATE TYPE … AS RANGE (…)",
	"sequence":     "CREATE SEQUENCE …",
	"collation":    "CREATE COLLATION …",
	"policy":       "CREATE POLICY … ON …",
	"permission":   "GRANT … ON … TO …",

	"enum.comment": "COMMENT ON TYPE … IS '…'",

	"table.exclude":        "ALTER TABLE … ADD CONSTRAINT … EXCLUDE USING gist (…)",
	"table.trigger":        "CREATE TRIGGER … ON …",
	"table.policy":         "CREATE POLICY … ON …",
	"table.row_security":   "ALTER TABLE … ENABLE ROW LEVEL SECURITY",
	"table.unlogged":       "ALTER TABLE … SET UNLOGGED",
	"table.storage_params": "ALTER TABLE … SET (fillfactor = 70)",
	"table.inherits":       "ALTER TABLE … INHERIT …",
	"table.tablespace":     "ALTER TABLE … SET TABLESPACE …",
	"table.access_method":  "ALTER TABLE … SET ACCESS METHOD …",

	"column.collate":     `ALTER TABLE … ALTER COLUMN … TYPE text COLLATE "C"`,
	"column.storage":     "ALTER TABLE … ALTER COLUMN … SET STORAGE …",
	"column.compression": "ALTER TABLE … ALTER COLUMN … SET COMPRESSION …",

	"identity.min_value": "ALTER TABLE … ALTER COLUMN … SET MINVALUE …",
	"identity.max_value": "ALTER TABLE … ALTER COLUMN … SET MAXVALUE …",
	"identity.cache":     "ALTER TABLE … ALTER COLUMN … SET CACHE …",
	"identity.cycle":     "ALTER TABLE … ALTER COLUMN … SET CYCLE",

	"primary_key.comment":        "COMMENT ON CONSTRAINT … ON … IS '…'",
	"primary_key.deferrable":     "ALTER TABLE … ADD PRIMARY KEY (…) DEFERRABLE, in place of the block",
	"primary_key.storage_params": "ALTER INDEX … SET (fillfactor = 70)",
	"foreign_key.comment":        "COMMENT ON CONSTRAINT … ON … IS '…'",
	"foreign_key.deferrable":     "ALTER TABLE … ALTER CONSTRAINT … DEFERRABLE INITIALLY DEFERRED",
	"foreign_key.match":          "ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY (…) REFERENCES … MATCH FULL, in place of the block",
	"foreign_key.not_valid":      "ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY (…) REFERENCES … NOT VALID, in place of the block",
	"unique.deferrable":          "ALTER TABLE … ADD CONSTRAINT … UNIQUE (…) DEFERRABLE, in place of the block",
	"unique.storage_params":      "ALTER INDEX … SET (fillfactor = 70)",
	"check.comment":              "COMMENT ON CONSTRAINT … ON … IS '…'",
	"check.no_inherit":           "ALTER TABLE … ADD CONSTRAINT … CHECK (…) NO INHERIT, in place of the block",
	"check.not_valid":            "ALTER TABLE … ADD CONSTRAINT … CHECK (…) NOT VALID, in place of the block",
	"index.storage_params":       "ALTER INDEX … SET (fillfactor = 70)",
	"on.collate":                 `CREATE INDEX … ON … (… COLLATE "C"), in place of the block`,
}

// sayInstead holds what has another way, or none. A key that begins with "*."
// is for every block that has no better one.
var sayInstead = map[string]string{
	"extension":          "an extension belongs to the database, not to a schema: create it there once, before Tenantry needs it",
	"event_trigger":      "an event trigger belongs to the database, not to a schema: create it there once",
	"server":             "a foreign server belongs to the database, not to a schema: create it there once",
	"role":               "roles belong to the server, not to a schema: create them there once",
	"user":               "users belong to the server, not to a schema: create them there once",
	"data":               "a data source reaches outside of the definition: give its value to an input variable",
	"dynamic":            "write the blocks out",
	"variable.sensitive": "values of variables are part of what a schema is, and not kept secret: leave it out",

	"*.dynamic":  "write the blocks out",
	"*.for_each": "the copies would all have the same name, which Atlas takes from the label: write the blocks out",
	"*.name":     "its name is its label",

	"column.size":           "it is part of the type: type = varchar(255)",
	"column.precision":      "it is part of the type: type = numeric(10, 2)",
	"column.scale":          "it is part of the type: type = numeric(10, 2)",
	"column.array":          `it is part of the type: type = sql("text[]")`,
	"column.auto_increment": "use an identity block, or the type bigserial",
	"column.unsigned":       "PostgreSQL has no unsigned types: use a check",
	"column.primary_key":    "a table has a primary_key block",
	"column.unique":         "a table has unique blocks",
	"column.default":        "PostgreSQL's defaults have no name: default = …",
	"column.charset":        "PostgreSQL has one encoding for the whole database",
	"table.charset":         "PostgreSQL has one encoding for the whole database",
	"schema.charset":        "PostgreSQL has one encoding for the whole database",
	"primary_key.on":        "list its columns: columns = [column.id]",
	"unique.on":             `list its columns, or use an index with unique = true`,
	"unique.where":          "only an index can have it: index with unique = true",
	"unique.type":           "a unique constraint is always a B-tree",
	"unique.unique":         "a unique constraint always is: leave it out",
	"on.where":              "it belongs to the index, beside its parts",
}
