package preflight

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/optin/optin/internal/relay"
)

// Options describe how emails will be sent. Domains and hosts are ASCII (xn--… for others), in any case.
type Options struct {
	Resolver *net.Resolver // net.DefaultResolver if nil
	Senders  []Sender
	Keys     []DKIMKey
	Relays   []relay.Address
	Public   string // host of public_url: our name in EHLO; localhost if empty

	// Roots are the authorities trusted to certify a relay; the system's if nil.
	Roots *x509.CertPool
	// Now is the clock for the expiry of certificates; time.Now if nil.
	Now  func() time.Time
	Dial func(ctx context.Context, network, addr string) (net.Conn, error) // to a relay; uses Resolver if nil
}

// Sender is a sender of emails. Senders with equal domains are checked once.
type Sender struct {
	Domain string   // of From
	Bounce string   // of the return path; empty: Domain
	Reply  string   // of Reply-To; empty: Domain
	Sites  []string // ids of the sites that send so
}

// DKIMKey is a key that signs emails from its domain and its subdomains.
type DKIMKey struct {
	Domain, Selector string
	Public           crypto.PublicKey // *rsa.PublicKey or ed25519.PublicKey
}

// checker is one run of Check.
type checker struct {
	Options
	dns *dnsClient
}

// Check checks everything concurrently and returns all findings, those that are OK too, in a fixed order: MX, SPF,
// DKIM, DMARC, PTR, the relay; and within each the order of o. It ends when ctx does; what was not answered by then is
// Unknown.
func Check(ctx context.Context, o Options) []Finding {
	c := checker{Options: o.withDefaults()}
	c.dns = newDNSClient(c.Resolver)
	jobs := c.checks()
	found := make([][]Finding, len(jobs))
	var all sync.WaitGroup
	for i, job := range jobs {
		all.Go(func() { found[i] = job(ctx) })
	}
	all.Wait()
	return printable(slices.Concat(found...))
}

// check is one check, which depends on no other.
type check func(context.Context) []Finding

func (c *checker) checks() (jobs []check) {
	for _, m := range c.mailDomains() {
		jobs = append(jobs, func(ctx context.Context) []Finding { return c.mx(ctx, m) })
	}
	for _, d := range c.domains(func(s Sender) string { return s.Bounce }) {
		jobs = append(jobs, func(ctx context.Context) []Finding { return c.spf(ctx, d) })
	}
	for _, k := range c.Keys {
		jobs = append(jobs, func(ctx context.Context) []Finding { return c.dkim(ctx, k) })
	}
	froms := c.domains(func(s Sender) string { return s.Domain })
	for _, d := range froms {
		jobs = append(jobs, func(context.Context) []Finding { return c.hasKey(d) })
	}
	for _, d := range froms {
		jobs = append(jobs, func(ctx context.Context) []Finding { return c.dmarc(ctx, d) })
	}
	for _, s := range c.Senders {
		jobs = append(jobs, func(ctx context.Context) []Finding { return c.alignment(ctx, s) })
	}
	for _, r := range c.Relays {
		jobs = append(jobs, func(ctx context.Context) []Finding { return c.ptr(ctx, r) })
	}
	relays := relayChecker{c}
	for _, r := range c.Relays {
		jobs = append(jobs, func(ctx context.Context) []Finding { return relays.check(ctx, r) })
	}
	return jobs
}

// withDefaults returns the options with defaults, with names in lower case and without the final dot, and with equal
// senders merged.
func (o Options) withDefaults() Options {
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
		o.Keys[i].Domain, o.Keys[i].Selector = canonicalName(k.Domain), canonicalName(k.Selector)
	}
	for i, r := range o.Relays {
		o.Relays[i].Host = canonicalName(r.Host)
	}
	o.Senders = mergeSenders(o.Senders)
	return o
}

func mergeSenders(senders []Sender) (all []Sender) {
	for _, s := range senders {
		s.Domain = canonicalName(s.Domain)
		s.Bounce, s.Reply = cmp.Or(canonicalName(s.Bounce), s.Domain), cmp.Or(canonicalName(s.Reply), s.Domain)
		i := slices.IndexFunc(all, func(o Sender) bool {
			return o.Domain == s.Domain && o.Bounce == s.Bounce &&
				o.Reply == s.Reply
		})
		if i < 0 {
			s.Sites = slices.Clone(s.Sites)
			all = append(all, s)
			continue
		}
		all[i].Sites = append(all[i].Sites, s.Sites...)
	}
	return all
}

// domain is a domain and the sites that use it.
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

func canonicalName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// isWithin reports whether a name is domain or a subdomain of it.
func isWithin(name, domain string) bool { return name == domain || strings.HasSuffix(name, "."+domain) }
