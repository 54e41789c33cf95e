package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
)

// lifeColumns is the step of the control schema that brought the life of a
// tenant: what is recorded of it, and the registry that applications route by.
const lifeColumns = `
ALTER TABLE tenantry.target
	ADD COLUMN name text NOT NULL DEFAULT '',
	ADD COLUMN database text NOT NULL DEFAULT '', -- the name that tenants.yaml gives it
	ADD COLUMN labels text NOT NULL DEFAULT '{}', -- JSON
	ADD COLUMN state text NOT NULL DEFAULT 'active', -- active, suspended, retired, purging
	ADD COLUMN protected boolean NOT NULL DEFAULT false,
	ADD COLUMN home text NOT NULL DEFAULT '', -- of what is retired: what its schema was called
	ADD COLUMN retired_at timestamptz,
	ADD COLUMN gone boolean NOT NULL DEFAULT false; -- the file had it no more when a run last looked
CREATE OR REPLACE VIEW tenantry.tenants AS
	SELECT tenant AS id, schema, status, blueprint, applied_at, name, database, state, labels::jsonb AS labels
	FROM tenantry.target WHERE NOT shared AND blueprint <> '';
COMMENT ON VIEW tenantry.tenants IS 'The tenants and where they are, for applications to route by. NOTIFY tenantry_tenants tells the id of one that has changed.';
CREATE FUNCTION tenantry.tell() RETURNS trigger LANGUAGE plpgsql AS $tell$
BEGIN
	IF TG_OP <> 'INSERT' AND (TG_OP = 'DELETE' OR NEW.tenant <> OLD.tenant) THEN
		PERFORM pg_catalog.pg_notify('tenantry_tenants', OLD.tenant);
	END IF;
	IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.tenant, NEW.name, NEW.database, NEW.schema, NEW.state, NEW.labels, NEW.blueprint <> '')
			IS DISTINCT FROM (OLD.tenant, OLD.name, OLD.database, OLD.schema, OLD.state, OLD.labels, OLD.blueprint <> '') THEN -- not of every change of a definition: commits that tell wait for each other
		PERFORM pg_catalog.pg_notify('tenantry_tenants', NEW.tenant);
	END IF;
	RETURN NULL;
END$tell$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON tenantry.target FOR EACH ROW EXECUTE FUNCTION tenantry.tell();
`

// accessColumns is the step that brought who may use a tenant's schema.
const accessColumns = `
ALTER TABLE tenantry.target
	ADD COLUMN access text NOT NULL DEFAULT '', -- the digest of the grants that it was last found to have, or empty
	ADD COLUMN role text NOT NULL DEFAULT '', -- of the tenant's own, or empty
	ADD COLUMN withdrawn text NOT NULL DEFAULT ''; -- what brings back grants that nobody manages: JSON
`

// moveRecord gives a record the new name of its schema.
const moveRecord = "UPDATE tenantry.target SET schema = $2 WHERE schema = $1"

// Forget implements reconcile.Database. What was done to the schemas stays in
// the history.
func (db *DB) Forget(ctx context.Context, run reconcile.Run, schemas []string) error {
	return db.wrap(pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, forgetMigrations, schemas); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM tenantry.target WHERE schema = ANY ($1::text[])", schemas)
		return err
	}))
}
