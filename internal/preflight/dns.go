package preflight

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"sync"
)

// maxQuestions limits the questions that are open at a time: resolvers of small machines do not answer more.
const maxQuestions = 16

// dnsClient asks DNS. Each question is asked once, however many checks need it. Names are absolute: the machine's
// search list is not used. The SPF library uses it too, so its errors are of the type that the library knows: either
// the name server said that there is no record (IsNotFound), or there was no answer (IsTemporary).
type dnsClient struct {
	resolver *net.Resolver
	slots    chan struct{}

	mu      sync.Mutex
	answers map[string]func() (any, error)
}

func newDNSClient(r *net.Resolver) *dnsClient {
	return &dnsClient{resolver: r, slots: make(chan struct{}, maxQuestions), answers: map[string]func() (any, error){}}
}

// once asks a question unless it was asked before. All questions of one run share a deadline, so it does not matter
// which ctx is used.
func once[T any](ctx context.Context, a *dnsClient, kind, name string, ask func() (T, error)) (T, error) {
	a.mu.Lock()
	answer, before := a.answers[kind+" "+name]
	if !before {
		answer = sync.OnceValues(func() (any, error) {
			select {
			case a.slots <- struct{}{}:
				defer func() { <-a.slots }()
			case <-ctx.Done():
				return nil, temporary(name, ctx.Err())
			}
			v, err := ask()
			return v, temporary(name, err)
		})
		a.answers[kind+" "+name] = answer
	}
	a.mu.Unlock()
	v, err := answer()
	t, _ := v.(T)
	return t, err
}

// temporary returns every error but "there is no such record" as a temporary one.
func temporary(name string, err error) error {
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

// notFound reports whether a name server said that there is no such record.
func notFound(err error) bool {
	var d *net.DNSError
	return errors.As(err, &d) && d.IsNotFound
}

func absolute(name string) string { return strings.TrimSuffix(name, ".") + "." }

// LookupTXT returns the TXT records of a name, each as one string.
func (a *dnsClient) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return once(ctx, a, "TXT", name, func() ([]string, error) { return a.resolver.LookupTXT(ctx, absolute(name)) })
}

// LookupMX returns the mail hosts of a name, best first, except for those that are no valid names.
func (a *dnsClient) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	return once(ctx, a, "MX", name, func() ([]*net.MX, error) {
		all, err := a.resolver.LookupMX(ctx, absolute(name))
		if len(all) > 0 {
			err = nil // about a record that was dropped, because its host is no valid name
		}
		return all, err
	})
}

// LookupIPAddr returns the addresses of a name.
func (a *dnsClient) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	return once(ctx, a, "IP", name, func() ([]net.IPAddr, error) {
		return a.resolver.LookupIPAddr(ctx, absolute(name))
	})
}

// LookupAddr returns the names of an address.
func (a *dnsClient) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	return once(ctx, a, "PTR", addr, func() ([]string, error) { return a.resolver.LookupAddr(ctx, addr) })
}

// host returns the addresses of a relay, sorted. It uses the machine's search list, as the connection to the relay
// does.
func (a *dnsClient) host(ctx context.Context, name string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	return once(ctx, a, "host", name, func() ([]netip.Addr, error) {
		all, err := a.resolver.LookupNetIP(ctx, "ip", name)
		for i := range all {
			all[i] = all[i].Unmap()
		}
		sort.Slice(all, func(i, j int) bool { return all[i].Less(all[j]) })
		return slices.Compact(all), err
	})
}

// publicAddrs returns the addresses at which others see a relay.
func publicAddrs(all []netip.Addr) (seen []netip.Addr) {
	shared := netip.MustParsePrefix("100.64.0.0/10") // RFC 6598: shared within a provider's network
	for _, a := range all {
		if a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a) {
			seen = append(seen, a)
		}
	}
	return seen
}
