package preflight

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/internal/relay"
)

// renewWithin is how long before its end a certificate is a warning.
const renewWithin = 14 * 24 * time.Hour

// relayChecker is the part of a checker that talks to relays.
type relayChecker struct{ *checker }

// check checks TLS of a relay by a short conversation.
func (c *relayChecker) check(ctx context.Context, r relay.Address) []Finding {
	t := c.converse(ctx, r)
	f := Finding{Check: "STARTTLS", About: r.HostPort()}
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(t.err, &certificate):
		return []Finding{c.badCertificate(r, certificate)}
	case t.err != nil && (!t.greeted || timedOut(t.err)):
		f.Level, f.What = Unknown, fmt.Sprintf("The relay %s could not be checked: %s.", f.About, describeError(t.err))
		f.Fix = []string{"Check the host and port in smtp.url, and whether a firewall blocks the connection."}
	case t.err != nil:
		f.Level, f.What = Wrong, fmt.Sprintf("The relay %s failed to start TLS: %s.", f.About, describeError(t.err))
		f.Fix = []string{"Let the relay speak TLS 1.2 or 1.3 on this port. smtps:// is for ports that start with " +
			"TLS (465), smtp:// for those " +
			"that start without (587)."}
		if t.secure == nil && !t.offersTLS {
			f.Level, f.What = Unknown, fmt.Sprintf("The relay %s did not accept our EHLO: %s.", f.About,
				describeError(t.err))
			f.Fix = []string{"Ask the relay's operator whether this machine may use it."}
		}
	case t.secure != nil:
		f.What = fmt.Sprintf("Emails reach the relay %s over %s.", f.About, tls.VersionName(t.secure.Version))
		return []Finding{f, c.expiry(r, t.secure.PeerCertificates[0])}
	default:
		f = c.withoutTLS(ctx, f, r, t.offersTLS)
	}
	return []Finding{f}
}

// withoutTLS reports on a relay that emails reach without TLS.
func (c *relayChecker) withoutTLS(ctx context.Context, f Finding, r relay.Address, offered bool) Finding {
	addrs, err := c.dns.host(ctx, r.Host)
	far := err != nil || slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !a.Unmap().IsLoopback() })
	switch {
	case r.TLS == relay.Required:
		f.Level = Wrong
		f.What = fmt.Sprintf("The relay %s does not offer STARTTLS, and with tls=required no email is sent without it.",
			f.About)
		f.Fix = []string{"Let the relay offer STARTTLS, or use its port for smtps:// (465)."}
	case !far:
		f.What = fmt.Sprintf("Emails reach the relay %s without TLS. It is on this machine.", f.About)
	case offered:
		f.Level = Warn
		f.What = fmt.Sprintf("The relay %s offers STARTTLS, and tls=off does not use it: emails and their links can "+
			"be read on the way.", f.About)
		f.Fix = []string{"Remove tls=off from smtp.url, or use tls=required."}
	default:
		f.Level = Warn
		f.What = fmt.Sprintf("The relay %s does not offer STARTTLS: emails and their links can be read on the way.",
			f.About)
		f.Fix = []string{"Let the relay offer STARTTLS, and use tls=required in smtp.url; or use its port for " +
			"smtps:// (465)."}
	}
	return f
}

// expiry says how long an accepted certificate is valid.
func (c *relayChecker) expiry(r relay.Address, leaf *x509.Certificate) Finding {
	f := Finding{Check: "certificate", About: r.Host}
	left := leaf.NotAfter.Sub(c.Now())
	f.What = fmt.Sprintf("The certificate of the relay %s is valid until %s (%d days).", r.Host, date(leaf.NotAfter),
		left/(24*time.Hour))
	if left < renewWithin {
		f.Level = Warn
		f.What += " After that no email is sent."
		f.Fix = []string{"Renew the relay's certificate, and find out why it was not renewed automatically."}
	}
	return f
}

