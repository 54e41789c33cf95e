package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// An AuditEntry is one write that was asked of reconcile serve.
type AuditEntry struct {
	ID        int64
	At        time.Time
	Who       string
	Role      string
	Address   string // where it came from
	Operation string
	Subject   string
	Detail    string
	Request   string // its id in the log
	Status    *int   // of the answer; nil where there was none
}

// RecordAudit records a write before it is carried out. The control schema must
// be there.
func (db *DB) RecordAudit(ctx context.Context, e AuditEntry) (id int64, err error) {
	err = db.pool.QueryRow(ctx, `INSERT INTO tenantry.audit (who, role, address, operation, subject, detail, request) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
		e.Who, e.Role, e.Address, e.Operation, e.Subject, e.Detail, e.Request).Scan(&id)
	return id, db.wrap(err)
}

// CloseAudit records how a write was answered.
func (db *DB) CloseAudit(ctx context.Context, id int64, status int) error {
	_, err := db.pool.Exec(ctx, "UPDATE tenantry.audit SET status = $2 WHERE id = $1", id, status)
	return db.wrap(err)
}

// Audit returns the last entries, the newest first, of those before an id; 0 is
// for all.
func (db *DB) Audit(ctx context.Context, limit int, before int64) (out []AuditEntry, err error) {
	err = db.past(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id, at, who, role, address, operation, subject, detail, request, status FROM tenantry.audit
			WHERE $2 = 0 OR id < $2 ORDER BY id DESC LIMIT $1`, limit, before)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e AuditEntry, err error) {
			return e, row.Scan(&e.ID, &e.At, &e.Who, &e.Role, &e.Address, &e.Operation, &e.Subject, &e.Detail, &e.Request, &e.Status)
		})
		return err
	})
	return out, err
}
