package web

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// ConnectionLimits bound the connections of a server.
type ConnectionLimits struct {
	Max       int            // of all clients together
	PerClient int            // of one IPv4 address or /64 of IPv6
	Proxies   []netip.Prefix // whose connections are those of many clients: only Max counts for them
	Log       *slog.Logger
}

// Connections are those of one server, within its limits. Where there are too many, some are closed: those that have
// been idle for longest or, if none is, those that have been waiting for longest for a request or for the rest of one.
// A request that has come whole is never cut off: if all have one, the new connection is closed. If one client has too
// many, they are that client's.
type Connections struct {
	ConnectionLimits
	mu     sync.Mutex
	open   map[*connection]struct{}
	of     map[netip.Addr]int // how many are open, by client
	warned time.Time
}

// NewConnections returns the connections of a server that has none yet.
func NewConnections(l ConnectionLimits) *Connections {
	return &Connections{ConnectionLimits: l, open: map[*connection]struct{}{}, of: map[netip.Addr]int{}}
}

// connection is one connection.
type connection struct {
	net.Conn
	client netip.Addr // the zero Addr: a proxy, or no IP
	phase  atomic.Int32
	since  atomic.Int64 // when the phase began, in nanoseconds since 1970
}

// The phases of a connection, those that are closed first in front.
const (
	phaseIdle      int32 = iota // between two requests
	phaseNew                    // nothing was sent yet
	phaseReceiving              // a request, which has not come whole
	phaseInHand                 // a request is in hand
)

func (c *connection) begin(phase int32) {
	c.since.Store(time.Now().UnixNano())
	c.phase.Store(phase)
}

// CloseWrite is that of TCP: net/http uses it where it closes a connection whose request it has not read to the end.
func (c *connection) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// Serve is http.Server.Serve within the limits.
func (c *Connections) Serve(s *http.Server, l net.Listener) error {
	type key struct{}
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, key{}, conn)
	}
	s.ConnState = func(conn net.Conn, now http.ConnState) {
		switch one := conn.(*connection); now {
		case http.StateActive:
			one.begin(phaseReceiving)
		case http.StateIdle:
			one.begin(phaseIdle)
		case http.StateClosed, http.StateHijacked:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.remove(one)
		}
	}
	handler := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if one := r.Context().Value(key{}).(*connection); r.ContentLength == 0 {
			one.begin(phaseInHand)
		} else {
			r.Body = &receivedBody{r.Body, one}
		}
		handler.ServeHTTP(w, r)
	})
	return s.Serve(limitedListener{l, c})
}

// receivedBody is a request's body that notes when it has come whole.
type receivedBody struct {
	io.ReadCloser
	from *connection
}

func (b *receivedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.from.begin(phaseInHand)
	}
	return n, err
}

// limitedListener accepts connections within limits.
type limitedListener struct {
	net.Listener
	connections *Connections
}

func (l limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if one := l.connections.add(conn); one != nil {
			return one, nil
		}
		_ = conn.Close()
	}
}

// add adds a new connection, in the place of others if there are too many, or returns nil.
func (c *Connections) add(conn net.Conn) *connection {
	one := &connection{Conn: conn, client: c.clientOf(conn)}
	one.begin(phaseNew)
	c.mu.Lock()
	defer c.mu.Unlock()
	limited := one.client.IsValid()
	if limited && c.of[one.client] >= c.PerClient {
		c.shed(func(o *connection) bool { return o.client == one.client })
	} else if len(c.open) >= c.Max {
		c.shed(func(*connection) bool { return true })
	}
	if limited && c.of[one.client] >= c.PerClient || len(c.open) >= c.Max {
		return nil
	}
	c.open[one] = struct{}{}
	c.of[one.client]++
	return one
}

// clientOf returns by what a connection is counted.
func (c *Connections) clientOf(conn net.Conn) netip.Addr {
	at, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	ip := at.AddrPort().Addr().Unmap().WithZone("")
	switch {
	case slices.ContainsFunc(c.Proxies, func(p netip.Prefix) bool { return p.Contains(ip) }):
		return netip.Addr{}
	case ip.Is6():
		network, _ := ip.Prefix(64)
		return network.Addr()
	}
	return ip
}

// shed closes some of the connections that match and that may be closed: a sixteenth, so that not each further one
// looks through all of them.
func (c *Connections) shed(match func(*connection) bool) {
	if now := time.Now(); now.Sub(c.warned) > time.Minute {
		c.warned = now
		c.Log.Warn("there are too many connections: those that are idle, or wait for a request, are closed",
			"open", len(c.open), "max", c.Max, "max_per_client", c.PerClient)
	}
	type candidate struct {
		*connection
		phase int32 // as it was found: it changes meanwhile
		since int64
	}
	var all []candidate
	for one := range c.open {
		if phase := one.phase.Load(); phase < phaseInHand && match(one) {
			all = append(all, candidate{one, phase, one.since.Load()})
		}
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return cmp.Or(cmp.Compare(a.phase, b.phase), cmp.Compare(a.since, b.since)) < 0
	})
	for _, one := range all[:(len(all)+15)/16] {
		if one.connection.phase.Load() == one.phase { // else it has just been used
			c.remove(one.connection)
			_ = one.Close()
		}
	}
}

// remove forgets a connection, once.
func (c *Connections) remove(one *connection) {
	if _, open := c.open[one]; !open {
		return
	}
	delete(c.open, one)
	if c.of[one.client]--; c.of[one.client] == 0 {
		delete(c.of, one.client)
	}
}

// CloseUnused closes the connections on which nothing was sent yet. Browsers open some in advance, and Server.Shutdown
// waits five seconds for each. No request was sent, so no response is missed.
func (c *Connections) CloseUnused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for one := range c.open {
		if one.phase.Load() == phaseNew {
			c.remove(one)
			_ = one.Close()
		}
	}
}
