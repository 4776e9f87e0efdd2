package preflight

import (
	"context"
	"crypto"
	"crypto/x509"
	"net"
	"slices"
	"sync"
	"time"
)

// Options are what letters will leave with. Domains and hosts are ASCII (xn--… for others), in any case.
type Options struct {
	Resolver *net.Resolver // net.DefaultResolver if nil
	Senders  []Sender
	Keys     []DKIMKey
	Relays   []Relay
	Public   string // host of public_url: our name in EHLO; localhost if empty

	Roots *x509.CertPool                                                    // who may vouch for a relay; the system's if nil
	Now   func() time.Time                                                  // for the days that a certificate has left; time.Now if nil
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error) // to a relay; by Resolver if nil
}

// Sender is whom letters come from. Those with equal domains are looked at once.
type Sender struct {
	Domain string   // of From
	Bounce string   // of the return path; empty: Domain
	Reply  string   // of Reply-To; empty: Domain
	Sites  []string // ids of the sites whose letters these are
}

// DKIMKey is a key that signs letters of its domain and of those below.
type DKIMKey struct {
	Domain, Selector string
	Public           crypto.PublicKey // *rsa.PublicKey or ed25519.PublicKey
}

// TLS is how the connection to a relay is guarded.
type TLS string

// The ways to guard it.
const (
	TLSOffered  TLS = "offered"  // STARTTLS where the relay offers it
	TLSRequired TLS = "required" // STARTTLS, or no letter leaves
	TLSOff      TLS = "off"
	TLSImplicit TLS = "implicit" // TLS from the first byte (RFC 8314)
)

// Relay is who takes letters.
type Relay struct {
	Host string // a name, or an address without brackets
	Port int
	TLS  TLS
}

// checker is one run of Check: all its questions end with ctx.
type checker struct {
	Options
	dns *asker
}

// Check looks at everything at once and returns what it found, what is in order too, always in the same sequence: MX, SPF, DKIM, DMARC, PTR,
// the relay; within each by the sequence of o. It ends when ctx does; what was not answered by then is Unknown.
func Check(ctx context.Context, o Options) []Finding {
	c := checker{Options: o.tidy()}
	c.dns = newAsker(c.Resolver)
	jobs := c.jobs()
	found := make([][]Finding, len(jobs))
	var all sync.WaitGroup
	for i, job := range jobs {
		all.Go(func() { found[i] = job(ctx) })
	}
	all.Wait()
	return printable(slices.Concat(found...))
}

// job is one check that needs no other's answer.
type job func(context.Context) []Finding

func (c *checker) jobs() (jobs []job) {
	for _, m := range c.mailboxes() {
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
		jobs = append(jobs, func(context.Context) []Finding { return c.signed(d) })
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
	for _, r := range c.Relays {
		jobs = append(jobs, func(ctx context.Context) []Finding { return c.relay(ctx, r) })
	}
	return jobs
}
