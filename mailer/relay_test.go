package mailer_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Answers of a relay that are no replies.
const (
	hangUp = "hang up" // close the connection
	stall  = "stall"   // say nothing until the test is over
)

// step is one thing said to the relay, "greeting" when it was only dialled and "." at the end of a message.
type step struct {
	conn, nth int // which connection; how often this verb was said, this time included
	verb      string
}

// taken is a message whose final dot came, whatever was answered.
type taken struct {
	mail, rcpt string // whole commands
	raw        []byte // dots unstuffed
	tls        bool
}

// relay is a server written by hand that answers as a test wants.
type relay struct {
	addr   string
	ext    []string
	secure *tls.Config // for STARTTLS, or from the first byte
	smtps  bool
	say    func(step) string // "" for the usual answer

	mu       sync.Mutex
	said     []string // everything, in order
	counts   map[string]int
	letters  []taken
	conns    int
	open     map[net.Conn]bool
	over     chan struct{}
	listener net.Listener
}

func startRelay(t *testing.T, change ...func(*relay)) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{
		addr: l.Addr().String(), ext: []string{"8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"}, counts: map[string]int{},
		open: map[net.Conn]bool{}, over: make(chan struct{}), listener: l, say: func(step) string { return "" },
	}
	for _, f := range change {
		f(r)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() { close(r.over); l.Close(); r.cut(); serving.Wait() })
	return r
}

// cut closes every connection.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		c.Close()
	}
}

func (r *relay) serve(c net.Conn) {
	r.mu.Lock()
	r.conns++
	n := r.conns
	r.open[c] = true
	r.mu.Unlock()
	raw := c
	defer func() {
		r.gone(raw)
		raw.Close()
	}()
	encrypted := r.smtps
	if r.smtps {
		c = tls.Server(c, r.secure)
	}
	in := bufio.NewReader(c)
	if !r.answer(c, n, "greeting", "", "220 relay.example ready") {
		return
	}
	var letter taken
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
			letter = taken{mail: line, tls: encrypted}
		case "RCPT":
			letter.rcpt = line
		}
		if verb == "QUIT" {
			r.gone(raw)
		}
		got, ok := r.reply(c, n, verb, line, r.usual(verb, line))
		if !ok || verb == "QUIT" {
			return
		}
		switch {
		case verb == "DATA" && strings.HasPrefix(got, "354"):
			if letter.raw, err = dotted(in); err != nil {
				return
			}
			r.mu.Lock()
			r.letters = append(r.letters, letter)
			r.mu.Unlock()
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

// gone counts a connection no more: before the other side can know that it is over.
func (r *relay) gone(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
}

// usual is what a relay in good health answers.
func (r *relay) usual(verb, line string) string {
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

// login hears the two answers of AUTH LOGIN.
func (r *relay) login(c net.Conn, in *bufio.Reader) bool {
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

func (r *relay) note(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, line)
}

func (r *relay) answer(c net.Conn, n int, verb, line, usual string) bool {
	_, ok := r.reply(c, n, verb, line, usual)
	return ok
}

// reply answers one thing that was said, and tells whether to go on.
func (r *relay) reply(c net.Conn, n int, verb, line, usual string) (string, bool) {
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

// dotted reads a message up to its final dot, byte for byte.
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

func (r *relay) received() []taken {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]taken(nil), r.letters...)
}

// heard counts the commands that begin so.
func (r *relay) heard(prefix string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.said {
		if strings.HasPrefix(s, prefix) {
			n++
		}
	}
	return n
}

// latest is the last command that begins so.
func (r *relay) latest(prefix string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range slices.Backward(r.said) {
		if strings.HasPrefix(s, prefix) {
			return s
		}
	}
	return ""
}

// connected is how many connections there are now.
func (r *relay) connected() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open)
}

func (r *relay) dialled() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns
}

// change gives a relay at work another behaviour.
func (r *relay) change(f func(*relay)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

// says answers one verb so, always.
func says(verb, reply string) func(*relay) {
	return func(r *relay) {
		r.say = func(s step) string {
			if s.verb == verb {
				return reply
			}
			return ""
		}
	}
}

func offers(ext ...string) func(*relay) {
	return func(r *relay) { r.ext = append(r.ext, ext...) }
}

// certificate is one for the given names and addresses, and the pool in which it is trusted.
func certificate(t *testing.T, names []string, ips ...net.IP) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names, IPAddresses: ips,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}
