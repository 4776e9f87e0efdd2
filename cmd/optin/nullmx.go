package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// nullMX knows which domains publish in DNS that they accept no mail (RFC 7505). A lookup takes at most timeout and is
// cached, so that a signup seldom waits for a name server. Without an answer the domain counts as accepting mail.
type nullMX struct {
	resolver *net.Resolver
	timeout  time.Duration
	now      func() time.Time

	mu    sync.Mutex
	cache map[string]nullMXAnswer
}

type nullMXAnswer struct {
	null    bool
	expires time.Time
}

const (
	nullMXCacheFor = 10 * time.Minute
	nullMXCacheMax = 10_000 // domains; then the cache is emptied
)

func newNullMX() *nullMX {
	return &nullMX{resolver: net.DefaultResolver, timeout: 300 * time.Millisecond, now: time.Now,
		cache: map[string]nullMXAnswer{}}
}

// undeliverable reports whether a domain (A-labels) publishes a null MX: one record with the root as its host.
func (n *nullMX) undeliverable(ctx context.Context, domain string) bool {
	if null, ok := n.cached(domain); ok {
		return null
	}
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	mx, err := n.resolver.LookupMX(ctx, domain+".")
	null := err == nil && len(mx) == 1 && mx[0].Host == "."
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.cache) >= nullMXCacheMax {
		clear(n.cache)
	}
	n.cache[domain] = nullMXAnswer{null, n.now().Add(nullMXCacheFor)}
	return null
}

func (n *nullMX) cached(domain string) (null, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, ok := n.cache[domain]
	return a.null, ok && n.now().Before(a.expires)
}
