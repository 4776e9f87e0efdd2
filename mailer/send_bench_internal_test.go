//go:build unix

package mailer

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/conntest"
	"github.com/optin/optin/internal/relay"
)

const benchConnections = 4

// startSink starts an SMTP server that takes everything and does as little as possible.
func startSink(b testing.TB) (addr string) {
	b.Helper()
	return conntest.Listen(b, sink)
}

func sink(c net.Conn) {
	in, out := bufio.NewReaderSize(c, 32<<10), bufio.NewWriter(c)
	say := func(answer string) { _, _ = out.WriteString(answer) }
	say("220 sink\r\n")
	for content := false; ; {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		switch {
		case content && string(line) == ".\r\n":
			content = false
			say("250 2.0.0 Ok: queued as 4FD1\r\n")
		case content:
		case bytes.HasPrefix(line, []byte("EHLO")):
			say("250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
		case bytes.HasPrefix(line, []byte("DATA")):
			content = true
			say("354 go on\r\n")
		default:
			say("250 2.0.0 Ok\r\n")
		}
	}
}

// BenchmarkSend measures an email from its message to the relay's reply, and go-mail's own Send of the same content on
// as many held connections. The CPU time is that of the process, with the relay, on both sides; "relay" is a client
// that only writes the bytes of an email and reads the replies.
func BenchmarkSend(b *testing.B) {
	sends := map[string]func(*testing.B, string, confirm.Message) func(i int) error{
		"ours":    func(b *testing.B, at string, msg confirm.Message) func(int) error { return sendOurs(b, at, msg) },
		"go-mail": sendByGoMail, "relay": sendBytes,
	}
	for _, name := range []string{"ours", "go-mail", "relay"} {
		b.Run(name, func(b *testing.B) {
			send := sends[name](b, startSink(b), confirmMessage(b))
			b.ReportAllocs()
			b.ResetTimer()
			before := processTime(b)
			var next atomic.Int64
			var all sync.WaitGroup
			for range benchConnections {
				all.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if err := send(int(i)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64((processTime(b)-before).Nanoseconds())/float64(b.N), "CPU-ns/op")
		})
	}
}

func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func sendOurs(b testing.TB, at string, msg confirm.Message) func(i int) error {
	b.Helper()
	address, err := relay.Parse("smtp://" + at)
	if err != nil {
		b.Fatal(err)
	}
	o := composer(b).Options
	o.Service, o.Relays, o.Log = &confirm.Service{}, []relay.Address{address}, slog.New(slog.DiscardHandler)
	m, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	return func(i int) error {
		msg.ID = "job" + strconv.Itoa(i)
		e, err := m.compose(&msg)
		if err != nil {
			return err
		}
		e.domainAnswers = true
		reply, err := m.deliver(b.Context(), e)
		if err == nil && e.delivery(reply).SHA256 == "" {
			err = fmt.Errorf("no hash")
		}
		return err
	}
}

func sendByGoMail(b *testing.B, at string, msg confirm.Message) func(i int) error {
	b.Helper()
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		b.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	client, err := mail.NewClient(host, mail.WithPort(n), mail.WithTLSPolicy(mail.NoTLS))
	if err != nil {
		b.Fatal(err)
	}
	m := composer(b)
	content, err := m.Pages.Email("fr", templateData(&msg, m.Sites["gazette"].Show, "fr"))
	if err != nil {
		b.Fatal(err)
	}
	open := make(chan func(*mail.Msg) error, benchConnections)
	for range benchConnections {
		c, err := client.DialToSMTPClientWithContext(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = client.CloseWithSMTPClient(c) })
		open <- func(msg *mail.Msg) error { return client.SendWithSMTPClient(c, msg) }
	}
	return func(int) error {
		out := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithEncoding(mail.EncodingQP))
		if err := out.FromFormat("La Gazette", "bonjour@gazette.example"); err != nil {
			return err
		}
		if err := out.To(msg.To.String()); err != nil {
			return err
		}
		out.Subject(content.Subject)
		out.SetDate()
		out.SetMessageID()
		out.SetBodyString(mail.TypeTextPlain, content.Text)
		out.AddAlternativeString(mail.TypeTextHTML, content.HTML)
		send := <-open
		defer func() { open <- send }()
		return send(out)
	}
}

func sendBytes(b *testing.B, at string, msg confirm.Message) func(i int) error {
	b.Helper()
	msg.ID = "job"
	e, err := composer(b).compose(&msg)
	if err != nil {
		b.Fatal(err)
	}
	content := append(bytes.ReplaceAll(e.raw, []byte("\r\n."), []byte("\r\n..")), ".\r\n"...)
	type conn struct {
		net.Conn
		in *bufio.Reader
	}
	open := make(chan conn, benchConnections)
	read := func(c conn, replies int) error {
		for range replies {
			if line, err := c.in.ReadSlice('\n'); err != nil || !strings.ContainsRune("23", rune(line[0])) {
				return fmt.Errorf("%q, %w", line, err)
			}
		}
		return nil
	}
	for range benchConnections {
		raw, err := net.Dial("tcp", at)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { raw.Close() })
		c := conn{raw, bufio.NewReader(raw)}
		if _, err := fmt.Fprint(c, "EHLO x\r\n"); err != nil {
			b.Fatal(err)
		}
		if err := read(c, 5); err != nil {
			b.Fatal(err)
		}
		open <- c
	}
	return func(int) error {
		c := <-open
		defer func() { open <- c }()
		if _, err := c.Write([]byte("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")); err != nil {
			return err
		}
		if err := read(c, 3); err != nil {
			return err
		}
		if _, err := c.Write(content); err != nil {
			return err
		}
		return read(c, 1)
	}
}

func TestAnEmailOnAHeldConnectionAllocatesLittle(t *testing.T) {
	send := sendOurs(t, startSink(t), confirmMessage(t))
	if n := testing.AllocsPerRun(100, func() {
		if err := send(1); err != nil {
			t.Fatal(err)
		}
	}); n > 34 {
		t.Errorf("%.0f allocations from the message to the relay's reply, want at most 34", n)
	}
}
