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

// startRelay starts a server that accepts every email and discards it.
func startRelay(b *testing.B) (addr string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return discardSession{}, nil }))
	s.Domain, s.EnableSMTPUTF8, s.ErrorLog = "relay.example", true, log.New(io.Discard, "", 0)
	over := make(chan struct{})
	go func() { defer close(over); _ = s.Serve(l) }()
	b.Cleanup(func() { _ = s.Close(); <-over })
	return l.Addr().String()
}

// discardSession is a session of the relay.
type discardSession struct{}

func (discardSession) Reset()                               {}
func (discardSession) Logout() error                        { return nil }
func (discardSession) Mail(string, *smtp.MailOptions) error { return nil }
func (discardSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (discardSession) Data(r io.Reader) error               { _, err := io.Copy(io.Discard, r); return err }

// conn is a connection of go-mail.
type conn = mailsmtp.Client

func newClient(at string) (*mail.Client, error) {
	addr, err := net.ResolveTCPAddr("tcp", at)
	if err != nil {
		return nil, err
	}
	return mail.NewClient(addr.IP.String(), mail.WithPort(addr.Port), mail.WithTLSPolicy(mail.NoTLS),
		mail.WithHELO("localhost"), mail.WithTimeout(time.Minute))
}

// sampleEmail returns an email as long as a real one.
func sampleEmail() templates.Email {
	link := publicURL + "/c/" + strings.Repeat("t", 330) // about the length of a token
	asked := time.Now()
	return templates.ConfirmEmail{
		Site:     shownSite(),
		Purposes: []templates.Purpose{{ID: "letter", Text: site().Purposes[0].Text["fr"], State: "pending"}},
		Asked:    asked, Deadline: asked.Add(48 * time.Hour), ConfirmURL: link, DeclineURL: link,
	}
}
