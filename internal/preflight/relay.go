package preflight

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"
)

// soon is when a certificate is told to end.
const soon = 14 * 24 * time.Hour

// relay talks with a relay, and judges how it guards letters on their first way.
func (c *checker) relay(ctx context.Context, r Relay) []Finding {
	t := c.talk(ctx, r)
	f := Finding{Check: "STARTTLS", About: net.JoinHostPort(r.Host, strconv.Itoa(r.Port))}
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(t.err, &certificate):
		return []Finding{c.refused(r, certificate)}
	case t.err != nil && (!t.reached || late(t.err)):
		f.Level, f.What = Unknown, fmt.Sprintf("The relay %s could not be asked: %s.", f.About, told(t.err))
		f.Fix = []string{"Look whether smtp.url names the relay and its port, and whether a firewall is between."}
	case t.err != nil:
		f.Level, f.What = Wrong, fmt.Sprintf("The relay %s broke off when TLS was to begin: %s.", f.About, told(t.err))
		f.Fix = []string{"Let the relay speak TLS 1.2 or 1.3 on this port. smtps:// is for ports that begin with TLS (465), smtp:// for those " +
			"that begin without (587)."}
		if t.secure == nil && !t.offered {
			f.Level, f.What = Unknown, fmt.Sprintf("The relay %s did not take our EHLO: %s.", f.About, told(t.err))
			f.Fix = []string{"Ask the relay's operator whether this machine may use it."}
		}
	case t.secure != nil:
		f.What = fmt.Sprintf("Letters reach the relay %s over %s.", f.About, tls.VersionName(t.secure.Version))
		return []Finding{f, c.days(r, t.secure.PeerCertificates[0])}
	default:
		f = c.clear(ctx, f, r, t.offered)
	}
	return []Finding{f}
}

// clear judges a relay that letters reach without TLS.
func (c *checker) clear(ctx context.Context, f Finding, r Relay, offered bool) Finding {
	addrs, err := c.dns.host(ctx, r.Host)
	far := err != nil || len(public(addrs)) > 0
	switch {
	case r.TLS == TLSRequired:
		f.Level = Wrong
		f.What = fmt.Sprintf("The relay %s does not offer STARTTLS, and tls=required lets no letter leave without it.", f.About)
		f.Fix = []string{"Let the relay offer STARTTLS, or use its port for smtps:// (465)."}
	case !far:
		f.What = fmt.Sprintf("Letters reach the relay %s without TLS. It is on this machine or in a private network.", f.About)
	case offered:
		f.Level = Warning
		f.What = fmt.Sprintf("The relay %s offers STARTTLS, and tls=off keeps from it: letters and their links can be read on the way.", f.About)
		f.Fix = []string{"Take tls=off out of smtp.url, or write tls=required."}
	default:
		f.Level = Warning
		f.What = fmt.Sprintf("The relay %s does not offer STARTTLS: letters and their links can be read on the way.", f.About)
		f.Fix = []string{"Let the relay offer STARTTLS, and write tls=required in smtp.url; or use its port for smtps:// (465)."}
	}
	return f
}

// days says how long a certificate that was accepted is good for.
func (c *checker) days(r Relay, leaf *x509.Certificate) Finding {
	f := Finding{Check: "certificate", About: r.Host}
	left := leaf.NotAfter.Sub(c.Now())
	f.What = fmt.Sprintf("The certificate of the relay %s is good until %s (%d days).", r.Host, day(leaf.NotAfter), left/(24*time.Hour))
	if left < soon {
		f.Level = Warning
		f.What += " After that no letter leaves."
		f.Fix = []string{"Renew the relay's certificate, and look why that did not happen by itself."}
	}
	return f
}

// refused says why a certificate was not accepted. No letter leaves to a relay that has such a one.
func (c *checker) refused(r Relay, e *tls.CertificateVerificationError) Finding {
	f := Finding{Level: Wrong, Check: "certificate", About: r.Host}
	leaf := e.UnverifiedCertificates[0]
	var name x509.HostnameError
	var issuer x509.UnknownAuthorityError
	why := ""
	switch now := c.Now(); {
	case now.After(leaf.NotAfter):
		why = "ended on " + day(leaf.NotAfter)
		f.Fix = []string{"Renew the relay's certificate."}
	case now.Before(leaf.NotBefore):
		why = "begins on " + day(leaf.NotBefore) + " only"
		f.Fix = []string{"Look at the clocks of this machine and of the relay."}
	case errors.As(e.Err, &name):
		why = "is for " + names(leaf) + ", and not for it"
		f.Fix = []string{"Write in smtp.url the name that the certificate has, or get one for " + r.Host + "."}
	case errors.As(e.Err, &issuer):
		why = "was issued by nobody whom this machine trusts"
		f.Fix = []string{"Let the relay send the whole chain of a public authority, or add your own authority to the trusted roots of this machine."}
	default:
		why = "is not valid (" + e.Err.Error() + ")"
		f.Fix = []string{"Get a new certificate for " + r.Host + "."}
	}
	f.What = fmt.Sprintf("The certificate of the relay %s %s. No letter leaves like this.", r.Host, why)
	return f
}

// names are the hosts that a certificate is for.
func names(leaf *x509.Certificate) string {
	hosts := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	if len(hosts) == 0 {
		return "no host by name"
	}
	return listed(hosts)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// late tells a relay that did not answer in time.
func late(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// told is an error on one line. What a relay answered may have several.
func told(err error) string {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return fmt.Sprintf("it answered %d %s", reply.Code, strings.Join(strings.Fields(reply.Msg), " "))
	}
	switch {
	case late(err):
		return "it took too long"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "it broke off"
	}
	return cause(err)
}
