package mailer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// dialer opens connections to a relay that are ready for MAIL.
type dialer struct {
	host, port  string
	implicitTLS bool // from the first byte
	requireTLS  bool // STARTTLS or nothing
	noTLS       bool // no STARTTLS even if it is offered
	user        *url.Userinfo
	helo        string
	tls         *tls.Config
	timeout     time.Duration // to open a connection
}

// addr returns host:port.
func (d dialer) addr() string { return net.JoinHostPort(d.host, d.port) }

// newDialer parses one of Options.Relays. Its errors do not repeat the URL, which may hold a password.
func newDialer(o Options, u *url.URL) (dialer, error) {
	d := dialer{host: u.Hostname(), port: u.Port(), user: u.User, helo: o.HELO, timeout: o.Dial}
	d.tls = &tls.Config{ServerName: d.host, RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	wrong := func(what string) (dialer, error) { return dialer{}, errors.New("mailer: the relay's URL " + what) }
	defaultPort := "587" // RFC 6409 section 3.1
	switch u.Scheme {
	case "smtp":
	case "smtps":
		d.implicitTLS, defaultPort = true, "465" // RFC 8314 section 3.3
	default:
		return wrong("must begin with smtp:// or smtps://")
	}
	if d.port == "" {
		d.port = defaultPort
	}
	query, err := url.ParseQuery(u.RawQuery)
	mode := query.Get("tls")
	_, given := query["tls"]
	switch {
	case d.host == "" || u.Opaque != "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "":
		return wrong("must be smtp://host:port, with a user and password before the host if they are needed")
	case err != nil || len(query) > 1 || len(query) == 1 && !given || len(query["tls"]) > 1:
		return wrong("takes one option, ?tls=required or ?tls=off")
	case given && mode != "required" && mode != "off":
		return wrong("has an unknown ?tls: required, off, or leave it out")
	case d.implicitTLS && mode == "off":
		return wrong("says smtps:// and ?tls=off; choose one")
	}
	if strings.ContainsFunc(d.helo, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return dialer{}, fmt.Errorf("mailer: the name %q for EHLO must be a host name", d.helo)
	}
	d.requireTLS, d.noTLS = mode == "required", mode == "off"
	return d, nil
}

// dial opens a connection. It is guarded by ctx, as after connection.guard.
func (d dialer) dial(ctx context.Context) (*connection, error) {
	netDialer := net.Dialer{Timeout: d.timeout}
	raw, err := netDialer.DialContext(ctx, "tcp", d.addr())
	if err != nil {
		return nil, d.failure(ctx, stepDial, err)
	}
	c := &connection{raw: raw}
	_ = c.guard(ctx)
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
	if d.implicitTLS {
		secure := tls.Client(c.raw, d.tls)
		if err := secure.Handshake(); err != nil { // limited by the guard
			return stepTLS, err
		}
		conn = secure
	}
	client, err := smtp.NewClient(conn, d.host)
	if err != nil {
		return stepGreeting, err
	}
	c.Client = client
	if err := c.Hello(d.heloName(c.raw)); err != nil {
		return stepEHLO, err
	}
	if err := d.startTLS(c); err != nil {
		return stepSTARTTLS, err
	}
	if err := d.login(c); err != nil {
		return stepAUTH, err
	}
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

// startTLS never goes on in clear text after an attempt: a failure is an error, whatever the URL says.
func (d dialer) startTLS(c *connection) error {
	if d.implicitTLS || d.noTLS {
		return nil
	}
	offered, _ := c.Extension("STARTTLS")
	switch {
	case offered:
		return c.StartTLS(d.tls)
	case d.requireTLS:
		return unusable("the relay does not offer it, and ?tls=required insists")
	}
	return nil
}

// login authenticates by the first mechanism that both sides know, if the URL names a user.
func (d dialer) login(c *connection) error {
	if d.user == nil {
		return nil
	}
	if _, err := c.GetTLSConnectionState(); err != nil && !isLoopback(c.raw) {
		return unusable("the connection has no TLS, and a password is not sent in clear text: use smtps:// or a relay that offers STARTTLS")
	}
	_, offered := c.Extension("AUTH")
	name := d.user.Username()
	password, _ := d.user.Password()
	known := []struct {
		mechanism string
		auth      smtp.Auth
	}{
		// Either TLS has verified the certificate or the peer is this machine, so the plain mechanisms are as good as any.
		{"PLAIN", smtp.PlainAuth("", name, password, d.host, true)},
		{"LOGIN", smtp.LoginAuth(name, password, d.host, true)},
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(name, password)},
		{"SCRAM-SHA-1", smtp.ScramSHA1Auth(name, password)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(name, password)},
	}
	mechanisms := strings.Fields(strings.ToUpper(offered))
	for _, k := range known {
		if slices.Contains(mechanisms, k.mechanism) {
			return c.Auth(k.auth)
		}
	}
	return unusable("the relay offers no mechanism of PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5")
}

// isLoopback reports whether the peer is this machine, by its address and not by its name.
func isLoopback(raw net.Conn) bool {
	at, ok := raw.RemoteAddr().(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}
