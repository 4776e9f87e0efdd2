//go:build unix

package bench

import (
	"io"
	"log"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/wneessen/go-mail"
	mailsmtp "github.com/wneessen/go-mail/smtp"

	"github.com/optin/optin/templates"
)

// relay starts a server that takes every letter and keeps none.
func relay(b *testing.B) (addr string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return sink{}, nil }))
	s.Domain, s.EnableSMTPUTF8, s.ErrorLog = "relay.example", true, log.New(io.Discard, "", 0)
	over := make(chan struct{})
	go func() { defer close(over); _ = s.Serve(l) }()
	b.Cleanup(func() { _ = s.Close(); <-over })
	return l.Addr().String()
}

// sink is a session of the relay.
type sink struct{}

func (sink) Reset()                               {}
func (sink) Logout() error                        { return nil }
func (sink) Mail(string, *smtp.MailOptions) error { return nil }
func (sink) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (sink) Data(r io.Reader) error               { _, err := io.Copy(io.Discard, r); return err }

// conn is a connection that go-mail holds.
type conn = mailsmtp.Client

func newClient(at string) (*mail.Client, error) {
	addr, err := net.ResolveTCPAddr("tcp", at)
	if err != nil {
		return nil, err
	}
	return mail.NewClient(addr.IP.String(), mail.WithPort(addr.Port), mail.WithTLSPolicy(mail.NoTLS), mail.WithHELO("localhost"),
		mail.WithTimeout(time.Minute))
}

// canned is a letter as long as a real one.
func canned() templates.Email {
	link := publicURL + "/c/" + strings.Repeat("t", 330) // a token has about so many bytes
	asked := time.Now()
	return templates.ConfirmEmail{
		Site: face(), Purposes: []templates.Purpose{{ID: "letter", Text: site().Purposes[0].Text["fr"], State: "pending"}},
		Asked: asked, Deadline: asked.Add(48 * time.Hour), ConfirmURL: link, DeclineURL: link,
	}
}
