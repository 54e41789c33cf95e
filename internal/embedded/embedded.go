// Package embedded starts a real PostgreSQL for whoever has none.
//
// The server is an ordinary PostgreSQL of this machine, run on a data folder of its own: as durable as any other, on
// 127.0.0.1 only, with a random password. Every process that calls [Start] on the same folder shares one server; the last
// one to leave stops it. A process that is killed leaves the server running, and the next one finds it and uses it.
//
// It is not a sandbox, not an in-memory database, and not a way to run production: nothing is backed up, replicated or
// upgraded from one major version to the next.
//
// Inside [Options.Dir] lie
//
//	postgres/              the server's folder, or a link to it (see below)
//	postgres/data/         PostgreSQL's data directory
//	postgres/password      the superuser's password, for the invoking user alone
//	postgres/port          the port of the last start, tried first at the next, so that a URL stays good
//	postgres/server.lock   held by the server's processes as long as one of them lives
//	postgres/users.lock    held, shared, by each process that uses the server
//	postgres.lock          held while somebody starts, joins or stops the server
//	postgres.log           what the server says
//
// PostgreSQL refuses to run as root. For root the server runs as the user postgres, or nobody where there is none, and
// where that user may not enter Dir (a checkout under /root, for instance) the server's folder is made under
// /var/lib/tenantry and postgres is a symbolic link to it.
package embedded

// Options say where and how to start the server. Only Dir is needed.
type Options struct {
	// Dir is the folder that keeps the server's data, usually ".tenantry". It is made if it does not exist.
	Dir string
	// Bin is the folder with PostgreSQL's programs. Empty means to look for the newest on this machine, and to fetch
	// one where there is none.
	Bin string
	// Major is the major version of PostgreSQL that new data is to be made by. Zero means the newest.
	Major int
	// Log receives a line about whatever takes time. Nil is silence.
	Log func(format string, args ...any)
	// Settings are more PostgreSQL settings, by name. They count for the process that starts the server; one that joins
	// a running server takes it as it is. With fsync=off a new data directory is not synced to disk either.
	Settings map[string]string
}

// say passes a line to o.Log, if there is one.
func (o Options) say(format string, args ...any) {
	if o.Log != nil {
		o.Log(format, args...)
	}
}

const (
	superuser = "tenantry" // the role that initdb makes
	database  = "tenantry" // the database that Start makes
)
