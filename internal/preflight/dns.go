package preflight

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// atOnce is how many questions are open at a time: more than resolvers of small machines like to take is answered by silence.
const atOnce = 16

// asker asks DNS. Each question is asked once, however many checks have it. Names are taken as they stand, without the machine's list of
// domains to search. It is what the SPF library asks with too, and so makes its errors of the one type that library looks at: either the
// name server said that there is nothing (IsNotFound), or there was no answer (IsTemporary).
type asker struct {
	resolver *net.Resolver
	seats    chan struct{}

	mu    sync.Mutex
	asked map[string]func() (any, error)
}

func newAsker(r *net.Resolver) *asker {
	return &asker{resolver: r, seats: make(chan struct{}, atOnce), asked: map[string]func() (any, error){}}
}

// once asks a question unless it was asked before. All questions of one run have the same end, so whose ctx it is does not matter.
func once[T any](ctx context.Context, a *asker, kind, name string, ask func() (T, error)) (T, error) {
	a.mu.Lock()
	answer, before := a.asked[kind+" "+name]
	if !before {
		answer = sync.OnceValues(func() (any, error) {
			select {
			case a.seats <- struct{}{}:
				defer func() { <-a.seats }()
			case <-ctx.Done():
				return nil, unanswered(name, ctx.Err())
			}
			v, err := ask()
			return v, unanswered(name, err)
		})
		a.asked[kind+" "+name] = answer
	}
	a.mu.Unlock()
	v, err := answer()
	t, _ := v.(T)
	return t, err
}

// unanswered makes every error but "there is none" a temporary one.
func unanswered(name string, err error) error {
	var d *net.DNSError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &d):
		return &net.DNSError{Err: err.Error(), Name: name, IsTemporary: true}
	case d.IsNotFound:
		return d
	}
	return &net.DNSError{Err: d.Err, Name: d.Name, IsTimeout: d.IsTimeout, IsTemporary: true}
}

// absent tells whether a name server said that there is no such record.
func absent(err error) bool {
	var d *net.DNSError
	return errors.As(err, &d) && d.IsNotFound
}

func rooted(name string) string { return strings.TrimSuffix(name, ".") + "." }

// LookupTXT returns the records of a name, the strings of each joined.
func (a *asker) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return once(ctx, a, "TXT", name, func() ([]string, error) { return a.resolver.LookupTXT(ctx, rooted(name)) })
}

// LookupMX returns those mail hosts that can be names, best first.
func (a *asker) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	return once(ctx, a, "MX", name, func() ([]*net.MX, error) {
		all, err := a.resolver.LookupMX(ctx, rooted(name))
		if len(all) > 0 {
			err = nil // of a record that was left out, because its host cannot be a name
		}
		return all, err
	})
}

// LookupIPAddr returns the addresses of a name.
func (a *asker) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	return once(ctx, a, "IP", name, func() ([]net.IPAddr, error) { return a.resolver.LookupIPAddr(ctx, rooted(name)) })
}

// LookupAddr returns the names of an address.
func (a *asker) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	return once(ctx, a, "PTR", addr, func() ([]string, error) { return a.resolver.LookupAddr(ctx, addr) })
}

// host returns the addresses of a relay, sorted. Its name is searched for as the connection to it does: a short one may be meant.
func (a *asker) host(ctx context.Context, name string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	return once(ctx, a, "host", name, func() ([]netip.Addr, error) {
		all, err := a.resolver.LookupNetIP(ctx, "ip", name)
		for i := range all {
			all[i] = all[i].Unmap()
		}
		slices.SortFunc(all, netip.Addr.Compare)
		return slices.Compact(all), err
	})
}

// public leaves the addresses that others see a relay at.
func public(all []netip.Addr) (seen []netip.Addr) {
	shared := netip.MustParsePrefix("100.64.0.0/10") // RFC 6598: of a provider's own network
	for _, a := range all {
		if a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a) {
			seen = append(seen, a)
		}
	}
	return seen
}
