package preflight_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/internal/certtest"
	"github.com/optin/optin/internal/conntest"
)

// mailHost is a relay that answers EHLO and STARTTLS only.
type mailHost struct {
	addr     string
	greeting string // "220 …" unless set; "-" for silence
	hello    string // lines after EHLO, with their codes; STARTTLS offered unless set
	start    string // what it says to STARTTLS
	implicit bool   // TLS from the first byte
	tls      *tls.Config

	mu   sync.Mutex
	said []string // to it
}

func serveMail(t *testing.T, h *mailHost) *mailHost {
	t.Helper()
	h.addr = conntest.Listen(t, h.converse)
	return h
}

func (h *mailHost) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, h.addr)
}

func (h *mailHost) converse(c net.Conn) {
	if h.implicit {
		c = tls.Server(c, h.tls)
	}
	if h.greeting == "-" {
		_, _ = io.Copy(io.Discard, c)
		return
	}
	h.speak(c, h.greeting, "220 relay.example ESMTP")
	in := bufio.NewScanner(c)
	for in.Scan() {
		verb, _, _ := strings.Cut(in.Text(), " ")
		h.mu.Lock()
		h.said = append(h.said, in.Text())
		h.mu.Unlock()
		switch verb {
		case "EHLO":
			h.speak(c, h.hello, "250-relay.example\r\n250-starttls\r\n250 8BITMIME")
		case "STARTTLS":
			h.speak(c, h.start, "220 go on")
			if h.start == "" {
				c = tls.Server(c, h.tls)
				in = bufio.NewScanner(c)
			}
		case "QUIT":
			h.speak(c, "", "221 bye")
			return
		default:
			h.speak(c, "", "500 what?")
		}
	}
}

func (h *mailHost) speak(c net.Conn, line, usual string) {
	if line == "" {
		line = usual
	}
	fmt.Fprint(c, line+"\r\n")
}

func (h *mailHost) heard() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.said)
}

// today returns the time at which certificates are checked.
func today() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// certificate returns the settings of a server with a certificate that is valid from a day to a day, counted from
// today, and a pool that trusts it.
func certificate(t *testing.T, from, until int, hosts ...string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	c, pool := certtest.New(t, today().AddDate(0, 0, from), today().AddDate(0, 0, until), hosts...)
	return &tls.Config{Certificates: []tls.Certificate{c}}, pool
}
