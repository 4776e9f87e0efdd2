package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// crowd is many connections from many clients, or from one. Addresses of 127.0.0.0/8 are all this machine's.
type crowd struct {
	t    *testing.T
	to   string
	mu   sync.Mutex
	open []net.Conn
}

func newCrowd(t *testing.T, to string) *crowd {
	c := &crowd{t: t, to: to}
	t.Cleanup(func() {
		for _, conn := range c.open {
			conn.Close()
		}
	})
	return c
}

// join opens n connections and sends something on each. from returns the address of the i-th client.
func (c *crowd) join(n int, from func(i int) string, send string) {
	c.t.Helper()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := worker; i < n; i += 8 {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from(i))}, Timeout: 20 * time.Second}
				conn, err := d.Dial("tcp", c.to)
				if err != nil {
					c.t.Errorf("connection %d: %v", i, err)
					return
				}
				_, _ = io.WriteString(conn, send) // it may be closed already
				c.mu.Lock()
				c.open = append(c.open, conn)
				c.mu.Unlock()
			}
		})
	}
	all.Wait()
}

// stillOpen counts the connections that the server has not closed.
func (c *crowd) stillOpen() (n int) {
	for _, conn := range c.open {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
			n++
		}
	}
	return n
}

func oneClient(int) string     { return "127.0.0.1" } // as the honest ones
func manyClients(i int) string { return fmt.Sprintf("127.%d.%d.%d", 1+i%7, i/7%250, 1+i/1750%250) }

// honest are people who sign up meanwhile, each over a new connection. It returns how long each took.
func (a *actor) honest(n int) (took []time.Duration) {
	a.t.Helper()
	for i := range n {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
		begun := time.Now()
		resp, err := client.Post(a.base+signupPath, mediaJSON,
			strings.NewReader(fmt.Sprintf(`{"email":"honest%d@people.test","consent":true}`, i)))
		if err != nil {
			a.t.Errorf("an honest signup: %v", err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			a.t.Errorf("an honest signup returns %s", resp.Status)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return took
}

// residentMB returns the most memory that a process has had, in MB.
func (p *process) residentMB() float64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Skip("this system does not tell how much memory a process has")
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	kB, err := strconv.Atoi(strings.Fields(peak)[0])
	if err != nil {
		p.t.Fatal(err)
	}
	return float64(kB) / 1024
}

const slowBody = "POST " + signupPath + " HTTP/1.1\r\nHost: optin\r\nContent-Type: application/json\r\n" +
	"Content-Length: 16000\r\n\r\n{\"email\":"

// One client holds more connections than the process may have files open, and says nothing on them.
func TestOneClientsSilentConnectionsKeepNobodyOut(t *testing.T) {
	const silent = "GET /healthz HTTP/1.1\r\nHost: optin\r\n\r\n"
	for name, row := range map[string]struct {
		n    int
		from func(int) string
		send string
	}{
		"keep-alives of one client":   {1_500, oneClient, silent},
		"keep-alives of many clients": {1_500, manyClients, silent},
		"nothing was ever sent":       {1_500, manyClients, ""},
		"a body that never ends":      {1_500, manyClients, slowBody},
		"half a header":               {1_500, manyClients, "GET / HTTP/1.1\r\nHost: "},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
			e.openFiles = 1_024
			p, a := e.spawn(e.listen)
			c := newCrowd(t, e.listen)
			c.join(row.n, row.from, row.send)
			took := a.honest(30)
			open := c.stillOpen()
			t.Logf("%d of %d connections are open; an honest signup took %v at most; %.0f MB", open, row.n,
				took[len(took)-1], p.residentMB())
			if open == 0 || open > maxConnections(e.openFiles) || row.from(0) == row.from(1) && open > e.openFiles/8 {
				t.Errorf("%d connections are open", open)
			}
			if strings.Contains(p.stderr.String(), "too many open files") {
				t.Error("it had no files left")
			}
		})
	}
}

// Ten thousand clients never end their headers, and two thousand never their bodies.
func TestSlowClientsCostLittleMemoryAndHoldNobodyUp(t *testing.T) {
	halfOpen, slow := size(1_000, 10_000), size(200, 2_000)
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	p, a := e.spawn(e.listen)
	c := newCrowd(t, e.listen)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var drip sync.WaitGroup
	c.join(slow, manyClients, slowBody)
	drip.Go(func() { // one more byte of each a second
		for ctx.Err() == nil {
			for _, conn := range c.open[:slow] {
				_, _ = io.WriteString(conn, " ")
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
	rest := newCrowd(t, e.listen)
	rest.join(halfOpen, manyClients, "POST "+signupPath+" HTTP/1.1\r\nHost: optin\r\nX-Slow: ")
	took := a.honest(100)
	mb := p.residentMB()
	t.Logf("%d half-open and %d slow: honest signups took %v in the middle, %v at most; %.0f MB", halfOpen, slow,
		took[len(took)/2], took[len(took)-1], mb)
	if mb > 300 {
		t.Errorf("it used %.0f MB", mb)
	}
	if slowest := took[len(took)*99/100]; slowest > 3*time.Second {
		t.Errorf("99 of 100 honest signups took less than %v", slowest)
	}
	end()
	drip.Wait()
	a.eventually("every slow connection is closed", func() bool { return c.stillOpen()+rest.stillOpen() == 0 })
}