// badCertificate says why a certificate was not accepted. No email is sent to such a relay.
func (c *relayChecker) badCertificate(r relay.Address, e *tls.CertificateVerificationError) Finding {
	f := Finding{Level: Wrong, Check: "certificate", About: r.Host}
	leaf := e.UnverifiedCertificates[0]
	var name x509.HostnameError
	var issuer x509.UnknownAuthorityError
	why := ""
	switch now := c.Now(); {
	case now.After(leaf.NotAfter):
		why = "expired on " + date(leaf.NotAfter)
		f.Fix = []string{"Renew the relay's certificate."}
	case now.Before(leaf.NotBefore):
		why = "is not valid before " + date(leaf.NotBefore)
		f.Fix = []string{"Check the clocks of this machine and of the relay."}
	case errors.As(e.Err, &name):
		why = "is for " + certificateNames(leaf) + ", not for this host"
		f.Fix = []string{"Use the name of the certificate in smtp.url, or get a certificate for " + r.Host + "."}
	case errors.As(e.Err, &issuer):
		why = "was issued by an authority that this machine does not trust"
		f.Fix = []string{"Let the relay send the whole chain of a public authority, or name your own authority's " +
			"certificate in smtp.ca_file."}
	default:
		why = "is not valid (" + e.Err.Error() + ")"
		f.Fix = []string{"Get a new certificate for " + r.Host + "."}
	}
	f.What = fmt.Sprintf("The certificate of the relay %s %s. No email is sent to it.", r.Host, why)
	return f
}

// certificateNames returns the hosts that a certificate is for, as part of a sentence.
func certificateNames(leaf *x509.Certificate) string {
	hosts := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	if len(hosts) == 0 {
		return "no named host"
	}
	return joinWords(hosts)
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// timedOut reports whether a relay did not answer in time.
func timedOut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled)
}

// describeError returns an error on one line. A relay's reply may have several.
func describeError(err error) string {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return fmt.Sprintf("it answered %d %s", reply.Code, strings.Join(strings.Fields(reply.Msg), " "))
	}
	switch {
	case timedOut(err):
		return "it took too long"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "it closed the connection"
	}
	return errorText(err)
}

const (
	conversationTimeout = 10 * time.Second // for the whole conversation
	conversationLimit   = 64 << 10         // bytes read in clear text
)

// conversation is the result of a conversation with a relay.
type conversation struct {
	greeted   bool // the relay greeted, or TLS was begun
	offersTLS bool // STARTTLS, or TLS from the first byte
	secure    *tls.ConnectionState
	err       error // nil: it was complete
}

// converse sends EHLO, starts TLS if emails are sent with TLS, and quits. It does not log in.
func (c *relayChecker) converse(ctx context.Context, r relay.Address) (t conversation) {
	ctx, cancel := context.WithTimeout(ctx, conversationTimeout)
	defer cancel()
	conn, err := c.Dial(ctx, "tcp", r.HostPort())
	if err != nil {
		return conversation{err: err}
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // ends a pending read or write
	if r.TLS == relay.Implicit {
		t.greeted, t.offersTLS = true, true
		t.secure, t.err = c.handshake(ctx, conn, r)
		return t
	}
	said := textproto.NewReader(bufio.NewReader(io.LimitReader(conn, conversationLimit)))
	if _, _, t.err = relay.ReadReply(said, 220); t.err != nil {
		return t
	}
	t.greeted = true
	hello, err := command(conn, said, "EHLO "+c.helo(), 250)
	if err != nil {
		t.err = err
		return t
	}
	for line := range strings.SplitSeq(hello, "\n") {
		t.offersTLS = t.offersTLS || strings.EqualFold(strings.TrimSpace(line), "STARTTLS")
	}
	if !t.offersTLS || r.TLS == relay.Off {
		_, _ = command(conn, said, "QUIT", 221)
		return t
	}
	if _, t.err = command(conn, said, "STARTTLS", 220); t.err == nil {
		t.secure, t.err = c.handshake(ctx, conn, r)
	}
	return t
}

// handshake starts TLS as for emails, and quits.
func (c *relayChecker) handshake(ctx context.Context, conn net.Conn, r relay.Address) (*tls.ConnectionState, error) {
	secure := tls.Client(conn,
		&tls.Config{ServerName: r.Host, RootCAs: c.Roots, Time: c.Now, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := secure.ConnectionState()
	_, _ = io.WriteString(secure, "QUIT\r\n")
	return &state, nil
}

// command sends one line and returns the reply, if it has the code.
func command(conn io.Writer, said *textproto.Reader, line string, code int) (string, error) {
	if _, err := fmt.Fprintf(conn, "%s\r\n", line); err != nil {
		return "", err
	}
	_, answer, err := relay.ReadReply(said, code)
	return answer, err
}

// helo returns our name for EHLO (RFC 5321, section 4.1.3 for addresses).
func (c *checker) helo() string {
	addr, err := netip.ParseAddr(c.Public)
	switch {
	case c.Public == "" || strings.ContainsFunc(c.Public, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "localhost"
	case err != nil:
		return c.Public
	case addr.Is4():
		return "[" + addr.String() + "]"
	}
	return "[IPv6:" + addr.String() + "]"
}
