package preflight

import (
	"cmp"
	"net"
	"slices"
	"strings"
	"time"
)

// tidy returns options with defaults, names in lower case and without the last dot, and equal senders made one.
func (o Options) tidy() Options {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Resolver: o.Resolver}).DialContext
	}
	o.Keys, o.Relays = slices.Clone(o.Keys), slices.Clone(o.Relays)
	for i, k := range o.Keys {
		o.Keys[i].Domain, o.Keys[i].Selector = plain(k.Domain), plain(k.Selector)
	}
	for i, r := range o.Relays {
		o.Relays[i].Host = plain(r.Host)
	}
	o.Senders = merged(o.Senders)
	return o
}

func merged(senders []Sender) (all []Sender) {
	for _, s := range senders {
		s.Domain = plain(s.Domain)
		s.Bounce, s.Reply = cmp.Or(plain(s.Bounce), s.Domain), cmp.Or(plain(s.Reply), s.Domain)
		i := slices.IndexFunc(all, func(o Sender) bool { return o.Domain == s.Domain && o.Bounce == s.Bounce && o.Reply == s.Reply })
		if i < 0 {
			s.Sites = slices.Clone(s.Sites)
			all = append(all, s)
			continue
		}
		all[i].Sites = append(all[i].Sites, s.Sites...)
	}
	return all
}

// domain is a name and the sites that it matters to.
type domain struct {
	name  string
	sites []string
}

// domains returns one domain of each sender, each once.
func (c *checker) domains(of func(Sender) string) (all []domain) {
	for _, s := range c.Senders {
		i := slices.IndexFunc(all, func(d domain) bool { return d.name == of(s) })
		if i < 0 {
			i = len(all)
			all = append(all, domain{name: of(s)})
		}
		all[i].sites = append(all[i].sites, s.Sites...)
	}
	return all
}

func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// within tells whether a name is domain, or below it.
func within(name, domain string) bool { return name == domain || strings.HasSuffix(name, "."+domain) }
