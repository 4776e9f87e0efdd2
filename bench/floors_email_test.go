package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/optin/optin/templates"
)

// connections is how many connections to the relay the senders hold: the default of the configuration.
const connections = 4

// goMailFloor sends n emails as long as a real one with go-mail's Send on held connections.
func goMailFloor(ctx context.Context, args url.Values) (func() error, error) {
	client, err := goMailClient(args.Get("to"))
	if err != nil {
		return nil, err
	}
	content, err := sampleEmail()
	if err != nil {
		return nil, err
	}
	return held(number(args, "n"), func(emails func() (int, bool)) error {
		c, err := client.DialToSMTPClientWithContext(ctx)
		if err != nil {
			return err
		}
		defer client.CloseWithSMTPClient(c)
		for i, more := emails(); more; i, more = emails() {
			m, err := newMessage(content, i)
			if err != nil {
				return err
			}
			if err := client.SendWithSMTPClient(c, m); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

// rawFloor sends n emails that are written already, and pipelines what RFC 2920 allows.
func rawFloor(_ context.Context, args url.Values) (func() error, error) {
	content, err := sampleEmail()
	if err != nil {
		return nil, err
	}
	m, err := newMessage(content, 0)
	if err != nil {
		return nil, err
	}
	var email bytes.Buffer
	if _, err := m.WriteTo(&email); err != nil {
		return nil, err
	}
	email.WriteString("\r\n.\r\n")
	return held(number(args, "n"), func(emails func() (int, bool)) error {
		c, err := net.Dial("tcp", args.Get("to"))
		if err != nil {
			return err
		}
		defer c.Close()
		in := bufio.NewReader(c)
		if err := expect(in, "220", 1); err != nil {
			return err
		}
		if _, err := c.Write([]byte("EHLO localhost\r\n")); err != nil {
			return err
		}
		if err := expect(in, "250", 5); err != nil {
			return err
		}
		for i, more := emails(); more; i, more = emails() {
			if err := sendRaw(c, in, i, email.Bytes()); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

func sendRaw(c net.Conn, in *bufio.Reader, i int, email []byte) error {
	_, err := fmt.Fprintf(c, "MAIL FROM:<bonjour@gazette.example>\r\nRCPT TO:<%s>\r\nDATA\r\n", emailOf(i))
	if err != nil {
		return err
	}
	if err := errors.Join(expect(in, "250", 2), expect(in, "354", 1)); err != nil {
		return err
	}
	if _, err := c.Write(email); err != nil {
		return err
	}
	return expect(in, "250", 1)
}

// expect reads so many lines with a code.
func expect(in *bufio.Reader, code string, lines int) error {
	for range lines {
		line, err := in.ReadSlice('\n')
		if err != nil || !bytes.HasPrefix(line, []byte(code)) {
			return fmt.Errorf("%q instead of %s: %w", line, code, err)
		}
	}
	return nil
}

// held returns a function that calls send once for each connection. What send gets returns the next email's number, and
// false when n are sent.
func held(n int, send func(emails func() (int, bool)) error) func() error {
	return func() error {
		var next atomic.Int64
		var all sync.WaitGroup
		errs := make([]error, connections)
		for i := range connections {
			all.Go(func() {
				errs[i] = send(func() (int, bool) { n64 := int(next.Add(1)); return n64, n64 <= n })
			})
		}
		all.Wait()
		return errors.Join(errs...)
	}
}

func goMailClient(at string) (*mail.Client, error) {
	addr, err := net.ResolveTCPAddr("tcp", at)
	if err != nil {
		return nil, err
	}
	return mail.NewClient(addr.IP.String(), mail.WithPort(addr.Port), mail.WithTLSPolicy(mail.NoTLS),
		mail.WithHELO("localhost"), mail.WithTimeout(time.Minute))
}

// newMessage returns an email as go-mail makes it from its text.
func newMessage(content templates.RenderedEmail, to int) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithEncoding(mail.EncodingQP))
	if err := m.FromFormat("La Gazette", "bonjour@gazette.example"); err != nil {
		return nil, err
	}
	if err := m.To(emailOf(to)); err != nil {
		return nil, err
	}
	m.Subject(content.Subject)
	m.SetDate()
	m.SetMessageID()
	m.SetBodyString(mail.TypeTextPlain, content.Text)
	m.AddAlternativeString(mail.TypeTextHTML, content.HTML)
	return m, nil
}

// sampleEmail returns the text of an email like those that optin sends.
func sampleEmail() (templates.RenderedEmail, error) {
	all, err := templates.New()
	if err != nil {
		return templates.RenderedEmail{}, err
	}
	link := "https://confirm.gazette.example/c/" + strings.Repeat("t", 330) // about as long as a token
	asked := time.Now()
	return all.Email("fr", templates.ConfirmEmail{
		Site: shownSite(),
		Purposes: []templates.Purpose{
			{ID: "letter", Text: "Recevoir la lettre mensuelle de La Gazette", State: "pending"},
		},
		Asked: asked, Deadline: asked.Add(48 * time.Hour), ConfirmURL: link, DeclineURL: link,
	})
}
