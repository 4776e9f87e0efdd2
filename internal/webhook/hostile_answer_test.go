package webhook_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAnAnswerThatNeverEndsIsBrokenOff(t *testing.T) {
	for name, c := range map[string]struct {
		then      func(net.Conn)
		delivered bool
	}{
		"nothing at all":       {func(conn net.Conn) { io.Copy(io.Discard, conn) }, false},
		"the status line":      {drip("HTTP/1.1 200 "), false},
		"the head":             {drip("HTTP/1.1 200 OK\r\nX: "), false},
		"the body of an error": {drip("HTTP/1.1 500 No\r\n\r\n"), false},
		// The status is the answer.
		"the body of success": {drip("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := private(server(t, c.then))
			o.Timeout = 200 * time.Millisecond
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			begun := time.Now()
			r := sender(t, o).Run(ctx, job)
			if took := time.Since(begun); took < o.Timeout || took > o.Timeout+5*time.Second {
				t.Errorf("took %v", took)
			}
			if (r.Err == nil) != c.delivered {
				t.Errorf("Run = %+v", r)
			}
		})
	}
}

func TestOnlyTheStartOfABigAnswerIsRead(t *testing.T) {
	const whole = 1 << 30
	var sent atomic.Int64
	ended := make(chan struct{})
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		w.WriteHeader(500)
		for sent.Load() < whole {
			n, err := w.Write(make([]byte, 64<<10))
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	r.Start()
	e, _ := fails(t, sender(t, private(r.URL)))
	if !strings.Contains(e.Error(), "answered 500 with 65536 bytes or more") {
		t.Error(e)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection was not closed")
	}
	if n := sent.Load(); n > 64<<20 { // what the kernel's buffers took
		t.Errorf("%d bytes went through", n)
	}
}

func TestAnEndlessHeaderIsRefused(t *testing.T) {
	url := server(t, func(conn net.Conn) {
		_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for err == nil {
			_, err = io.WriteString(conn, "X: "+strings.Repeat("a", 1000)+"\r\n")
		}
	})
	if e, _ := fails(t, sender(t, private(url))); e.Status != 0 || errors.Is(e, context.DeadlineExceeded) {
		t.Error(e)
	}
}

func TestAnErrorHoldsNoWordOfTheServerAndNoSecret(t *testing.T) {
	says := func(answer string) (url string) {
		return server(t, func(c net.Conn) { io.WriteString(c, answer) })
	}
	overTLS := func(url string) string { return strings.Replace(url, "http", "https", 1) }
	for name, url := range map[string]string{
		"a banner":        says("-ERR LEAK from inside\r\n"),
		"a bad status":    says("HTTP/1.1 LEAK LEAK\r\n\r\n"),
		"a bad header":    says("HTTP/1.1 200 OK\r\nLEAK\r\n\r\n"),
		"a bad length":    says("HTTP/1.1 200 OK\r\nContent-Length: LEAK\r\n\r\n"),
		"a body":          says("HTTP/1.1 500 LEAK\r\nX: LEAK\r\n\r\nLEAK"),
		"a redirect":      says("HTTP/1.1 302 LEAK\r\nLocation: http://LEAK\r\n\r\n"),
		"hanging up":      says(""),
		"nobody there":    "http://127.0.0.1:1",
		"no TLS":          overTLS(says("LEAK")),
		"HTTP for TLS":    overTLS(says("HTTP/1.0 400 LEAK\r\n\r\nLEAK")),
		"an unknown name": "http://unknown.example:1",
	} {
		o := private(strings.Replace(url, "://", "://user:hunter2@", 1) + "/path?k=QUERY")
		o.Resolver = names(t)
		e, _ := fails(t, sender(t, o))
		for _, hidden := range []string{"LEAK", "hunter2", "user", "QUERY", "path", "ada@", string(newer)} {
			if strings.Contains(e.Error(), hidden) {
				t.Errorf("%s: %q stands in %v", name, hidden, e)
			}
		}
		t.Logf("%s: %v", name, e)
	}
}

func TestACertificateIsVerified(t *testing.T) {
	r := receive(t, nil)
	r.TLS = &tls.Config{}
	r.StartTLS()
	trusted := x509.NewCertPool()
	trusted.AddCert(r.Certificate())

	o := private(r.URL)
	if e, _ := fails(t, sender(t, o)); !strings.Contains(e.Error(), "signed by no authority that is trusted") {
		t.Error(e)
	}
	_, port, _ := net.SplitHostPort(r.Listener.Addr().String())
	o = private("https://other.invalid:" + port)
	o.Roots, o.Resolver = trusted, names(t, "127.0.0.1")
	if e, _ := fails(t, sender(t, o)); !strings.Contains(e.Error(), "for another name") {
		t.Error(e)
	}
	if n := len(r.arrived()); n != 0 {
		t.Errorf("%d calls without trust", n)
	}
	o = private(r.URL)
	o.Roots = trusted
	delivered(t, sender(t, o))
}

func TestACallEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := server(t, func(conn net.Conn) { cancel(); io.Copy(io.Discard, conn) })
	r := sender(t, private(url)).Run(ctx, job)
	if !errors.Is(r.Err, context.Canceled) || strings.Contains(r.Err.Error(), "no answer") {
		t.Errorf("Run = %+v", r)
	}
}

func TestAKeptConnectionThatWasClosedCostsNoAttempt(t *testing.T) {
	var calls atomic.Int32
	url := server(t, func(conn net.Conn) {
		if calls.Add(1) == 1 { // answer, then hang up on the second call without a word
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			conn.Read(make([]byte, 64<<10))
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	s := sender(t, private(url))
	delivered(t, s)
	delivered(t, s)
	if n := calls.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}
