package preflight

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// ptr looks whether each public address of a relay has a name that leads back to it.
func (c *checker) ptr(ctx context.Context, r Relay) (found []Finding) {
	addrs, err := c.dns.host(ctx, r.Host)
	if err != nil {
		f := silent("PTR", r.Host, nil, "the address of the relay "+r.Host, err)
		if absent(err) {
			f.What, f.Fix = fmt.Sprintf("DNS knows no address of the relay %s.", r.Host), []string{"Correct the host in smtp.url."}
		}
		f.What += " Whether SPF lets it send cannot be told either."
		return []Finding{f}
	}
	for _, addr := range public(addrs) {
		found = append(found, c.ptrOf(ctx, r.Host, addr))
	}
	return found
}

func (c *checker) ptrOf(ctx context.Context, host string, addr netip.Addr) Finding {
	f := Finding{Level: Warning, Check: "PTR", About: addr.String()}
	name := host
	if host == addr.String() {
		name = "mail.example"
		f.Fix = []string{"Write the relay's name in place of mail.example."}
	}
	f.Fix = append(f.Fix, "The provider of the address sets this record:", ptrLine(addr, name))
	names, err := c.dns.LookupAddr(ctx, addr.String())
	switch {
	case err != nil && !absent(err):
		return silent("PTR", addr.String(), nil, "the name of "+addr.String(), err)
	case len(names) == 0:
		f.What = fmt.Sprintf("The relay's address %s has no name in DNS (PTR), and large receivers refuse letters from such.", addr)
		return f
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = plain(name)
		back, err := c.dns.LookupIPAddr(ctx, names[i])
		if err != nil && !absent(err) {
			return silent("PTR", addr.String(), nil, "the address of "+names[i], err)
		}
		for _, b := range back {
			if a, ok := netip.AddrFromSlice(b.IP); ok && a.Unmap() == addr {
				return Finding{Check: "PTR", About: addr.String(), What: fmt.Sprintf("The relay's address %s is named %s, and back.", addr, names[i])}
			}
		}
	}
	f.What = fmt.Sprintf("The relay's address %s is named %s, and that name does not lead back to it. Large receivers refuse letters from such.",
		addr, listed(names))
	f.Fix = append(f.Fix, "or give "+names[0]+" the address:", fmt.Sprintf("%s. %s %s", names[0], addressType(addr), addr))
	return f
}

func addressType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}
