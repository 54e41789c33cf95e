package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"time"
)

// A relay passes TCP connections on to a server, holds back what the client
// sends for a while, and counts how often the client sends after it was answered:
// the round trips.
type relay struct {
	listener net.Listener
	target   string
	delay    time.Duration
	trips    atomic.Int64
}

// startRelay listens on loopback and returns the URL to use in place of the
// server's.
func startRelay(server string, delay time.Duration) (*relay, string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	r := &relay{listener: listener, target: u.Host, delay: delay}
	u.Host = listener.Addr().String()
	go r.serve()
	return r, u.String(), nil
}

// relayedDatabase makes a fresh database and a relay to it. It returns the URL with
// and without the relay, and what does away with both.
func (b *bench) relayedDatabase(ctx context.Context, name string) (r *relay, relayed, url string, drop func(), err error) {
	url, dropDatabase, err := b.database(ctx, name)
	if err != nil {
		return nil, "", "", nil, err
	}
	if r, relayed, err = startRelay(url, b.latency); err != nil {
		dropDatabase()
		return nil, "", "", nil, err
	}
	return r, relayed, url, func() { r.close(); dropDatabase() }, nil
}

func (r *relay) close() { r.listener.Close() }

func (r *relay) serve() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			client.Close()
			continue
		}
		var answered atomic.Bool
		answered.Store(true)
		go func() {
			defer client.Close()
			io.Copy(client, noting{server, &answered})
		}()
		go func() {
			defer server.Close()
			r.forward(server, client, &answered)
		}()
	}
}

// noting notes that the server is ready for more.
type noting struct {
	net.Conn
	answered *atomic.Bool
}

func (n noting) Read(p []byte) (int, error) {
	size, err := n.Conn.Read(p)
	// ReadyForQuery: https://www.postgresql.org/docs/current/protocol-message-formats.html
	if size >= 6 && bytes.Equal(p[size-6:size-1], []byte{'Z', 0, 0, 0, 5}) {
		n.answered.Store(true)
	}
	return size, err
}

// forward passes on what the client sends, each piece after the delay, in order
// and without holding up the reading of the next.
func (r *relay) forward(server, client net.Conn, answered *atomic.Bool) {
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			data := make([]byte, 64<<10)
			n, err := client.Read(data)
			if n > 0 {
				if answered.Swap(false) {
					r.trips.Add(1)
				}
				pieces <- piece{time.Now().Add(r.delay), data[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := server.Write(p.data); err != nil {
			return
		}
	}
}
