package redis

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// monitor calls f and returns the commands that clients sent meanwhile, as the server reports them.
func monitor(t *testing.T, s *server, f func()) []string {
	t.Helper()
	c, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	lines := bufio.NewScanner(c)
	_, _ = io.WriteString(c, "MONITOR\r\n")
	lines.Scan()
	f()
	_ = s.client().Echo(t.Context(), "the end").Err()
	var sent []string
	for lines.Scan() && !strings.Contains(lines.Text(), "the end") {
		line := lines.Text()
		if strings.Contains(line, " lua] ") || strings.Contains(line, `"hello"`) {
			continue
		}
		_, command, _ := strings.Cut(line, "] ")
		sent = append(sent, command)
	}
	return sent
}

func TestAFirstSignupIsOneRoundTrip(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	signup := func() { put(t, s, key(1), &store.Record{State: "pending"}, email("a")) }
	if sent := monitor(t, server, signup); len(sent) != 1 || !strings.HasPrefix(sent[0], `"evalsha"`) {
		t.Errorf("a first signup sent %d commands: %.60q", len(sent), sent)
	}
	if sent := monitor(t, server, signup); len(sent) != 2 {
		t.Errorf("a second one sent %d commands, want 2: %.60q", len(sent), sent)
	}
	confirm := func() {
		err := s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
			if !r.Exists() {
				return store.Change{}, store.ErrNotFound
			}
			return store.Change{Put: &store.Record{State: "confirmed"}}, nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if sent := monitor(t, server, confirm); len(sent) != 2 || !strings.HasPrefix(sent[0], `"get"`) {
		t.Errorf("a confirmation sent %d commands, want GET and a script: %.60q", len(sent), sent)
	}
}

func TestAServerThatForgotTheScriptsIsGivenThemAgain(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	forget := func() {
		t.Helper()
		if err := server.client().ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	forget()
	put(t, s, key(1), &store.Record{State: "pending"}, email("a"))
	forget()
	if err := s.End(t.Context(), leaseOne(t, s), store.Complete()); err != nil {
		t.Error(err)
	}
	forget()
	if page, err := s.List(t.Context(), store.Query{Site: "gazette"}); err != nil || len(page.Records) != 1 {
		t.Errorf("listed %+v, %v", page, err)
	}
}

// pendingData is about the size of a sealed pending subscription, in bytes.
const pendingData = 250

// BenchmarkMemoryOfAPending reports the memory of one pending subscription in Redis, and how much more it is while its
// email is enqueued. Use -benchtime 100000x: the server's own buffers count too.
func BenchmarkMemoryOfAPending(b *testing.B) {
	for name, enqueued := range map[string]bool{"EmailEnqueued": true, "EmailSent": false} {
		b.Run(name, func(b *testing.B) { memory(b, enqueued) })
	}
}

func memory(b *testing.B, enqueued bool) {
	server := startServer(b)
	s, err := Open(b.Context(), Options{Location: at(server.url())})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	used := func() (n float64) {
		for line := range strings.Lines(server.client().Info(b.Context(), "memory").Val()) {
			_, _ = fmt.Sscanf(line, "used_memory:%g", &n)
		}
		return n
	}
	before := used()
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			r := &store.Record{
				State:   "pending",
				Created: time.Now(),
				Expires: time.Now().Add(time.Hour),
				Data:    make([]byte, pendingData),
			}
			var jobs []store.Job
			if enqueued {
				jobs = append(jobs, email(fmt.Sprintf("job_%016d", i)))
			}
			if err := s.Update(b.Context(), key(int(i)), putting(r, jobs...)); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric((used()-before)/float64(b.N), "B/pending")
}
