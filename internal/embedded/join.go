//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// join connects to the server if it runs already. While it is neither up nor gone, because it starts, stops, recovers from the
// crash of a session, or was killed and some of its processes have not noticed yet, join waits.
func (s *Server) join(ctx context.Context) (joined bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, fmt.Errorf("the server of %s neither starts nor stops", s.home.dir))
	defer cancel()
	for {
		alive, err := heldByOthers(s.home.serverLock())
		if err != nil || !alive {
			return false, err
		}
		if readPostmaster(s.home.data()).ready {
			if s.password, err = s.home.readPassword(); err != nil {
				return false, err
			}
			if err = s.greet(ctx); err == nil || !passing(err) {
				return err == nil, err
			}
		}
		if stop := pause(ctx, 20*time.Millisecond); stop != nil {
			return false, errors.Join(stop, err)
		}
	}
}

// passing says whether a failure to connect is of the kind that passes: nobody listens, or the server is not ready to talk.
func passing(err error) bool {
	var refusal *pgconn.PgError
	return !errors.As(err, &refusal) || strings.HasPrefix(refusal.Code, "57P")
}

// greet connects to the server, learns its version, and makes the database if there is none.
func (s *Server) greet(ctx context.Context) error {
	s.port = readPostmaster(s.home.data()).port
	conn, err := pgx.Connect(ctx, s.URL())
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) && refusal.Code == "3D000" {
		if err := s.createDatabase(ctx); err != nil {
			return err
		}
		conn, err = pgx.Connect(ctx, s.URL())
	}
	if err != nil {
		return fmt.Errorf("the server runs but cannot be used: %w", err)
	}
	s.version, _, _ = strings.Cut(conn.PgConn().ParameterStatus("server_version"), " ")
	return conn.Close(ctx)
}

// createDatabase makes the database that users get.
func (s *Server) createDatabase(ctx context.Context) error {
	config, err := pgx.ParseConfig(s.URL())
	if err != nil {
		return err
	}
	config.Database = "postgres"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database)
	return err
}
