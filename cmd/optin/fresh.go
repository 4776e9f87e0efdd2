package main

import (
	"net"
	"net/http"
	"sync"
)

// fresh are a server's connections on which nothing was asked yet. Browsers open some ahead of need, and Server.Shutdown waits five
// seconds for each.
type fresh struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// watch is a http.Server's ConnState.
func (f *fresh) watch(c net.Conn, s http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s == http.StateNew {
		f.conns[c] = struct{}{}
	} else {
		delete(f.conns, c)
	}
}

// close cuts them.
func (f *fresh) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		_ = c.Close() // nobody asked anything, so nobody misses an answer
	}
}
