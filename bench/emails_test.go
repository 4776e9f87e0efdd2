//go:build unix

package bench

import (
	"fmt"
	"log/slog"
	netmail "net/mail"
	"syscall"
	"testing"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/internal/skeleton"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// connections is the number of connections to the relay, and of workers: the default of the configuration.
const connections = 4

// BenchmarkEmails measures Run, from the job to the relay's reply in the record on SQLite, alternating with go-mail's
// own Send. The CPU time of an email includes that of the relay, which is part of this process, on both sides.
func BenchmarkEmails(b *testing.B) {
	n, at := size(b, "OPTIN_BENCH_EMAILS", 1000), startRelay(b)
	st, ring := openSQLite(b, newFile(b)), newRing(b)
	service := newService(b, st, ring)
	all, err := templates.New()
	must(b, err)
	address, err := relay.Parse("smtp://" + at)
	must(b, err)
	m, err := mailer.New(mailer.Options{
		Service: service, Pages: all, Relays: []relay.Address{address}, Log: slog.New(slog.DiscardHandler),
		Sites: map[string]mailer.Site{"gazette": {
			From: netmail.Address{Name: "La Gazette", Address: "bonjour@gazette.example"}, Show: shownSite(),
		}},
	})
	must(b, err)
	b.Cleanup(func() { _ = m.Close() })
	send, figures := goMailSend(b, at, all), map[string][]float64{}
	for round := range rounds {
		concurrently(b, n, callers, func(i int) error {
			return signUp(b, service, fmt.Sprintf("subscriber%d.%d@example.org", round, i))
		})
		jobs := lease(b, st, n)
		took, cpu := measure(b, func() time.Duration {
			return concurrently(b, n, connections, func(i int) error { return runJob(b, m, jobs[i]) })
		})
		least, leastCPU := measure(b, func() time.Duration { return concurrently(b, n, connections, send) })
		figures["emails/s"] = append(figures["emails/s"], rate(n, took))
		figures["emails-floor/s"] = append(figures["emails-floor/s"], rate(n, least))
		figures["emails/floor"] = append(figures["emails/floor"], rate(n, took)/rate(n, least))
		figures["CPU-µs/email"] = append(figures["CPU-µs/email"], float64(cpu.Microseconds())/float64(n))
		figures["CPU/floor"] = append(figures["CPU/floor"], cpu.Seconds()/leastCPU.Seconds())
	}
	report(b, figures)
}

func runJob(b *testing.B, m *mailer.Mailer, job store.Job) error {
	r := m.Run(b.Context(), job)
	if r.Err == nil && !r.Ended {
		return fmt.Errorf("email %s was not sent", job.ID)
	}
	return r.Err
}

// goMailSend returns a function that sends the same text with go-mail alone, on open connections.
func goMailSend(b *testing.B, at string, all *templates.Set) func(i int) error {
	b.Helper()
	content, err := all.Email("fr", sampleEmail())
	must(b, err)
	content.Text = skeleton.Wrap(content.Text)
	client, err := newClient(at)
	must(b, err)
	open := make(chan *conn, connections)
	for range connections {
		c, err := client.DialToSMTPClientWithContext(b.Context())
		must(b, err)
		b.Cleanup(func() { _ = client.CloseWithSMTPClient(c) })
		open <- c
	}
	return func(i int) error {
		msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithEncoding(mail.EncodingQP))
		if err := msg.FromFormat("La Gazette", "bonjour@gazette.example"); err != nil {
			return err
		}
		if err := msg.To(fmt.Sprintf("subscriber%d@example.org", i)); err != nil {
			return err
		}
		msg.Subject(content.Subject)
		msg.SetDate()
		msg.SetMessageID()
		msg.SetBodyString(mail.TypeTextPlain, content.Text)
		msg.AddAlternativeString(mail.TypeTextHTML, content.HTML)
		c := <-open
		defer func() { open <- c }()
		return client.SendWithSMTPClient(c, msg)
	}
}

// measure returns how long f says it took, and the CPU time of it.
func measure(b *testing.B, f func() time.Duration) (took, cpu time.Duration) {
	b.Helper()
	before := cpuTime(b)
	took = f()
	return took, cpuTime(b) - before
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
