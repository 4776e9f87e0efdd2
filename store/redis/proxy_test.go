package redis

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/optin/optin/internal/conntest"
)

// proxy is between a store and its server and can lose replies, hold them back, and count what is sent.
type proxy struct {
	addr string
	to   string
	lose atomic.Int32 // so many scripts run, and their replies are lost with the connection
	lost atomic.Int32
	hang atomic.Int32 // so many new connections get no answer
	sent atomic.Int32 // how often something came from the store
	held sync.RWMutex // replies pass while nobody has locked it
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	p := &proxy{to: to}
	p.addr = conntest.Listen(t, p.serve)
	return p
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	var doomed atomic.Bool
	hanging := p.hang.Add(-1) >= 0
	go func() {
		defer server.Close()
		b := make([]byte, 256<<10)
		for {
			n, err := client.Read(b)
			if err != nil {
				return
			}
			p.sent.Add(1)
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
		if hanging {
			continue
		}
		p.held.RLock()
		_, err = client.Write(b[:n])
		p.held.RUnlock()
		if err != nil {
			return
		}
	}
}
