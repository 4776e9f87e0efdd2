package main

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// refusingRelay knows nobody, and says so loudly. It answers its address.
func refusingRelay(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return nobodyHome{}, nil }))
	s.Domain = "relay.test"
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return l.Addr().String()
}

type nobodyHome struct{}

func (nobodyHome) Mail(string, *smtp.MailOptions) error { return nil }
func (nobodyHome) Rcpt(to string, _ *smtp.RcptOptions) error {
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<" + to + ">: there is no " + to + " here"}
}
func (nobodyHome) Data(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
func (nobodyHome) Reset()                 {}
func (nobodyHome) Logout() error          { return nil }

// slowRelay passes everything on to a relay, and its answers back only after a moment, in which whoever asked may die. It answers its
// address.
func slowRelay(t *testing.T, to string, moment time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			relay, err := net.Dial("tcp", to)
			if err != nil {
				c.Close()
				continue
			}
			open.Go(func() { defer relay.Close(); _, _ = io.Copy(relay, c) })
			open.Go(func() { defer c.Close(); _, _ = io.Copy(late{c, moment}, relay) })
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
	return l.Addr().String()
}

// late writes after a moment.
type late struct {
	io.Writer
	moment time.Duration
}

func (w late) Write(p []byte) (int, error) {
	<-time.After(w.moment)
	return w.Writer.Write(p)
}
