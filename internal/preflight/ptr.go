package preflight

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/optin/optin/internal/relay"
)

// ptr checks whether each public address of a relay has a name that resolves back to it.
func (c *checker) ptr(ctx context.Context, r relay.Address) (found []Finding) {
	addrs, err := c.dns.host(ctx, r.Host)
	if err != nil {
		f := noAnswer("PTR", r.Host, nil, "the address of the relay "+r.Host, err)
		if notFound(err) {
			f.What, f.Fix = fmt.Sprintf("The relay %s has no address in DNS.", r.Host),
				[]string{"Correct the host in smtp.url."}
		}
		f.What += " So it is unknown whether SPF allows it to send."
		return []Finding{f}
	}
	for _, addr := range publicAddrs(addrs) {
		found = append(found, c.ptrOf(ctx, r.Host, addr))
	}
	return found
}

func (c *checker) ptrOf(ctx context.Context, host string, addr netip.Addr) Finding {
	f := Finding{Level: Warn, Check: "PTR", About: addr.String()}
	name := host
	if host == addr.String() {
		name = "mail.example"
		f.Fix = []string{"Replace mail.example by the relay's name."}
	}
	f.Fix = append(f.Fix, "The provider of the address sets this record:", ptrLine(addr, name))
	names, err := c.dns.LookupAddr(ctx, addr.String())
	switch {
	case err != nil && !notFound(err):
		return noAnswer("PTR", addr.String(), nil, "the name of "+addr.String(), err)
	case len(names) == 0:
		f.What = fmt.Sprintf("The relay's address %s has no name in DNS (PTR). Large receivers reject emails from "+
			"such an address.", addr)
		return f
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = canonicalName(name)
		back, err := c.dns.LookupIPAddr(ctx, names[i])
		if err != nil && !notFound(err) {
			return noAnswer("PTR", addr.String(), nil, "the address of "+names[i], err)
		}
		for _, b := range back {
			if a, ok := netip.AddrFromSlice(b.IP); ok && a.Unmap() == addr {
				return Finding{Check: "PTR", About: addr.String(),
					What: fmt.Sprintf("The relay's address %s is named %s, which resolves back to it.", addr, names[i])}
			}
		}
	}
	f.What = fmt.Sprintf("The relay's address %s is named %s, which does not resolve back to it. "+
		"Large receivers reject emails from such an address.", addr, joinWords(names))
	f.Fix = append(f.Fix, "or give "+names[0]+" the address:",
		fmt.Sprintf("%s. %s %s", names[0], addressType(addr), addr))
	return f
}

func addressType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}
