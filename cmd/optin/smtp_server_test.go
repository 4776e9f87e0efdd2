package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// exchange is a relay that many letters go through: it remembers when which came, and has its ways with some recipients' domains.
type smtpServer struct {
	addr       string
	behaviours map[string]func(context.Context) error // by domain: what becomes of a recipient

	onData func(first bool) // called before a letter is taken; nil: nothing

	mu          sync.Mutex
	sawData     bool                   // a letter has come that far
	arrivals    map[string][]time.Time // by recipient
	ids         map[string]int         // letters by Message-ID
	returnPaths map[string]string      // return path by recipient
}

// newExchange opens one. What a way waits for is over when the test is.
func newSMTPServer(t *testing.T, ways map[string]func(context.Context) error) *smtpServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &smtpServer{addr: l.Addr().String(), behaviours: ways, arrivals: map[string][]time.Time{}, ids: map[string]int{}, returnPaths: map[string]string{}}
	ctx, end := context.WithCancel(context.Background())
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &smtpSession{smtpServer: s, ctx: ctx}, nil }))
	server.Domain, server.EnableSMTPUTF8 = "relay.test", true
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { end(); server.Close(); done.Wait() })
	return s
}

// letters is how many came, and how many different ones.
func (s *smtpServer) emails() (all, different int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.ids {
		all += n
	}
	return all, len(s.ids)
}

// to is when letters to somebody came.
func (s *smtpServer) arrivedAt(email string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.arrivals[email]...)
}

// path is the return path of the last letter to somebody.
func (s *smtpServer) returnPath(email string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.returnPaths[email]
}

// handover is one letter's.
type smtpSession struct {
	*smtpServer
	ctx      context.Context
	from, to string
}

func (h *smtpSession) Mail(from string, _ *smtp.MailOptions) error { h.from = from; return nil }

func (h *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	h.to = to
	if way := h.behaviours[to[strings.LastIndexByte(to, '@')+1:]]; way != nil {
		return way(h.ctx)
	}
	return nil
}

func (h *smtpSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if h.onData != nil {
		h.mu.Lock()
		first := !h.sawData
		h.sawData = true
		h.mu.Unlock()
		h.onData(first)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.arrivals[h.to] = append(h.arrivals[h.to], time.Now())
	h.ids[m.Header.Get("Message-Id")]++
	h.returnPaths[h.to] = h.from
	return nil
}

func (h *smtpSession) Reset()        { h.from, h.to = "", "" }
func (h *smtpSession) Logout() error { return nil }

// Ways with recipients.

func stalls(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func refusesForNow(context.Context) error {
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "not now"}
}

// refusingRelay knows nobody, and says so loudly. It answers its address.
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
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<" + to + ">: there is no " + to + " here"}
}
func (refusingSession) Data(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
func (refusingSession) Reset()                 {}
func (refusingSession) Logout() error          { return nil }

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
			open.Go(func() { defer c.Close(); _, _ = io.Copy(delayedWriter{c, moment}, relay) })
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
	return l.Addr().String()
}

// late writes after a moment.
type delayedWriter struct {
	io.Writer
	delay time.Duration
}

func (w delayedWriter) Write(p []byte) (int, error) {
	<-time.After(w.delay)
	return w.Writer.Write(p)
}
