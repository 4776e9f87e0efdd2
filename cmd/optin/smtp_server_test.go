package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/mail"
	netsmtp "net/smtp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// smtpServer is a relay that records the emails it gets, and behaves as a test says for some recipients' domains.
type smtpServer struct {
	addr       string
	behaviours map[string]func(context.Context) error // by domain: what becomes of a recipient

	onData  func(first bool) // called before an email is accepted; may be nil
	forward string           // host:port of a relay that gets what is accepted; may be empty

	mu          sync.Mutex
	sawData     bool                   // onData was called
	arrivals    map[string][]time.Time // by recipient
	ids         map[string]int         // emails by Message-ID
	returnPaths map[string]string      // return path by recipient
	messageIDs  map[string]string      // of the last email, by recipient
}

// newSMTPServer starts a server. The context of a behaviour ends with the test.
func newSMTPServer(t *testing.T, behaviours map[string]func(context.Context) error) *smtpServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &smtpServer{addr: l.Addr().String(), behaviours: behaviours, arrivals: map[string][]time.Time{},
		ids: map[string]int{}, returnPaths: map[string]string{}, messageIDs: map[string]string{}}
	ctx, end := context.WithCancel(context.Background())
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &smtpSession{smtpServer: s, ctx: ctx}, nil
	}))
	server.Domain, server.EnableSMTPUTF8 = "relay.test", true
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { end(); server.Close(); done.Wait() })
	return s
}

// emails counts the emails, and the different ones among them.
func (s *smtpServer) emails() (all, different int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.ids {
		all += n
	}
	return all, len(s.ids)
}

// arrivedAt returns when emails to an address arrived.
func (s *smtpServer) arrivedAt(email string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.arrivals[email]...)
}

// returnPath returns the return path of the last email to an address.
func (s *smtpServer) returnPath(email string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.returnPaths[email]
}

// messageID returns the Message-ID of the last email to an address.
func (s *smtpServer) messageID(email string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messageIDs[email]
}

// smtpSession is one connection.
type smtpSession struct {
	*smtpServer
	ctx      context.Context
	from, to string
}

func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	if behave := s.behaviours[to[strings.LastIndexByte(to, '@')+1:]]; behave != nil {
		return behave(s.ctx)
	}
	return nil
}

func (s *smtpSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if s.onData != nil {
		s.mu.Lock()
		first := !s.sawData
		s.sawData = true
		s.mu.Unlock()
		s.onData(first)
	}
	if s.forward != "" {
		if err := netsmtp.SendMail(s.forward, nil, s.from, []string{s.to}, raw); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrivals[s.to] = append(s.arrivals[s.to], time.Now())
	s.ids[m.Header.Get("Message-Id")]++
	s.returnPaths[s.to], s.messageIDs[s.to] = s.from, m.Header.Get("Message-Id")
	return nil
}

func (s *smtpSession) Reset()        { s.from, s.to = "", "" }
func (s *smtpSession) Logout() error { return nil }

// Behaviours for recipients.

func stalls(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func refusesForNow(context.Context) error {
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "not now"}
}

// refusingRelay starts a relay that refuses every recipient, and repeats the address in its reply. It returns the
// relay's address.
func refusingRelay(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return refusingSession{}, nil }))
	s.Domain = "relay.test"
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return l.Addr().String()
}

type refusingSession struct{}

func (refusingSession) Mail(string, *smtp.MailOptions) error { return nil }
func (refusingSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<" + to + ">: there is no " +
		to + " here"}
}
func (refusingSession) Data(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
func (refusingSession) Reset()                 {}
func (refusingSession) Logout() error          { return nil }

// slowRelay starts a proxy of a relay that delays its replies, so that the client may be killed in between. It returns
// the proxy's address.
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
			open.Go(func() { defer c.Close(); _, _ = io.Copy(delayedWriter{c, moment}, relay) })
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
	return l.Addr().String()
}

// delayedWriter writes after a delay.
type delayedWriter struct {
	io.Writer
	delay time.Duration
}

func (w delayedWriter) Write(p []byte) (int, error) {
	<-time.After(w.delay)
	return w.Writer.Write(p)
}
