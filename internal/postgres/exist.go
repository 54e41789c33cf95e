package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

// Exist reports of each URL whether there is such a database, or why nobody can
// know. Of databases of one server it asks once.
func Exist(ctx context.Context, urls []string) (exist []bool, errs []error) {
	exist, errs = make([]bool, len(urls)), make([]error, len(urls))
	configs := make([]*pgx.ConnConfig, len(urls))
	at := make(map[string][]int)
	var servers []string
	for i, url := range urls {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			errs[i] = errors.New("its URL is not one that PostgreSQL understands")
			continue
		}
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
		watch(config, func(silence error) error { return silence })
		configs[i] = config
		server := net.JoinHostPort(config.Host, itoa(int(config.Port))) + " " + config.User
		if at[server] == nil {
			servers = append(servers, server)
		}
		at[server] = append(at[server], i)
	}
	var group errgroup.Group
	group.SetLimit(16)
	for _, server := range servers {
		group.Go(func() error {
			existAt(ctx, at[server], configs, exist, errs)
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in errs
	return exist, errs
}

// existAt asks one server: its maintenance database for all, else each for itself.
func existAt(ctx context.Context, indexes []int, configs []*pgx.ConnConfig, exist []bool, errs []error) {
	var names []string
	for _, i := range indexes {
		names = append(names, configs[i].Database)
	}
	found, err := among(ctx, configs[indexes[0]], names)
	for _, i := range indexes {
		switch {
		case err == nil:
			exist[i] = found[configs[i].Database]
		case inVain(err):
			errs[i] = fmt.Errorf("cannot connect: %s", connectReason(err))
		default:
			exist[i], errs[i] = letsIn(ctx, configs[i])
		}
	}
}

// among returns those of the names that are databases of the config's server.
func among(ctx context.Context, config *pgx.ConnConfig, names []string) (map[string]bool, error) {
	config = config.Copy()
	config.Database = maintenance
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, "SELECT datname::text FROM pg_database WHERE datname = ANY ($1::text[])", names)
	if err != nil {
		return nil, err
	}
	found := make(map[string]bool)
	var name string
	_, err = pgx.ForEachRow(rows, []any{&name}, func() error { found[name] = true; return nil })
	return found, err
}

// letsIn reports whether a database can be connected to; where there is none, that
// is no error.
func letsIn(ctx context.Context, config *pgx.ConnConfig) (bool, error) {
	conn, err := pgconn.ConnectConfig(ctx, &config.Config)
	switch {
	case err == nil:
		return true, conn.Close(context.WithoutCancel(ctx))
	case isMissing(err, config.Database):
		return false, nil
	}
	return false, fmt.Errorf("cannot connect: %s", connectReason(err))
}
