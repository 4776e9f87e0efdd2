package redis

import (
	"bufio"
	"io"
	"net"
	"strings"
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
	if sent := monitor(t, server, confirm); len(sent) != 2 || !strings.HasPrefix(sent[0], `"hget"`) {
		t.Errorf("a confirmation sent %d commands, want HGET and a script: %.60q", len(sent), sent)
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
