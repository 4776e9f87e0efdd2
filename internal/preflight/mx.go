package preflight

import (
	"context"
	"fmt"
	"net"
	"slices"
)

// mailbox is a domain that must take mail, and what for.
type mailbox struct {
	domain string
	uses   []string // in the words of a finding
	from   bool
	sites  []string
}

// mailboxes returns the domains that must take mail, each once.
func (c *checker) mailboxes() (all []mailbox) {
	add := func(domain, use string, from bool, sites []string) {
		i := slices.IndexFunc(all, func(m mailbox) bool { return m.domain == domain })
		if i < 0 {
			i = len(all)
			all = append(all, mailbox{domain: domain})
		}
		m := &all[i]
		m.from = m.from || from
		if !slices.Contains(m.uses, use) {
			m.uses = append(m.uses, use)
		}
		for _, s := range sites {
			if !slices.Contains(m.sites, s) {
				m.sites = append(m.sites, s)
			}
		}
	}
	for _, s := range c.Senders {
		add(s.Domain, "letters come from", true, s.Sites)
		add(s.Reply, "answers go to", false, s.Sites)
		add(s.Bounce, "bounces go to", false, s.Sites)
	}
	return all
}

// mx looks whether a domain takes mail.
func (c *checker) mx(ctx context.Context, m mailbox) []Finding {
	f := Finding{Check: "MX", About: m.domain, Sites: m.sites}
	line := []string{
		"Say in DNS which host takes mail for it; write its name in place of mail." + m.domain + ":",
		m.domain + ". MX 10 mail." + m.domain + ".",
	}
	its := fmt.Sprintf("%s is the domain that %s", m.domain, listed(m.uses))
	lost := "such mail is lost"
	if m.from {
		lost += ", and many receivers refuse letters from such a domain"
	}
	all, err := c.dns.LookupMX(ctx, m.domain)
	switch {
	case err != nil && !absent(err):
		return []Finding{silent("MX", m.domain, m.sites, "the MX of "+m.domain, err)}
	case len(all) == 1 && all[0].Host == ".":
		f.Level, f.Fix = Wrong, append([]string{"Take out the record " + m.domain + ". MX 0 ."}, line...)
		f.What = fmt.Sprintf("%s, and says in DNS that it takes no mail (a null MX): %s.", its, lost)
	case len(all) > 0:
		return c.mxHosts(ctx, f, all, its+": "+lost)
	default:
		return c.mxImplicit(ctx, f, line, its, lost)
	}
	return []Finding{f}
}

// mxHosts looks whether one of the hosts has an address.
func (c *checker) mxHosts(ctx context.Context, f Finding, all []*net.MX, lost string) []Finding {
	var names []string
	for _, mx := range all {
		name := plain(mx.Host)
		_, err := c.dns.LookupIPAddr(ctx, name)
		switch {
		case err == nil:
			f.What = fmt.Sprintf("Mail for %s is taken by %s.", f.About, name)
			return []Finding{f}
		case !absent(err):
			return []Finding{silent("MX", f.About, f.Sites, "the address of "+name, err)}
		}
		names = append(names, name)
	}
	f.Level = Wrong
	f.What = fmt.Sprintf("Mail for %s goes to %s by its MX, and DNS has no address for that name. %s.", f.About, listed(names), lost)
	f.Fix = []string{"Give " + names[0] + " an A or AAAA record, or correct the name in the MX of " + f.About + "."}
	return []Finding{f}
}

// mxImplicit judges a domain without MX: its address stands in for one (RFC 5321, section 5.1).
func (c *checker) mxImplicit(ctx context.Context, f Finding, line []string, its, lost string) []Finding {
	_, err := c.dns.LookupIPAddr(ctx, f.About)
	switch {
	case absent(err):
		f.Level, f.Fix = Wrong, line
		f.What = fmt.Sprintf("%s, and has neither an MX nor an address in DNS: %s.", its, lost)
	case err != nil:
		return []Finding{silent("MX", f.About, f.Sites, "the address of "+f.About, err)}
	default:
		f.Level, f.Fix = Warning, line
		f.What = fmt.Sprintf("%s, and has no MX, so mail for it goes to the host at its own address. If that is only a web server, "+
			"such mail is lost.", its)
	}
	return []Finding{f}
}
