package preflight

import (
	"context"
	"fmt"
	"net"
	"slices"
)

// mailDomain is a domain that must receive mail, and why.
type mailDomain struct {
	domain string
	uses   []string // as in the text of a finding
	from   bool
	sites  []string
}

// mailDomains returns the domains that must receive mail, each once.
func (c *checker) mailDomains() (all []mailDomain) {
	add := func(domain, use string, from bool, sites []string) {
		i := slices.IndexFunc(all, func(m mailDomain) bool { return m.domain == domain })
		if i < 0 {
			i = len(all)
			all = append(all, mailDomain{domain: domain})
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
		add(s.Domain, "emails come from", true, s.Sites)
		add(s.Reply, "answers go to", false, s.Sites)
		add(s.Bounce, "bounces go to", false, s.Sites)
	}
	return all
}

// mx checks whether a domain receives mail.
func (c *checker) mx(ctx context.Context, m mailDomain) []Finding {
	f := Finding{Check: "MX", About: m.domain, Sites: m.sites}
	line := []string{
		"Publish which host receives mail for it; replace mail." + m.domain + " by its name:",
		m.domain + ". MX 10 mail." + m.domain + ".",
	}
	its := fmt.Sprintf("%s is the domain that %s", m.domain, joinWords(m.uses))
	lost := "such mail is lost"
	if m.from {
		lost += ", and many receivers reject emails from such a domain"
	}
	all, err := c.dns.LookupMX(ctx, m.domain)
	switch {
	case err != nil && !notFound(err):
		return []Finding{noAnswer("MX", m.domain, m.sites, "the MX of "+m.domain, err)}
	case len(all) == 1 && all[0].Host == ".":
		f.Level, f.Fix = Wrong, append([]string{"Remove the record " + m.domain + ". MX 0 ."}, line...)
		f.What = fmt.Sprintf("%s, and its DNS says that it receives no mail (a null MX): %s.", its, lost)
	case len(all) > 0:
		return c.mxHosts(ctx, f, all, its+": "+lost)
	default:
		return c.mxImplicit(ctx, f, line, its, lost)
	}
	return []Finding{f}
}

// mxHosts checks whether one of the hosts has an address.
func (c *checker) mxHosts(ctx context.Context, f Finding, all []*net.MX, lost string) []Finding {
	var names []string
	for _, mx := range all {
		name := canonicalName(mx.Host)
		_, err := c.dns.LookupIPAddr(ctx, name)
		switch {
		case err == nil:
			f.What = fmt.Sprintf("%[2]s receives mail for %[1]s.", f.About, name)
			return []Finding{f}
		case !notFound(err):
			return []Finding{noAnswer("MX", f.About, f.Sites, "the address of "+name, err)}
		}
		names = append(names, name)
	}
	f.Level = Wrong
	f.What = fmt.Sprintf("The MX of %s is %s, which has no address in DNS. %s.", f.About, joinWords(names), lost)
	f.Fix = []string{"Give " + names[0] + " an A or AAAA record, or correct the name in the MX of " + f.About + "."}
	return []Finding{f}
}

// mxImplicit checks a domain without MX, whose address is used instead (RFC 5321, section 5.1).
func (c *checker) mxImplicit(ctx context.Context, f Finding, line []string, its, lost string) []Finding {
	_, err := c.dns.LookupIPAddr(ctx, f.About)
	switch {
	case notFound(err):
		f.Level, f.Fix = Wrong, line
		f.What = fmt.Sprintf("%s, and has neither an MX nor an address in DNS: %s.", its, lost)
	case err != nil:
		return []Finding{noAnswer("MX", f.About, f.Sites, "the address of "+f.About, err)}
	default:
		f.Level, f.Fix = Warn, line
		f.What = fmt.Sprintf("%s, and has no MX, so mail for it goes to the host at its own address. "+
			"If that is only a web server, such mail is lost.", its)
	}
	return []Finding{f}
}
