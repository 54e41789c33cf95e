package pgtest

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// A Relay passes TCP connections on to a server, until it is to do what networks
// and servers do to those who rely on them.
type Relay struct {
	url, server string

	mu     sync.Mutex
	mute   bool
	closed bool
	conns  []net.Conn
}

// NewRelay starts a relay to the server of databaseURL. It goes when the test
// ends.
func NewRelay(t testing.TB, databaseURL string) *Relay {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	r := &Relay{server: u.Host}
	r.url = with(databaseURL, func(u *url.URL) { u.Host = listener.Addr().String() })
	t.Cleanup(func() { listener.Close(); r.Cut() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			r.connect(client)
		}
	}()
	return r
}

// URL is that of the database, through the relay.
func (r *Relay) URL() string { return r.url }

func (r *Relay) connect(client net.Conn) {
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		client.Close()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		client.Close()
		server.Close()
		return
	}
	r.conns = append(r.conns, client, server)
	go r.pass(client, server)
	go r.pass(server, client)
}

func (r *Relay) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if r.isMute() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (r *Relay) isMute() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mute
}

// Hang makes the relay take what comes and pass on nothing: connections stay and
// can be made, and nobody answers.
func (r *Relay) Hang() { r.set(true, false) }

// Close makes the relay cut every connection, and those that come, as if there were
// no server.
func (r *Relay) Close() {
	r.set(false, true)
	r.Cut()
}

// Resume lets new connections through again. What was there is lost.
func (r *Relay) Resume() {
	r.Cut()
	r.set(false, false)
}

func (r *Relay) set(mute, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute, r.closed = mute, closed
}

// Cut closes every connection there is, in mid-sentence. New ones go through.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}
