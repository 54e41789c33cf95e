package postgres

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"tenantry/schema"
)

// Archive dumps a schema into a new file with PostgreSQL's own pg_dump, in its
// custom format, and makes sure that pg_restore can read it. program finds a
// program of PostgreSQL. The password goes through the environment, so that it
// is in no process list. Where it fails, there is no file.
func (db *DB) Archive(ctx context.Context, name, path string, program func(string) (string, error)) error {
	unfinished := path + ".unfinished"
	defer os.Remove(unfinished)
	if err := db.dump(ctx, name, unfinished, program); err != nil {
		return fmt.Errorf("database %s: the schema %s is not archived: %w", db.name, name, err)
	}
	return os.Rename(unfinished, path)
}

func (db *DB) dump(ctx context.Context, name, path string, program func(string) (string, error)) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if _, err := db.program(ctx, program, "pg_dump", "--format=custom", "--no-password", "--schema="+schema.QuoteIdent(name), "--file="+path, "--dbname="+withoutPassword(db.config.ConnString())); err != nil {
		return err
	}
	list, err := db.program(ctx, program, "pg_restore", "--list", path)
	if err == nil && !bytes.Contains(list, []byte("SCHEMA - "+name)) {
		err = fmt.Errorf("pg_restore finds no such schema in the dump")
	}
	return err
}

// program runs a program of PostgreSQL and returns what it said.
func (db *DB) program(ctx context.Context, find func(string) (string, error), name string, args ...string) ([]byte, error) {
	path, err := find(name)
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stderr = &said
	cmd.Env = append(os.Environ(), "PGPASSWORD="+db.config.ConnConfig.Password)
	out, err := cmd.Output()
	if err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return nil, fmt.Errorf("%s: %w: %s", name, err, line)
	}
	return out, nil
}

// passwordWord is a password in a connection string of keywords and values.
var passwordWord = regexp.MustCompile(`(^|\s)password\s*=\s*('(?:[^'\\]|\\.)*'|\S*)`)

// withoutPassword returns a connection string without its password.
func withoutPassword(connection string) string {
	u, err := url.Parse(connection)
	if err != nil || u.Scheme == "" {
		return passwordWord.ReplaceAllString(connection, "$1")
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	query.Del("password")
	u.RawQuery = query.Encode()
	return u.String()
}
