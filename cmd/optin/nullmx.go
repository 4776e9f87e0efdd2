package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// nullMX knows which domains publish in DNS that they accept no mail (RFC 7505). A lookup takes at most timeout and is
// cached, so that name servers are seldom asked. Without an answer the domain counts as accepting mail.
//
// An answer from the cache takes as long as it took to get it: otherwise the time of a signup would reveal whether
// somebody of the same domain, with a slow name server, has signed up lately.
type nullMX struct {
	lookup  func(ctx context.Context, domain string) ([]*net.MX, error)
	timeout time.Duration
	now     func() time.Time

	mu    sync.Mutex
	cache map[string]nullMXAnswer
}

type nullMXAnswer struct {
	null    bool
	took    time.Duration
	expires time.Time
}

const (
	nullMXCacheFor = 10 * time.Minute
	nullMXCacheMax = 10_000 // domains; then the cache is emptied
)

func newNullMX() *nullMX {
	return &nullMX{lookup: net.DefaultResolver.LookupMX, timeout: 300 * time.Millisecond, now: time.Now,
		cache: map[string]nullMXAnswer{}}
}

// undeliverable reports whether a domain (A-labels) publishes a null MX: one record with the root as its host.
func (n *nullMX) undeliverable(ctx context.Context, domain string) bool {
	if a, ok := n.cached(domain); ok {
		wait := time.NewTimer(a.took)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
		return a.null
	}
	asked := time.Now()
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	mx, err := n.lookup(ctx, domain+".")
	a := nullMXAnswer{
		null: err == nil && len(mx) == 1 && mx[0].Host == ".", took: time.Since(asked),
		expires: n.now().Add(nullMXCacheFor),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.cache) >= nullMXCacheMax {
		clear(n.cache)
	}
	n.cache[domain] = a
	return a.null
}

// mailServers are the lookups by which a domain is known to take mail. *net.Resolver has them.
type mailServers interface {
	LookupMX(ctx context.Context, domain string) ([]*net.MX, error)
	LookupHost(ctx context.Context, domain string) ([]string, error)
}

// takesNoMail returns what reports whether a domain takes no mail: it has neither MX nor addresses (RFC 5321, section
// 5.1), or a null MX. Without an answer in time it counts as taking mail. Nothing is remembered, so no answer comes
// sooner because of who was asked about before.
func takesNoMail(dns mailServers, within time.Duration) func(ctx context.Context, domain string) bool {
	return func(ctx context.Context, domain string) bool {
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		mx, err := dns.LookupMX(ctx, domain+".")
		if len(mx) > 0 {
			return len(mx) == 1 && mx[0].Host == "."
		}
		if err != nil && !isNotFound(err) {
			return false
		}
		_, err = dns.LookupHost(ctx, domain+".")
		return isNotFound(err)
	}
}

func isNotFound(err error) bool {
	var failed *net.DNSError
	return errors.As(err, &failed) && failed.IsNotFound
}

func (n *nullMX) cached(domain string) (a nullMXAnswer, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, ok = n.cache[domain]
	return a, ok && n.now().Before(a.expires)
}
