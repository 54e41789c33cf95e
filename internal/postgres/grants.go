package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
)

// The grants query lists what may be done by whom in the schemas named by $1,
// whose tenants' own roles are $2, in the same way as the catalog query lists
// what they hold: reached by indexes, in PostgreSQL's own words, and without the
// schema's name and the role's.
const grantLines = `
WITH asked AS MATERIALIZED (
	SELECT a.nspname, a.role FROM unnest($1::text[], $2::text[]) AS a (nspname, role)
), ns AS MATERIALIZED (
	SELECT n.oid, n.nspname, n.nspowner, n.nspacl, a.role, quote_ident(n.nspname) || ', pg_catalog' AS path
	FROM asked a JOIN pg_namespace n ON n.nspname = a.nspname
), o AS MATERIALIZED (
	SELECT ns.nspname, ns.role, ns.path, d.classid, d.objid
	FROM ns JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ns.oid
	WHERE d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass)
		AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.objsubid = 0 AND e.deptype = 'e')
), rel AS MATERIALIZED (
	SELECT o.nspname, o.role, c.oid, c.relname, c.relkind, c.relowner, c.relacl FROM o JOIN pg_class c ON c.oid = o.objid
	WHERE o.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
), acl AS MATERIALIZED (
	SELECT nspname, role, 'schema' AS kind, '' AS object, '' AS part, nspowner AS owner, nspacl AS acl FROM ns
	UNION ALL
	SELECT nspname, role, CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, quote_ident(relname), '', relowner, relacl FROM rel
	UNION ALL
	SELECT r.nspname, r.role, 'column', quote_ident(r.relname), quote_ident(a.attname), r.relowner, a.attacl
	FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL
	UNION ALL
	SELECT o.nspname, o.role, 'routine', ` + "CASE WHEN set_config('search_path', o.path, true) IS NOT NULL THEN quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')' END" + `,
		'', p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
	FROM o JOIN pg_proc p ON p.oid = o.objid WHERE o.classid = 'pg_proc'::regclass
	UNION ALL
	SELECT ns.nspname, ns.role, k.kind, '', '', me.oid, d.defaclacl
	FROM ns JOIN (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user) me ON true
	JOIN (VALUES ('r', 'default table'), ('S', 'default sequence'), ('f', 'default routine')) AS k (type, kind) ON true
	LEFT JOIN pg_default_acl d ON d.defaclrole = me.oid AND d.defaclnamespace = ns.oid AND d.defaclobjtype = k.type::"char"
), line AS (
	SELECT a.nspname, a.kind, a.object, a.part, '' AS grantee, '' AS privileges FROM acl a WHERE a.kind <> 'column'
	UNION ALL
	SELECT a.nspname, a.kind, a.object, a.part, x.grantee, x.privileges
	FROM acl a CROSS JOIN LATERAL (
		SELECT CASE WHEN e.grantee = 0 THEN 'PUBLIC' WHEN r.rolname = a.role THEN '{role}' ELSE quote_ident(r.rolname) END AS grantee,
			string_agg(DISTINCT e.privilege_type || CASE WHEN e.is_grantable THEN '*' ELSE '' END, ',') AS privileges
		FROM aclexplode(a.acl) e LEFT JOIN pg_roles r ON r.oid = e.grantee
		WHERE e.grantee <> a.owner
		GROUP BY 1
	) x
)`

// Grants implements reconcile.Granter.
func (db *DB) Grants(ctx context.Context, schemas []reconcile.Granted) (map[string]string, error) {
	out := make(map[string]string, len(schemas))
	err := db.reading(ctx, func(tx pgx.Tx) error {
		names, roles := columns(schemas)
		rows, err := db.catalog(ctx, tx, names, grantLines+`
SELECT nspname, encode(sha256(convert_to(string_agg(concat_ws(E'\x01', kind, object, part, grantee, privileges), E'\x02'
	ORDER BY kind, object COLLATE "C", part COLLATE "C", grantee COLLATE "C", privileges COLLATE "C"), 'UTF8')), 'hex')
FROM line GROUP BY nspname`, names, roles)
		if err != nil {
			return err
		}
		var name, hash string
		_, err = pgx.ForEachRow(rows, []any{&name, &hash}, func() error {
			out[name] = hash
			return nil
		})
		return err
	})
	return out, db.wrap(err)
}

// GrantLines implements reconcile.Granter.
func (db *DB) GrantLines(ctx context.Context, of reconcile.Granted) (lines []reconcile.GrantLine, err error) {
	err = db.reading(ctx, func(tx pgx.Tx) error {
		names, roles := columns([]reconcile.Granted{of})
		rows, err := db.catalog(ctx, tx, names, grantLines+`
SELECT kind, object, part, grantee, string_to_array(privileges, ',') FROM line
ORDER BY kind, object COLLATE "C", part COLLATE "C", grantee COLLATE "C", privileges COLLATE "C"`, names, roles)
		if err != nil {
			return err
		}
		lines, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l reconcile.GrantLine, err error) {
			err = row.Scan(&l.Kind, &l.Object, &l.Column, &l.Grantee, &l.Privileges)
			slices.Sort(l.Privileges)
			return l, err
		})
		return err
	})
	return lines, db.wrap(err)
}

func columns(schemas []reconcile.Granted) (names, roles []string) {
	for _, s := range schemas {
		names, roles = append(names, s.Schema), append(roles, s.Role)
	}
	return names, roles
}

// Roles implements reconcile.Granter.
func (db *DB) Roles(ctx context.Context, names []string) (map[string]bool, error) {
	out := make(map[string]bool, len(names))
	rows, err := db.pool.Query(ctx, "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = ANY ($1::text[])", names)
	if err != nil {
		return nil, db.wrap(err)
	}
	var name string
	var login bool
	_, err = pgx.ForEachRow(rows, []any{&name, &login}, func() error {
		out[name] = login
		return nil
	})
	return out, db.wrap(err)
}

// RecordAccess implements reconcile.Granter.
func (db *DB) RecordAccess(ctx context.Context, digests map[string]string) error {
	var schemas, access []string
	for name, digest := range digests {
		schemas, access = append(schemas, name), append(access, digest)
	}
	_, err := db.pool.Exec(ctx, `UPDATE tenantry.target t SET access = a.access
		FROM unnest($1::text[], $2::text[]) AS a (schema, access) WHERE t.schema = a.schema`, schemas, access)
	return db.wrap(err)
}
