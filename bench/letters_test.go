//go:build unix

package bench

import (
	"fmt"
	"log/slog"
	netmail "net/mail"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// connections are those to the relay, and the workers: as many as the configuration has when it says nothing.
const connections = 4

// BenchmarkLetters measures a Try, from the entry to the relay's answer in the record on SQLite, in turn with go-mail's own Send. What a
// letter costs of the processors holds the relay, which is of this process, on both sides.
func BenchmarkLetters(b *testing.B) {
	n, at := size(b, "OPTIN_BENCH_LETTERS", 1000), relay(b)
	st, ring := openSQLite(b, newFile(b)), newRing(b)
	desk := newDesk(b, st, ring)
	all, err := templates.New()
	must(b, err)
	m, err := mailer.New(mailer.Options{
		Service: desk, Pages: all, Relays: []*url.URL{{Scheme: "smtp", Host: at}}, Log: slog.New(slog.DiscardHandler),
		Sites: map[string]mailer.Site{"gazette": {From: netmail.Address{Name: "La Gazette", Address: "bonjour@gazette.example"}, Show: face()}},
	})
	must(b, err)
	b.Cleanup(func() { _ = m.Close() })
	send, figures := plain(b, at, all), map[string][]float64{}
	for turn := range turns {
		crowd(b, n, callers, func(i int) error { return ask(b, desk, fmt.Sprintf("subscriber%d.%d@example.org", turn, i)) })
		owed := lease(b, st, n)
		took, cpu := spent(b, func() time.Duration {
			return crowd(b, n, connections, func(i int) error { return try(b, m, owed[i]) })
		})
		least, leastCPU := spent(b, func() time.Duration { return crowd(b, n, connections, send) })
		figures["letters/s"] = append(figures["letters/s"], rate(n, took))
		figures["letters-floor/s"] = append(figures["letters-floor/s"], rate(n, least))
		figures["letters/floor"] = append(figures["letters/floor"], rate(n, took)/rate(n, least))
		figures["CPU-µs/letter"] = append(figures["CPU-µs/letter"], float64(cpu.Microseconds())/float64(n))
		figures["CPU/floor"] = append(figures["CPU/floor"], cpu.Seconds()/leastCPU.Seconds())
	}
	tell(b, figures)
}

func try(b *testing.B, m *mailer.Mailer, e store.Job) error {
	settled, err := m.Run(b.Context(), e)
	if err == nil && !settled {
		err = fmt.Errorf("letter %s was not sent", e.ID)
	}
	return err
}

// plain sends a letter as a program does that has go-mail and nothing else: the same words, on connections that are kept.
func plain(b *testing.B, at string, all *templates.Set) func(i int) error {
	b.Helper()
	words, err := all.Email("fr", canned())
	must(b, err)
	client, err := newClient(at)
	must(b, err)
	kept := make(chan *conn, connections)
	for range connections {
		c, err := client.DialToSMTPClientWithContext(b.Context())
		must(b, err)
		b.Cleanup(func() { _ = client.CloseWithSMTPClient(c) })
		kept <- c
	}
	return func(i int) error {
		msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithEncoding(mail.EncodingQP))
		if err := msg.FromFormat("La Gazette", "bonjour@gazette.example"); err != nil {
			return err
		}
		if err := msg.To(fmt.Sprintf("subscriber%d@example.org", i)); err != nil {
			return err
		}
		msg.Subject(words.Subject)
		msg.SetDate()
		msg.SetMessageID()
		msg.SetBodyString(mail.TypeTextPlain, words.Text)
		msg.AddAlternativeString(mail.TypeTextHTML, words.HTML)
		c := <-kept
		defer func() { kept <- c }()
		return client.SendWithSMTPClient(c, msg)
	}
}

// spent is how long f says that it took, and what the processors spent on it.
func spent(b *testing.B, f func() time.Duration) (took, cpu time.Duration) {
	b.Helper()
	before := used(b)
	took = f()
	return took, used(b) - before
}

func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
