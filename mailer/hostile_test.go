package mailer_test

import (
	"bytes"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-smtp"

	"github.com/optin/optin/mailer"
)

// hostile lists what somebody might get into a name or a text.
var hostile = []string{
	"La Gazette\r\nBcc: eve@evil.example", "La Gazette\nX-Injected: yes", "a\rb", "a\x00b",
	"a\u2028Bcc: eve@evil.example", "=?utf-8?q?=0D=0ABcc:_x?=",
	"\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n", "\n.\n", ".\r\n.", "\u202eettezaG", strings.Repeat("long", 3000),
	strings.Repeat("é", 3000), "a\r\n\r\n<script>",
	"--boundary--", "\xff\xfe", `"><a href=https://evil.example>`, "{{.}} {{env \"PATH\"}}", "", " ", "\t\r\n ",
}

func TestNoNameOrTextCanChangeTheEmailAroundIt(t *testing.T) {
	for _, h := range hostile {
		r := startRelay(t)
		env := newEnv(t, r.addr, func(o *mailer.Options) {
			s := o.Sites["gazette"]
			s.Show.Name, s.Show.URL, s.Show.Controller.Name, s.Show.Controller.Address, s.Show.Controller.Contact = h,
				h, h, h, h
			o.Sites = map[string]mailer.Site{"gazette": s}
		})
		env.deliver(env.signUp(ada))
		got := r.received()
		if len(got) != 1 || r.heard("RCPT") != 1 || r.heard("MAIL") != 1 {
			t.Fatalf("%q: %d emails, said %q", h, len(got), r.said)
		}
		checkMessage(t, got[0].raw)
	}
}

// checkMessage fails the test unless a message has the header fields of every email, each once, and can be read.
func checkMessage(t testing.TB, raw []byte) {
	t.Helper()
	m := parse(t, raw)
	if len(m.header) != 11 {
		t.Errorf("header %v", m.header)
	}
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
		"Auto-Submitted", "Form-Sub", "Feedback-ID", "Content-Language"} {
		if v := m.header[textproto.CanonicalMIMEHeaderKey(name)]; len(v) != 1 {
			t.Errorf("%s: %q", name, v)
		}
	}
	if strings.ContainsAny(m.subject, "\r\n\x00\u2028\u202e") {
		t.Errorf("subject %q", m.subject)
	}
	if len(links(m.text)) != 2 {
		t.Errorf("links %q", links(m.text))
	}
}

func TestASendersNameIsParsedStrictly(t *testing.T) {
	accepted := 0
	for _, h := range hostile {
		r := startRelay(t)
		opts := options(t, "smtp://"+r.addr)
		opts.Service = newEnv(t, r.addr).Service
		s := opts.Sites["gazette"]
		s.From.Name = h
		opts.Sites["gazette"] = s
		if _, err := mailer.New(opts); err == nil {
			if strings.ContainsAny(h, "\r\n\x00\u2028\u202e") || !utf8.ValidString(h) || len([]rune(h)) > 100 {
				t.Errorf("the name %q was taken", h)
			}
			env := newEnv(t, r.addr, func(o *mailer.Options) { o.Sites = opts.Sites })
			env.deliver(env.signUp(ada))
			checkMessage(t, r.received()[0].raw)
			accepted++
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of two lines: %q", err)
		}
	}
	if accepted == 0 || accepted == len(hostile) {
		t.Errorf("%d of %d names were accepted", accepted, len(hostile))
	}
}

// smtpBackend is a go-smtp backend that keeps what it is given.
type smtpBackend struct {
	mu   sync.Mutex
	got  []byte
	from string
	to   []string
}

func (s *smtpBackend) NewSession(*smtp.Conn) (smtp.Session, error) { return s, nil }
func (s *smtpBackend) Reset()                                      {}
func (s *smtpBackend) Logout() error                               { return nil }

func (s *smtpBackend) Mail(from string, _ *smtp.MailOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = from
	return nil
}

func (s *smtpBackend) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = append(s.to, to)
	return nil
}

func (s *smtpBackend) Data(r io.Reader) error {
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = b.Bytes()
	return nil
}

func TestARealServerUnderstandsUs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	keep := &smtpBackend{}
	server := smtp.NewServer(keep)
	server.Domain, server.EnableSMTPUTF8 = "relay.example", true
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 10*time.Second
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { server.Close(); serving.Wait() })

	env := newEnv(t, l.Addr().String())
	env.deliver(env.signUp("jörg@example.org"))
	keep.mu.Lock()
	defer keep.mu.Unlock()
	if keep.from != "bonjour@gazette.example" || len(keep.to) != 1 || keep.to[0] != "jörg@example.org" {
		t.Errorf("from %s to %v", keep.from, keep.to)
	}
	checkMessage(t, keep.got)
	if err := env.Close(); err != nil {
		t.Error(err)
	}
}
