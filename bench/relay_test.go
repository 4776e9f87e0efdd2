package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/internal/conntest"
)

// relayServer is a mail server that accepts every email and counts it. It knows as much of SMTP as the senders here
// need, so that it takes little of the processors that it shares with them.
type relayServer struct {
	addr  string
	taken atomic.Int64 // emails
	last  atomic.Int64 // when the last one came, in nanoseconds since 1970

	mu     sync.Mutex
	held   chan struct{} // closed: emails are accepted
	keep   bool
	emails []string // those that came while keep was set
}

func startRelay(t testing.TB) *relayServer {
	t.Helper()
	r := &relayServer{held: make(chan struct{})}
	close(r.held)
	r.addr = conntest.Listen(t, r.serve)
	return r
}

// hold lets senders wait for the answer to MAIL until the returned function is called, or the test ends.
func (r *relayServer) hold(t testing.TB) (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := make(chan struct{})
	r.held = held
	release = sync.OnceFunc(func() { close(held) })
	t.Cleanup(release)
	return release
}

func (r *relayServer) waitWhileHeld() {
	r.mu.Lock()
	held := r.held
	r.mu.Unlock()
	<-held
}

// wait waits until so many emails came in all, and returns when the last one did.
func (r *relayServer) wait(t testing.TB, n int64) time.Time {
	t.Helper()
	poll(t, fmt.Sprintf("email %d", n), func() bool { return r.taken.Load() >= n })
	return time.Unix(0, r.last.Load())
}

// kept returns the emails that come while f runs.
func (r *relayServer) kept(f func()) []string {
	r.mu.Lock()
	r.keep, r.emails = true, nil
	r.mu.Unlock()
	f()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep = false
	return r.emails
}

// serve talks to one sender.
func (r *relayServer) serve(c net.Conn) {
	in, out := bufio.NewReaderSize(c, 16<<10), bufio.NewWriter(c)
	_, _ = out.WriteString("220 relay.example ESMTP\r\n")
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.ToUpper(verb) {
		case "EHLO":
			_, _ = out.WriteString("250-relay.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n" +
				"250 ENHANCEDSTATUSCODES\r\n")
		case "MAIL":
			r.waitWhileHeld()
			_, _ = out.WriteString("250 2.1.0 Ok\r\n")
		case "DATA":
			_, _ = out.WriteString("354 End data with <CR><LF>.<CR><LF>\r\n")
			if out.Flush() != nil || r.take(in) != nil {
				return
			}
			_, _ = fmt.Fprintf(out, "250 2.0.0 Ok: queued as %-35s\r\n", fmt.Sprintf("4f8a%08x@relay", r.taken.Load()))
		case "QUIT":
			_, _ = out.WriteString("221 2.0.0 Bye\r\n")
			_ = out.Flush()
			return
		default:
			_, _ = out.WriteString("250 2.1.5 Ok\r\n")
		}
	}
}

// take reads an email.
func (r *relayServer) take(in *bufio.Reader) error {
	var email bytes.Buffer
	r.mu.Lock()
	keep := r.keep
	r.mu.Unlock()
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if string(line) == ".\r\n" {
			break
		}
		if keep {
			email.Write(line)
		}
	}
	if keep {
		r.mu.Lock()
		r.emails = append(r.emails, email.String())
		r.mu.Unlock()
	}
	r.last.Store(time.Now().UnixNano())
	r.taken.Add(1)
	return nil
}
