package mailer_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/internal/certtest"
	"github.com/optin/optin/internal/conntest"
)

// What a relay may do instead of replying.
const (
	hangUp = "hang up" // close the connection
	stall  = "stall"   // say nothing until the test is over
)

// How a relay may write its answers.
const (
	together = "together" // when it has read all that was sent
	byByte   = "by byte"
)

const oneByOne = "one by one" // one of ways

// answers is the side of a relay's connection that writes.
type answers struct {
	net.Conn
	how  string
	held []byte
}

func (a *answers) Write(b []byte) (int, error) {
	switch a.how {
	case together:
		a.held = append(a.held, b...)
		return len(b), nil
	case byByte:
		for i := range b {
			if _, err := a.Conn.Write(b[i : i+1]); err != nil {
				return i, err
			}
		}
		return len(b), nil
	}
	return a.Conn.Write(b)
}

func (a *answers) Read(b []byte) (int, error) {
	a.flush()
	return a.Conn.Read(b)
}

func (a *answers) flush() {
	_, _ = a.Conn.Write(a.held)
	a.held = nil
}

// ways are the relays that take commands one by one and those that take them together, and how they may answer.
func ways() map[string]func(*fakeRelay) {
	return map[string]func(*fakeRelay){
		oneByOne: func(r *fakeRelay) {
			r.ext = slices.DeleteFunc(r.ext, func(e string) bool { return e == "PIPELINING" })
		},
		"answered one by one":   func(*fakeRelay) {},
		"answered together":     func(r *fakeRelay) { r.writes = together },
		"answered byte by byte": func(r *fakeRelay) { r.writes = byByte },
	}
}

// warm lets one email through, so that the next one to example.org may find an open connection and all its commands be
// sent together.
func (env *env) warm() {
	env.t.Helper()
	env.deliver(env.signUp("warm@example.org"))
}

// step is one command to the relay, "greeting" when it was only dialled and "." at the end of a message.
type step struct {
	conn, nth int // which connection; how often this verb was said, this time included
	verb      string
}

// message is a message whose final dot arrived, whatever was answered.
type message struct {
	mail, rcpt string // whole commands
	raw        []byte // dots unstuffed
	tls        bool
	refused    bool // MAIL or RCPT was
}

// fakeRelay is an SMTP server that answers as a test wants.
type fakeRelay struct {
	addr   string
	ext    []string
	secure *tls.Config // for STARTTLS, or from the first byte
	smtps  bool
	say    func(step) string               // "" for the usual answer
	writes string                          // how it answers: each at once, unless together or byByte
	ended  func(nth int, in *bufio.Reader) // called after each content, before that is answered; nil: not

	mu       sync.Mutex
	said     []string // everything, in order
	counts   map[string]int
	messages []message
	conns    int
	open     map[net.Conn]bool
	over     chan struct{}
	listener net.Listener
}

func startRelay(t *testing.T, change ...func(*fakeRelay)) *fakeRelay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &fakeRelay{
		addr: l.Addr().String(), ext: []string{"8BITMIME", "PIPELINING", "SMTPUTF8", "ENHANCEDSTATUSCODES"},
		counts: map[string]int{},
		open:   map[net.Conn]bool{}, over: make(chan struct{}), listener: l, say: func(step) string { return "" },
	}
	for _, f := range change {
		f(r)
	}
	conntest.Serve(t, l, r.serve)
	t.Cleanup(func() { close(r.over) })
	return r
}

// cut closes every connection.
func (r *fakeRelay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		c.Close()
	}
}

func (r *fakeRelay) serve(c net.Conn) {
	r.mu.Lock()
	r.conns++
	n := r.conns
	r.open[c] = true
	r.mu.Unlock()
	raw := c
	wrote := &answers{Conn: raw, how: r.writes}
	c = wrote
	defer func() {
		wrote.flush()
		r.gone(raw)
	}()
	encrypted := r.smtps
	if r.smtps {
		c = tls.Server(c, r.secure)
	}
	in := bufio.NewReader(c)
	if !r.answer(c, n, "greeting", "", "220 relay.example ready") {
		return
	}
	var msg message
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		verb, _, _ = strings.Cut(verb, ":")
		switch verb {
		case "MAIL":
			msg = message{mail: line, tls: encrypted}
		case "RCPT":
			msg.rcpt = line
		}
		if verb == "QUIT" {
			r.gone(raw)
		}
		usual := r.usual(verb, line)
		if verb == "DATA" && msg.refused {
			usual = "554 5.5.1 no valid recipients"
		}
		got, ok := r.reply(c, n, verb, line, usual)
		if !ok || verb == "QUIT" {
			return
		}
		msg.refused = msg.refused || (verb == "MAIL" || verb == "RCPT") && !strings.HasPrefix(got, "2")
		switch {
		case verb == "DATA" && strings.HasPrefix(got, "354"):
			if msg.raw, err = dotted(in); err != nil {
				return
			}
			r.mu.Lock()
			r.messages = append(r.messages, msg)
			ended, nth := r.ended, len(r.messages)
			r.mu.Unlock()
			if ended != nil {
				ended(nth, in)
			}
			if !r.answer(c, n, ".", ".", "250 2.0.0 Ok: queued as 4FD1") {
				return
			}
		case verb == "STARTTLS" && strings.HasPrefix(got, "220"):
			c = tls.Server(c, r.secure)
			in, encrypted = bufio.NewReader(c), true
		case verb == "AUTH" && strings.HasPrefix(got, "334"):
			if !r.login(c, in) {
				return
			}
		}
	}
}

