package main

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// A relay passes TCP connections on to a server until it cuts them.
type relay struct {
	url string // the server's, through the relay

	mu    sync.Mutex
	conns []net.Conn
}

func startRelay(t *testing.T, server string) *relay {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := u.Host
	u.Host = listener.Addr().String()
	r := &relay{url: u.String()}
	t.Cleanup(func() { listener.Close(); r.cut() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, client, server)
			r.mu.Unlock()
			go pass(client, server)
			go pass(server, client)
		}
	}()
	return r
}

func pass(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
}

// cut closes every connection there is, in mid-sentence. New ones go through.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}
