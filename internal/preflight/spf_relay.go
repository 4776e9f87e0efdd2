package preflight

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"blitiri.com.ar/go/spf"
)

// relayAddrs is where letters leave from, as far as it can be seen from here. Of a relay that DNS tells no address of, ptr does.
type relayAddrs struct {
	public []netip.Addr
	hidden []string // hosts with no address that others see
}

func (c *checker) relayAddrs(ctx context.Context) (all relayAddrs) {
	for _, r := range c.Relays {
		addrs, err := c.dns.host(ctx, r.Host)
		seen := public(addrs)
		if err == nil && len(seen) == 0 && !slices.Contains(all.hidden, r.Host) {
			all.hidden = append(all.hidden, r.Host)
		}
		all.public = append(all.public, seen...)
	}
	slices.SortFunc(all.public, netip.Addr.Compare)
	all.public = slices.Compact(all.public)
	return all
}

// fix is the record that lets the relays send, with what the reader must know of it. Where no address can be seen, one stands in that is
// nobody's (RFC 5737).
func (a relayAddrs) fix(domain string, record spfRecord, missing []netip.Addr) (steps []string) {
	if len(a.public) == 0 {
		missing = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		steps = append(steps, "Write the address that your letters leave from in place of 192.0.2.1:")
	}
	return append(steps, txtLine(domain, record.allow(missing).String()),
		"If the relay belongs to a mail provider, put the include: that the provider names in place of the addresses.")
}

// spfRelays looks whether a sound record lets each address of the relays send.
func (c *checker) spfRelays(ctx context.Context, d domain, record spfRecord, relays relayAddrs) (found []Finding) {
	f := Finding{Check: "SPF", About: d.name, Sites: d.sites}
	var missing []netip.Addr
	for _, addr := range relays.public {
		result, err := c.evaluate(ctx, d.name, addr, spfLookups)
		switch result {
		case spf.Pass:
		case spf.TempError:
			found = append(found, silent("SPF", d.name, d.sites, fmt.Sprintf("what the SPF record of %s says of %s", d.name, addr), err))
		default:
			missing = append(missing, addr)
		}
	}
	switch {
	case len(missing) > 0:
		f.Level, f.Fix = Warning, relays.fix(d.name, record, missing)
		f.What = fmt.Sprintf("SPF of %s does not let %s send, where the relay is. Letters that leave from there fail SPF. "+
			"If the relay hands them on to other hosts, SPF must name those, which cannot be seen from here.", d.name, listed(missing))
		found = append(found, f)
	case len(relays.public) > 0 && len(found) == 0:
		f.What = fmt.Sprintf("SPF of %s lets the relay send (%s).", d.name, listed(relays.public))
		found = append(found, f)
	}
	if len(relays.hidden) > 0 {
		f.Level = Unknown
		f.What = fmt.Sprintf("The relay %s is on this machine or in a private network. Others see its letters come from another "+
			"address, which is not known here; nor then is whether SPF of %s lets it send.", listed(relays.hidden), d.name)
		f.Fix = append([]string{"Look up the relay's public address. If SPF does not name it yet, change the record:"},
			relayAddrs{}.fix(d.name, record, nil)...)
		found = append(found, f)
	}
	return found
}
