// Package conntest serves connections for tests, to what stands in for a server.
package conntest

import (
	"context"
	"net"
	"sync"
	"testing"
)

// Listen serves a free port of this machine, and returns its address. See Serve.
func Listen(t testing.TB, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	Serve(t, l, serve)
	return l.Addr().String()
}

// Serve calls serve for each connection that l accepts, and closes the connection when serve returns. When the test
// ends, it closes l and what is open, and waits for serve to return.
func Serve(t testing.TB, l net.Listener, serve func(net.Conn)) {
	over, end := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				defer context.AfterFunc(over, func() { _ = c.Close() })()
				serve(c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); end(); all.Wait() })
}
