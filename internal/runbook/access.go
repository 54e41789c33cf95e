package runbook

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Role is what a caller may do.
type Role string

const (
	Viewer   Role = "viewer"   // read
	Operator Role = "operator" // and write
)

// may reports whether a role is enough for what another asks for.
func (r Role) may(needed Role) bool { return r == Operator || r == Viewer && needed == Viewer }

// A Caller is who sent a request.
type Caller struct {
	Name    string `json:"name"`
	Role    Role   `json:"role"`
	Address string `json:"address"` // of the connection, or what a trusted proxy says of it
}

// Access says who may do what.
type Access struct {
	Tokens TokenSource    // nil for none
	Header string         // the header in which a trusted proxy names the user; "" for none
	Proxy  []netip.Prefix // the addresses that proxy has
	// ProxyRole is the role of the users that the proxy names, and ProxyOperators are
	// those who are operators whatever that says.
	ProxyRole      Role
	ProxyOperators []string
	// Local is set where anybody on this machine is an operator: on loopback,
	// without tokens and proxy.
	Local bool
	// Hosts are the names that requests may be for, beside those of loopback; nil
	// for any. Without it a page of another site could reach a server on loopback by
	// giving its own name this machine's address.
	Hosts []string
	TLS   bool // the server speaks TLS
}

// TokenSource finds who has a token. It gets the token's SHA-256, and compares
// in constant time.
type TokenSource interface {
	Find(sum [sha256.Size]byte) (name string, role Role, ok bool)
}

// CookieName is the cookie that holds a token for a browser.
const CookieName = "tenantry_token"

type callerKey struct{}

// CallerOf returns who sent a request that the server let through.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// caller finds out who sent a request. An error is a problem of status 401.
func (s *Server) caller(r *http.Request) (Caller, error) {
	a, address := s.Access, remoteAddress(r)
	if token, given := tokenOf(r); given {
		return s.byToken(token, address)
	}
	if a.Header != "" && a.trusts(address) {
		if name := strings.TrimSpace(r.Header.Get(a.Header)); name != "" && len(name) <= 200 {
			role := a.ProxyRole
			if slices.Contains(a.ProxyOperators, name) {
				role = Operator
			}
			return Caller{Name: name, Role: role, Address: forwarded(r, address)}, nil
		}
	}
	if a.Local {
		return Caller{Name: "local", Role: Operator, Address: address.String()}, nil
	}
	return Caller{Address: address.String()}, problemf(http.StatusUnauthorized, codeUnauthorized, "a token is needed: Authorization: Bearer …, or the page /login")
}

func (s *Server) byToken(token string, address netip.Addr) (Caller, error) {
	if s.Access.Tokens != nil {
		if name, role, ok := s.Access.Tokens.Find(sha256.Sum256([]byte(token))); ok {
			return Caller{Name: name, Role: role, Address: address.String()}, nil
		}
	} else if s.Access.Local {
		return Caller{Name: "local", Role: Operator, Address: address.String()}, nil // a token where none is needed
	}
	return Caller{Address: address.String()}, problemf(http.StatusUnauthorized, codeUnauthorized, "the token is not one that is known here")
}

// tokenOf returns the token of a request: that of its header, else of its cookie.
func tokenOf(r *http.Request) (token string, given bool) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(token), true
		}
	}
	if c, err := r.Cookie(CookieName); err == nil && c.Value != "" {
		return c.Value, true
	}
	return "", false
}

func (a Access) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(a.Proxy, func(p netip.Prefix) bool { return p.Contains(address) })
}

// remoteAddress is that of the other end of the connection.
func remoteAddress(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// forwarded is the address that a trusted proxy says a request came from.
func forwarded(r *http.Request, proxy netip.Addr) string {
	hops := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
	if a, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1])); err == nil {
		return a.String() + " by " + proxy.String()
	}
	return proxy.String()
}

// expects reports whether a request may be for the host that it names.
func (a Access) expects(host string) bool {
	if a.Hosts == nil && !a.Local {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || slices.Contains(a.Hosts, host) {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// same compares two hashes in constant time.
func same(a, b [sha256.Size]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }
