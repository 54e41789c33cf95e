//go:build !linux && !darwin

package embedded

import (
	"context"
	"errors"
)

// OldestMajor is the oldest PostgreSQL that is started.
const OldestMajor = 14

// ErrUnsupported is what everything here returns on this system.
var ErrUnsupported = errors.New("the embedded PostgreSQL runs on Linux and macOS only; name a database to connect to")

// Binaries are the programs of one PostgreSQL.
type Binaries struct {
	Dir     string
	Version string
	Major   int
}

// Find returns ErrUnsupported.
func Find(context.Context, string) (Binaries, error) { return Binaries{}, ErrUnsupported }

// Remove returns ErrUnsupported.
func Remove(context.Context, string) error { return ErrUnsupported }

// Server is never made on this system.
type Server struct{}

// Start returns ErrUnsupported.
func Start(context.Context, Options) (*Server, error) { return nil, ErrUnsupported }

// URL is empty.
func (*Server) URL() string { return "" }

// Version is empty.
func (*Server) Version() string { return "" }

// PID is 0.
func (*Server) PID() int { return 0 }

// Close does nothing.
func (*Server) Close() error { return nil }
