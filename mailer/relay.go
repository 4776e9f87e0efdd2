package mailer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// relay is where letters are handed over, and how.
type relay struct {
	host, port string
	implicit   bool // TLS from the first byte
	required   bool // STARTTLS or nothing
	clear      bool // no STARTTLS even where it is offered
	user       *url.Userinfo
	helo       string
	tls        *tls.Config
	wait       time.Duration // for a connection
}

// addr is where it is: host:port.
func (r relay) addr() string { return net.JoinHostPort(r.host, r.port) }

// parseRelay reads one of Options.Relays. No error of it repeats the URL, which may hold a password.
func parseRelay(o Options, u *url.URL) (relay, error) {
	r := relay{host: u.Hostname(), port: u.Port(), user: u.User, helo: o.HELO, wait: o.Dial}
	r.tls = &tls.Config{ServerName: r.host, RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	wrong := func(what string) (relay, error) { return relay{}, errors.New("mailer: the relay's URL " + what) }
	fallback := "587" // RFC 6409 section 3.1
	switch u.Scheme {
	case "smtp":
	case "smtps":
		r.implicit, fallback = true, "465" // RFC 8314 section 3.3
	default:
		return wrong("must begin with smtp:// or smtps://")
	}
	if r.port == "" {
		r.port = fallback
	}
	query, err := url.ParseQuery(u.RawQuery)
	mode := query.Get("tls")
	_, known := query["tls"]
	switch {
	case r.host == "" || u.Opaque != "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "":
		return wrong("must be smtp://host:port, with a user and password before the host where they are needed")
	case err != nil || len(query) > 1 || len(query) == 1 && !known || len(query["tls"]) > 1:
		return wrong("takes one option, ?tls=required or ?tls=off")
	case known && mode != "required" && mode != "off":
		return wrong("has an unknown ?tls: required, off, or leave it out")
	case r.implicit && mode == "off":
		return wrong("says smtps:// and ?tls=off; choose one")
	}
	if strings.ContainsFunc(r.helo, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return relay{}, fmt.Errorf("mailer: the name %q for EHLO must be a host name", r.helo)
	}
	r.required, r.clear = mode == "required", mode == "off"
	return r, nil
}

// dial opens a connection that is ready for MAIL. It is guarded by ctx, as after conn.guard.
func (r relay) dial(ctx context.Context) (*conn, error) {
	dialer := net.Dialer{Timeout: r.wait}
	raw, err := dialer.DialContext(ctx, "tcp", r.addr())
	if err != nil {
		return nil, r.fault(ctx, stageDial, err)
	}
	c := &conn{raw: raw}
	_ = c.guard(ctx)
	if stage, err := r.greet(c); err != nil {
		f := r.fault(ctx, stage, err)
		c.drop()
		return nil, f
	}
	return c, nil
}

// greet leads a new connection up to where letters are taken. With an error it names the stage that failed.
func (r relay) greet(c *conn) (stage, error) {
	spoken := c.raw
	if r.implicit {
		secure := tls.Client(c.raw, r.tls)
		if err := secure.Handshake(); err != nil { // bounded by the guard
			return stageTLS, err
		}
		spoken = secure
	}
	client, err := smtp.NewClient(spoken, r.host)
	if err != nil {
		return stageGreeting, err
	}
	c.Client = client
	if err := c.Hello(r.name(c.raw)); err != nil {
		return stageEHLO, err
	}
	if err := r.startTLS(c); err != nil {
		return stageSTARTTLS, err
	}
	if err := r.login(c); err != nil {
		return stageAUTH, err
	}
	return "", nil
}

// startTLS never goes on in clear text after an attempt: a failure is an error, whatever the policy.
func (r relay) startTLS(c *conn) error {
	if r.implicit || r.clear {
		return nil
	}
	offered, _ := c.Extension("STARTTLS")
	switch {
	case offered:
		return c.StartTLS(r.tls)
	case r.required:
		return unfit("the relay does not offer it, and ?tls=required insists")
	}
	return nil
}

// name is how we introduce ourselves.
func (r relay) name(raw net.Conn) string {
	if r.helo != "" {
		return r.helo
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
