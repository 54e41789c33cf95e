package postgres

import (
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// RemoteHost returns a host that the URL leads to and that is not this machine,
// or "" where there is none: what is reached by a Unix socket, a loopback address
// or the name localhost is here. A URL that nobody understands leads nowhere.
func RemoteHost(url string) string {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return ""
	}
	c := config.ConnConfig
	if !isLocal(c.Host, c.Port) {
		return c.Host
	}
	for _, f := range c.Fallbacks {
		if !isLocal(f.Host, f.Port) {
			return f.Host
		}
	}
	return ""
}

func isLocal(host string, port uint16) bool {
	if network, _ := pgconn.NetworkAddress(host, port); network == "unix" || strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