// gone stops counting a connection, before the other side can know that it is over.
func (r *fakeRelay) gone(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
}

// usual returns what a healthy relay answers.
func (r *fakeRelay) usual(verb, line string) string {
	switch verb {
	case "EHLO":
		return "250-relay.example\r\n250-" + strings.Join(r.ext, "\r\n250-") + "\r\n250 SIZE 1000000"
	case "DATA":
		return "354 go on"
	case "STARTTLS":
		return "220 go on"
	case "AUTH":
		if line == "AUTH LOGIN" {
			return "334 VXNlcm5hbWU6"
		}
		return "235 2.7.0 welcome"
	case "QUIT":
		return "221 2.0.0 bye"
	}
	return "250 2.0.0 Ok"
}

// login reads the two answers of AUTH LOGIN.
func (r *fakeRelay) login(c net.Conn, in *bufio.Reader) bool {
	for _, next := range []string{"334 UGFzc3dvcmQ6", "235 2.7.0 welcome"} {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		r.note("AUTH … " + strings.TrimSpace(line))
		_, _ = c.Write([]byte(next + "\r\n"))
	}
	return true
}

func (r *fakeRelay) note(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, line)
}

func (r *fakeRelay) answer(c net.Conn, n int, verb, line, usual string) bool {
	_, ok := r.reply(c, n, verb, line, usual)
	return ok
}

// reply answers one command, and reports whether to go on.
func (r *fakeRelay) reply(c net.Conn, n int, verb, line, usual string) (string, bool) {
	r.mu.Lock()
	r.counts[verb]++
	s := step{conn: n, nth: r.counts[verb], verb: verb}
	if line != "" {
		r.said = append(r.said, line)
	}
	say := r.say
	r.mu.Unlock()
	got := say(s)
	switch got {
	case "":
		got = usual
	case hangUp:
		return got, false
	case stall:
		<-r.over
		return got, false
	}
	_, err := c.Write([]byte(strings.TrimSuffix(got, "\r\n") + "\r\n"))
	return got, err == nil
}

// dotted reads a message up to its final dot, byte by byte.
func dotted(in *bufio.Reader) ([]byte, error) {
	var b bytes.Buffer
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if string(line) == ".\r\n" {
			return b.Bytes(), nil
		}
		b.Write(bytes.TrimPrefix(line, []byte(".")))
	}
}

func (r *fakeRelay) received() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message(nil), r.messages...)
}

// heard returns the number of commands with a prefix.
func (r *fakeRelay) heard(prefix string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.said {
		if strings.HasPrefix(s, prefix) {
			n++
		}
	}
	return n
}

// latest returns the last command with a prefix.
func (r *fakeRelay) latest(prefix string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range slices.Backward(r.said) {
		if strings.HasPrefix(s, prefix) {
			return s
		}
	}
	return ""
}

// connected returns how many connections are open.
func (r *fakeRelay) connected() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open)
}

func (r *fakeRelay) dialled() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns
}

// change changes the behaviour of a running relay.
func (r *fakeRelay) change(f func(*fakeRelay)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

// says makes the relay always give one verb the same reply.
func says(verb, reply string) func(*fakeRelay) {
	return func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == verb {
				return reply
			}
			return ""
		}
	}
}

func offers(ext ...string) func(*fakeRelay) {
	return func(r *fakeRelay) { r.ext = append(r.ext, ext...) }
}

// certificate returns the settings of a server with a certificate for hosts, and a pool that trusts it.
func certificate(t *testing.T, hosts ...string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	c, pool := certtest.New(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), hosts...)
	return &tls.Config{Certificates: []tls.Certificate{c}}, pool
}
