package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"tenantry/internal/loop"
	"tenantry/internal/postgres"
)

// control is what replicas share, in the first by name of the databases that
// answers: one that is down keeps nobody from working on the others. Where
// replicas do not see the same databases, two of them work, which costs time and
// does no harm: runs leave each other's targets alone.
type control struct {
	mu        sync.Mutex
	databases []*postgres.DB
	here      *postgres.DB // where it was last; nil before
}

// among says which databases there are.
func (c *control) among(databases []*postgres.DB) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.databases = databases
}

func (c *control) all() ([]*postgres.DB, *postgres.DB) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.databases, c.here
}

// first does something in the first database that answers.
func (c *control) first(ctx context.Context, f func(*postgres.DB) error) error {
	databases, _ := c.all()
	var gone error
	for _, db := range databases {
		err := db.Connect(ctx)
		if err == nil {
			err = f(db)
			for range spareConnections { // those that were there may all be broken
				if err != nil && db.Retryable(err) && ctx.Err() == nil {
					err = f(db)
				}
			}
			if err == nil || !db.Gone(err) {
				return err
			}
		}
		gone = errors.Join(gone, err)
	}
	return gone
}

// Prepare implements loop.Control.
func (c *control) Prepare(ctx context.Context) error {
	return c.first(ctx, func(db *postgres.DB) error { return db.Prepare(ctx) })
}

// Hold implements loop.Control.
func (c *control) Hold(ctx context.Context, holder string, ttl time.Duration) (out loop.Shared, err error) {
	err = c.first(ctx, func(db *postgres.DB) error {
		if err := c.move(ctx, db); err != nil {
			return err
		}
		out, err = db.Hold(ctx, holder, ttl)
		return err
	})
	return out, err
}

// move makes a database the one where replicas meet. Whether they pause is what
// was last known.
func (c *control) move(ctx context.Context, db *postgres.DB) error {
	_, before := c.all()
	if before == db {
		return nil
	}
	if err := db.Prepare(ctx); err != nil {
		return err
	}
	if before != nil {
		if was, err := before.Shared(ctx); err == nil {
			if err := db.SetPause(ctx, was.Pause); err != nil {
				return err
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.here = db
	return nil
}

// Shared implements loop.Control.
func (c *control) Shared(ctx context.Context) (out loop.Shared, err error) {
	err = c.first(ctx, func(db *postgres.DB) error {
		out, err = db.Shared(ctx)
		return err
	})
	return out, err
}

// Release implements loop.Control.
func (c *control) Release(ctx context.Context, holder string) error {
	_, here := c.all()
	if here == nil {
		return nil
	}
	return here.Release(ctx, holder)
}

// SetPause implements loop.Control: in all databases that answer, so that it is
// known wherever replicas meet.
func (c *control) SetPause(ctx context.Context, p *loop.Pause) error {
	databases, _ := c.all()
	var lost error
	told := 0
	for _, db := range databases {
		err := db.Connect(ctx)
		if err == nil {
			err = db.Prepare(ctx)
		}
		if err == nil {
			err = db.SetPause(ctx, p)
		}
		if err == nil {
			told++
		}
		lost = errors.Join(lost, err)
	}
	if told > 0 {
		return nil
	}
	return lost
}
