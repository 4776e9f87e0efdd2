package mailer

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"

	"github.com/wneessen/go-mail/smtp"

	"github.com/optin/optin/internal/relay"
)

// session is the part of a conversation up to where emails are taken: the greeting, EHLO, STARTTLS and AUTH.
type session struct {
	text       *textproto.Conn     // over any TLS; nil until the greeting was read
	wire       *bounded            // under text
	secure     *tls.Conn           // nil without TLS
	extensions map[string][]string // what EHLO offers: keywords and their parameters, all in upper case
}

// maxReplies is how much a relay may say until something is said to it again, in bytes. Nearly all replies are one
// line, and that to EHLO is a few dozen.
const maxReplies = 64 << 10

// errEndless says that a relay said more than that.
const errEndless = textproto.ProtocolError("a reply that does not end")

// bounded is a connection on which the other side may say no more than maxReplies at a time: replies are read whole. It
// counts bytes.
type bounded struct {
	io.ReadWriteCloser
	left    int // of what the other side may say
	written int // of what was said to it, in all
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errEndless
	}
	n, err := b.ReadWriteCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b *bounded) Write(p []byte) (int, error) {
	b.left = maxReplies
	n, err := b.ReadWriteCloser.Write(p)
	b.written += n
	return n, err
}

func (s *session) encrypted() bool { return s.secure != nil }

// offered reports whether EHLO offers an extension, by its keyword in upper case.
func (s *session) offered(keyword string) bool {
	_, ok := s.extensions[keyword]
	return ok
}

// command sends one line and returns the reply. A reply of another code than the wanted one, of three digits or fewer,
// is a *textproto.Error; with 0 none is.
func (s *session) command(want int, line string) (code int, words string, err error) {
	if err := s.text.PrintfLine("%s", line); err != nil {
		return 0, "", err
	}
	return relay.ReadReply(&s.text.Reader, want)
}

// greeting reads the relay's first words, on a connection that may have TLS already.
func (s *session) greeting(conn net.Conn) error {
	s.secure, _ = conn.(*tls.Conn)
	s.wire = &bounded{ReadWriteCloser: conn, left: maxReplies}
	text := textproto.NewConn(s.wire)
	if _, _, err := relay.ReadReply(&text.Reader, 220); err != nil {
		return err
	}
	s.text = text
	return nil
}

// hello says our name, and learns what the relay offers. A relay that does not know EHLO, or takes HELO instead, offers
// nothing (RFC 5321 section 3.2).
func (s *session) hello(name string) error {
	s.extensions = nil
	_, words, err := s.command(250, "EHLO "+name)
	if err == nil {
		s.extensions = parseExtensions(words)
		return nil
	}
	if said := new(textproto.Error); !errors.As(err, &said) || said.Code/100 != 5 {
		return err
	}
	if _, _, again := s.command(250, "HELO "+name); again != nil {
		return err
	}
	return nil
}

// parseExtensions reads the answer to EHLO, whose first line greets. Keywords are without case (RFC 5321 section 2.4).
// Parameters of a keyword that comes in several lines belong together. Some relays write AUTH=LOGIN, from before
// RFC 2554, beside AUTH or instead of it.
func parseExtensions(words string) map[string][]string {
	all := map[string][]string{}
	_, lines, _ := strings.Cut(strings.ToUpper(words), "\n")
	for line := range strings.SplitSeq(lines, "\n") {
		if rest, old := strings.CutPrefix(strings.TrimSpace(line), "AUTH="); old {
			line = "AUTH " + rest
		}
		if fields := strings.Fields(line); len(fields) > 0 {
			all[fields[0]] = append(all[fields[0]], fields[1:]...)
		}
	}
	return all
}

// startTLS encrypts the connection and says our name again. What was said before no longer counts, and after an error
// nothing more may be said.
func (s *session) startTLS(raw net.Conn, config *tls.Config, name string) error {
	if _, _, err := s.command(220, "STARTTLS"); err != nil {
		return err
	}
	s.secure = tls.Client(raw, config)
	s.wire = &bounded{ReadWriteCloser: s.secure, left: maxReplies}
	s.text = textproto.NewConn(s.wire)
	return s.hello(name)
}

// authenticate carries out one mechanism (RFC 4954).
func (s *session) authenticate(host string, auth smtp.Auth) error {
	mechanism, response, err := auth.Start(&smtp.ServerInfo{
		Name: host, TLS: s.encrypted(), Auth: s.extensions["AUTH"],
	})
	if err != nil {
		return err
	}
	line := strings.TrimSpace("AUTH " + mechanism + " " + base64Of(string(response)))
	for {
		code, words, err := s.command(0, line)
		switch {
		case err != nil:
			return err
		case code != 334 && code != 235:
			return &textproto.Error{Code: code, Msg: words}
		}
		challenge := []byte(words)
		if plain, err := base64.StdEncoding.DecodeString(words); code == 334 && err == nil {
			challenge = plain // some relays ask for the name of LOGIN as it is
		}
		response, err := auth.Next(challenge, code == 334)
		switch {
		case err != nil && code == 334:
			_, _, _ = s.command(501, "*") // cancel it
			return err
		case err != nil || code == 235:
			return err
		}
		line = base64Of(string(response))
	}
}

// wantsOtherMechanism reports whether a relay refused the mechanism and not who we are: 504, 534 "too weak" (RFC 4954),
// and X.7.4 under another code.
func wantsOtherMechanism(err error) bool {
	said := new(textproto.Error)
	return errors.As(err, &said) &&
		(said.Code == 504 || said.Code == 534 || enhancedCode(said.Msg) == "5.7.4")
}
