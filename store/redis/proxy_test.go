package redis

import (
	"bytes"
	"net"
	"sync/atomic"
	"testing"
)

// proxy is between a store and its server and can lose replies.
type proxy struct {
	listener net.Listener
	to       string
	lose     atomic.Int32 // so many scripts run, and their replies are lost with the connection
	lost     atomic.Int32
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, to: to}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	var doomed atomic.Bool
	go func() {
		defer server.Close()
		b := make([]byte, 256<<10)
		for {
			n, err := client.Read(b)
			if err != nil {
				return
			}
			if bytes.Contains(b[:n], []byte("evalsha")) && p.lose.Add(-1) >= 0 {
				doomed.Store(true)
			}
			if _, err := server.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	b := make([]byte, 256<<10)
	for {
		n, err := server.Read(b) // the command has been executed
		if err != nil || doomed.Load() {
			if err == nil {
				p.lost.Add(1)
			}
			return
		}
		if _, err := client.Write(b[:n]); err != nil {
			return
		}
	}
}
