package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// nullMX knows which domains say in DNS that they take no mail (RFC 7505). It asks for at most patience, and remembers what it
// learnt, so that a signup seldom waits for a name server; when it does not know, the letter is tried.
type nullMX struct {
	resolver *net.Resolver
	patience time.Duration
	now      func() time.Time

	mu    sync.Mutex
	known map[string]verdict
}

type verdict struct {
	null  bool
	until time.Time
}

const (
	nullMXRemember = 10 * time.Minute
	nullMXMost     = 10_000 // domains remembered; then all are forgotten
)

func newNullMX() *nullMX {
	return &nullMX{resolver: net.DefaultResolver, patience: 300 * time.Millisecond, now: time.Now, known: map[string]verdict{}}
}

// undeliverable tells whether a domain (A-labels) publishes a null MX: one record with the root as its host.
func (n *nullMX) undeliverable(ctx context.Context, domain string) bool {
	if v, ok := n.recall(domain); ok {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, n.patience)
	defer cancel()
	mx, err := n.resolver.LookupMX(ctx, domain+".")
	null := err == nil && len(mx) == 1 && mx[0].Host == "."
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) >= nullMXMost {
		clear(n.known)
	}
	n.known[domain] = verdict{null, n.now().Add(nullMXRemember)}
	return null
}

func (n *nullMX) recall(domain string) (null, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, ok := n.known[domain]
	return v.null, ok && n.now().Before(v.until)
}
