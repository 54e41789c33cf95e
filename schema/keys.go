package schema

import (
	"context"
	"strings"
)

// Keys are the foreign keys that the creation of a schema ends with. Adding one takes
// a lock on the table that it refers to, which may be everybody's; so all else is
// looked at before, and afterwards only what they have added.
type Keys struct {
	Count  int         `json:"count"`  // of the statements: the last ones
	Before Fingerprint `json:"before"` // of the schema without them
	Scope  Scope       `json:"scope"`  // what they touch
}

// keysLast returns how many statements at the end add foreign keys and nothing else, by
// the looks of them; the bench shows whether that is so.
func keysLast(statements []Statement) (n int) {
	for n < len(statements) {
		sql := statements[len(statements)-1-n].SQL
		if keys := strings.Count(sql, " FOREIGN KEY ("); !strings.HasPrefix(sql, "ALTER TABLE ") || keys == 0 || strings.Count(sql, " ADD ") != keys {
			break
		}
		n++
	}
	return n
}

// runWithKeys runs what creates the bench's schema, and returns what the foreign keys
// at the end of it turn out to be; nil where there are none.
func (b *Bench) runWithKeys(ctx context.Context, statements []Statement) (*Keys, error) {
	n := keysLast(statements)
	if n == 0 {
		return nil, b.run(ctx, b.Schema, statements)
	}
	if err := b.run(ctx, b.Schema, statements[:len(statements)-n]); err != nil {
		return nil, err
	}
	before, err := b.lines(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.run(ctx, b.Schema, statements[len(statements)-n:]); err != nil {
		return nil, err
	}
	after, err := b.lines(ctx)
	if err != nil {
		return nil, err
	}
	touched := make(map[Place]string)
	for _, d := range Differences(before, after) {
		if d.Kind != KindConstraint || !d.Missing {
			return nil, nil // they do more than add
		}
		touched[Place{Relation: d.Table, Catalog: CatalogConstraint}] = "added"
	}
	return &Keys{Count: n, Before: FingerprintOf(before), Scope: *newScope(nil, touched, before, after)}, nil
}
