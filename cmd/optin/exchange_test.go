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
type exchange struct {
	addr string
	ways map[string]func(context.Context) error // by domain: what becomes of a recipient

	taking func(first bool) // called before a letter is taken; nil: nothing

	mu    sync.Mutex
	taken bool                   // a letter has come that far
	came  map[string][]time.Time // by recipient
	ids   map[string]int         // letters by Message-ID
	paths map[string]string      // return path by recipient
}

// newExchange opens one. What a way waits for is over when the test is.
func newExchange(t *testing.T, ways map[string]func(context.Context) error) *exchange {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{addr: l.Addr().String(), ways: ways, came: map[string][]time.Time{}, ids: map[string]int{}, paths: map[string]string{}}
	ctx, end := context.WithCancel(context.Background())
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &handover{exchange: x, ctx: ctx}, nil }))
	s.Domain, s.EnableSMTPUTF8 = "relay.test", true
	var done sync.WaitGroup
	done.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { end(); s.Close(); done.Wait() })
	return x
}

// letters is how many came, and how many different ones.
func (x *exchange) letters() (all, different int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, n := range x.ids {
		all += n
	}
	return all, len(x.ids)
}

// to is when letters to somebody came.
func (x *exchange) to(email string) []time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]time.Time(nil), x.came[email]...)
}

// path is the return path of the last letter to somebody.
func (x *exchange) path(email string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.paths[email]
}

// handover is one letter's.
type handover struct {
	*exchange
	ctx      context.Context
	from, to string
}

func (h *handover) Mail(from string, _ *smtp.MailOptions) error { h.from = from; return nil }

func (h *handover) Rcpt(to string, _ *smtp.RcptOptions) error {
	h.to = to
	if way := h.ways[to[strings.LastIndexByte(to, '@')+1:]]; way != nil {
		return way(h.ctx)
	}
	return nil
}

func (h *handover) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if h.taking != nil {
		h.mu.Lock()
		first := !h.taken
		h.taken = true
		h.mu.Unlock()
		h.taking(first)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.came[h.to] = append(h.came[h.to], time.Now())
	h.ids[m.Header.Get("Message-Id")]++
	h.paths[h.to] = h.from
	return nil
}

func (h *handover) Reset()        { h.from, h.to = "", "" }
func (h *handover) Logout() error { return nil }

// Ways with recipients.

func stalls(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func putsOff(context.Context) error {
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "not now"}
}
