package mailer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/optin/optin/internal/relay"
)

// dialer opens connections to a relay that are ready for MAIL.
type dialer struct {
	relay.Address
	helo    string
	tls     *tls.Config
	timeout time.Duration // to open a connection
}

func newDialer(o Options, a relay.Address) (dialer, error) {
	switch {
	case a.Host == "":
		return dialer{}, errors.New("mailer: a relay needs a host")
	case a.Port < 1 || a.Port > 65535:
		return dialer{}, fmt.Errorf("mailer: relay %s: the port must be from 1 to 65535", a.Host)
	case !slices.Contains([]relay.TLS{relay.Offered, relay.Required, relay.Off, relay.Implicit}, a.TLS):
		return dialer{}, fmt.Errorf("mailer: relay %s: TLS is %q; want offered, required, off or implicit",
			a.HostPort(), a.TLS)
	case strings.ContainsFunc(o.HELO, func(c rune) bool { return c <= ' ' || c > '~' }):
		return dialer{}, fmt.Errorf("mailer: the name %q for EHLO must be a host name", o.HELO)
	}
	config := &tls.Config{ServerName: a.Host, RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	return dialer{Address: a, helo: o.HELO, tls: config, timeout: o.Dial}, nil
}

// dial opens a connection. It is guarded by ctx, as after connection.guard.
func (d dialer) dial(ctx context.Context) (*connection, error) {
	netDialer := net.Dialer{Timeout: d.timeout}
	raw, err := netDialer.DialContext(ctx, "tcp", d.HostPort())
	if err != nil {
		return nil, d.failure(ctx, stepDial, err)
	}
	c := &connection{raw: raw}
	end, _ := ctx.Deadline()
	_ = c.guard(ctx, end)
	if at, err := d.greet(c); err != nil {
		failure := d.failure(ctx, at, err)
		c.drop()
		return nil, failure
	}
	return c, nil
}

// greet takes a new connection up to the point where emails are taken. With an error it returns the step that failed.
func (d dialer) greet(c *connection) (step, error) {
	conn := c.raw
	if d.TLS == relay.Implicit {
		secure := tls.Client(c.raw, d.tls)
		if err := secure.Handshake(); err != nil { // limited by the guard
			return stepTLS, err
		}
		conn = secure
	}
	if err := c.greeting(conn); err != nil {
		return stepGreeting, err
	}
	if err := c.hello(d.heloName(c.raw)); err != nil {
		return stepEHLO, err
	}
	if err := d.startTLS(c); err != nil {
		return stepSTARTTLS, err
	}
	if err := d.login(c); err != nil {
		return stepAUTH, err
	}
	c.ready()
	return "", nil
}

// heloName returns the name for EHLO.
func (d dialer) heloName(raw net.Conn) string {
	if d.helo != "" {
		return d.helo
	}
	at, ok := raw.LocalAddr().(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case at.IP.To4() != nil:
		return "[" + at.IP.To4().String() + "]"
	default:
		return "[IPv6:" + at.IP.String() + "]"
	}
}

// startTLS never goes on in clear text after an attempt: a failure is an error, whatever the policy.
func (d dialer) startTLS(c *connection) error {
	if d.TLS == relay.Implicit || d.TLS == relay.Off {
		return nil
	}
	switch {
	case c.offered("STARTTLS"):
		return c.startTLS(c.raw, d.tls, d.heloName(c.raw))
	case d.TLS == relay.Required:
		return unusable("the relay does not offer it, and tls=required insists")
	}
	return nil
}

// login authenticates, if the address has a user, by the first mechanism that both sides know. A relay may offer one
// that it then says it does not have, or not for this user: then it is asked for the next.
func (d dialer) login(c *connection) error {
	if d.User == "" {
		return nil
	}
	if !c.encrypted() && !isLoopback(c.raw) {
		return unusable("the connection has no TLS, and a password is not sent in clear text: use smtps:// or a " +
			"relay that offers STARTTLS")
	}
	known := []struct {
		mechanism string
		auth      smtp.Auth
	}{
		// Either TLS has verified the certificate or the peer is this machine, so the plain mechanisms are as good as
		// any.
		{"PLAIN", smtp.PlainAuth("", d.User, d.Password, d.Host, true)},
		{"LOGIN", smtp.LoginAuth(d.User, d.Password, d.Host, true)},
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(d.User, d.Password)},
		{"SCRAM-SHA-1", smtp.ScramSHA1Auth(d.User, d.Password)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(d.User, d.Password)},
	}
	err := error(unusable("the relay offers no mechanism of PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5"))
	for _, k := range known {
		if !slices.Contains(c.extensions["AUTH"], k.mechanism) {
			continue
		}
		if err = c.authenticate(d.Host, k.auth); err == nil || !wantsOtherMechanism(err) {
			return err
		}
	}
	return err
}

// isLoopback reports whether the peer is this machine, by its address and not by its name.
func isLoopback(raw net.Conn) bool {
	at, ok := raw.RemoteAddr().(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}
