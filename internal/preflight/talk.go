package preflight

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

const (
	talkTime = 10 * time.Second // for a whole conversation
	talkMost = 64 << 10         // bytes that a relay may say in clear text
)

// talk is how a conversation with a relay went.
type talk struct {
	reached bool // it greeted, or TLS was begun
	offered bool // STARTTLS, or there was TLS from the first byte
	secure  *tls.ConnectionState
	err     error // nil: it went to its end
}

// talk says EHLO, takes up TLS where that is how letters go, and leaves. It logs in nowhere.
func (c *checker) talk(ctx context.Context, r Relay) (t talk) {
	ctx, cancel := context.WithTimeout(ctx, talkTime)
	defer cancel()
	conn, err := c.Dial(ctx, "tcp", net.JoinHostPort(r.Host, strconv.Itoa(r.Port)))
	if err != nil {
		return talk{err: err}
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // what waits on it returns
	if r.TLS == TLSImplicit {
		t.reached, t.offered = true, true
		t.secure, t.err = c.handshake(ctx, conn, r)
		return t
	}
	said := textproto.NewReader(bufio.NewReader(io.LimitReader(conn, talkMost)))
	if _, _, t.err = said.ReadResponse(220); t.err != nil {
		return t
	}
	t.reached = true
	hello, err := say(conn, said, "EHLO "+c.helo(), 250)
	if err != nil {
		t.err = err
		return t
	}
	for line := range strings.SplitSeq(hello, "\n") {
		t.offered = t.offered || strings.EqualFold(strings.TrimSpace(line), "STARTTLS")
	}
	if !t.offered || r.TLS == TLSOff {
		_, _ = say(conn, said, "QUIT", 221)
		return t
	}
	if _, t.err = say(conn, said, "STARTTLS", 220); t.err == nil {
		t.secure, t.err = c.handshake(ctx, conn, r)
	}
	return t
}

// handshake takes up TLS as letters do, and leaves politely.
func (c *checker) handshake(ctx context.Context, conn net.Conn, r Relay) (*tls.ConnectionState, error) {
	secure := tls.Client(conn, &tls.Config{ServerName: r.Host, RootCAs: c.Roots, Time: c.Now, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := secure.ConnectionState()
	_, _ = io.WriteString(secure, "QUIT\r\n")
	return &state, nil
}

// say says one line and returns what is answered, if that has the code.
func say(conn io.Writer, said *textproto.Reader, line string, code int) (string, error) {
	if _, err := fmt.Fprintf(conn, "%s\r\n", line); err != nil {
		return "", err
	}
	_, answer, err := said.ReadResponse(code)
	return answer, err
}

// helo is our name, as EHLO takes it (RFC 5321, section 4.1.3 for addresses).
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
