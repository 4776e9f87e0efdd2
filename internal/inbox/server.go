package inbox

import (
	"io"
	"log"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// idleTimeout is how long a connection may be silent (RFC 5321 section 4.5.3.2.7). Senders keep theirs open between
// emails.
const idleTimeout = 5 * time.Minute

func newServer(i *Inbox) *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{inbox: i}, nil
	}))
	s.Domain = "inbox.localhost"
	s.MaxMessageBytes = MaxBytes
	s.MaxRecipients = MaxRecipients
	s.EnableSMTPUTF8 = true
	s.ReadTimeout = idleTimeout
	s.WriteTimeout = time.Minute
	s.ErrorLog = log.New(io.Discard, "", 0) // its lines name the peer's address; the peer has the reply code
	return s
}

// session is one SMTP connection: an envelope at a time.
type session struct {
	inbox *Inbox
	from  string
	to    []string
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if r := s.inbox.refuse(to); r != nil {
		return &smtp.SMTPError{Code: r.Code, EnhancedCode: r.Enhanced, Message: r.Words}
	}
	s.to = append(s.to, to)
	return nil
}

// Data accepts everything that arrives complete: an email that cannot be parsed is worth looking at.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r) // bounded by MaxMessageBytes
	if err != nil {
		return err
	}
	m := Message{From: s.from, To: s.to, Raw: raw}
	m.parse()
	s.inbox.add(m)
	return nil
}

// listener remembers the connections that it accepted, so that all of them can be closed. smtp.Server.Close closes only
// those whose handler has already started.
type listener struct {
	net.Listener
	mu      sync.Mutex
	open    map[*conn]struct{}
	stopped bool
}

type conn struct {
	net.Conn
	from *listener
}

func newListener(l net.Listener) *listener {
	return &listener{Listener: l, open: make(map[*conn]struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	tracked := &conn{Conn: c, from: l}
	l.open[tracked] = struct{}{}
	return tracked, nil
}

func (l *listener) stop() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for c := range l.open {
		_ = c.Conn.Close()
	}
	return l.Listener.Close()
}

func (c *conn) Close() error {
	c.from.mu.Lock()
	delete(c.from.open, c)
	c.from.mu.Unlock()
	return c.Conn.Close()
}
