package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load is what so many requests took.
type load struct {
	n         int
	took      time.Duration   // until the last response
	latencies []time.Duration // sorted
	refused   int             // responses 503, after which the request was sent again
}

func (l load) perSecond() float64 { return float64(l.n) / l.took.Seconds() }

// percentile returns the latency that so many in a hundred requests did not exceed, in milliseconds.
func (l load) percentile(p int) float64 {
	return float64(l.latencies[min(len(l.latencies)*p/100, len(l.latencies)-1)].Microseconds()) / 1000
}

// send sends n requests over so many held connections, each of which sends its next when it has read a response. Every
// response must have the status, but a request that is refused because the store is away is sent again. read, which may
// be nil, gets the body of each.
func send(t testing.TB, addr string, connections, n, status int, request func(i int) []byte,
	read func(i int, body []byte)) load {
	t.Helper()
	l := load{n: n, latencies: make([]time.Duration, n)}
	var next, refused atomic.Int64
	var all sync.WaitGroup
	conns := make([]*conn, connections)
	for i := range conns {
		conns[i] = dial(t, addr)
	}
	began := time.Now()
	for _, c := range conns {
		all.Go(func() {
			defer c.Close()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				sent := time.Now()
				got, body, err := c.exchange(request(i))
				for ; got == http.StatusServiceUnavailable && status != got; got, body, err = c.exchange(request(i)) {
					refused.Add(1)
					time.Sleep(100 * time.Millisecond)
				}
				l.latencies[i] = time.Since(sent)
				if err != nil || got != status {
					t.Errorf("request %d: %d, %v: %.300s", i, got, err, body)
					return
				}
				if read != nil {
					read(i, body)
				}
			}
		})
	}
	all.Wait()
	l.took, l.refused = time.Since(began), int(refused.Load())
	if t.Failed() {
		t.FailNow()
	}
	slices.Sort(l.latencies)
	return l
}

// conn is a connection to an HTTP server. It is used instead of an http.Client because that would take more of the
// processors, which the load shares with what is measured.
type conn struct {
	net.Conn
	in   *bufio.Reader
	body bytes.Buffer // of the last response
}

func dial(t testing.TB, addr string) *conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	must(t, err)
	return &conn{Conn: c, in: bufio.NewReader(c)}
}

// exchange sends a request and reads its response. The body is valid until the next call.
func (c *conn) exchange(request []byte) (status int, body []byte, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	c.body.Reset()
	_, err = io.Copy(&c.body, res.Body)
	return res.StatusCode, c.body.Bytes(), err
}

// post returns a request with a body.
func post(path, header, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: optin\r\n%sContent-Length: %d\r\n\r\n%s", path, header,
		len(body), body)
}
