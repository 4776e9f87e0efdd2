package redis

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// monitor calls f and returns the commands that clients sent meanwhile, as the server reports them.
func monitor(t *testing.T, s *server, f func()) (sent []string) {
	t.Helper()
	for _, line := range monitorAll(t, s, f) {
		if !strings.Contains(line, " lua] ") && !strings.Contains(line, `"hello"`) {
			_, command, _ := strings.Cut(line, "] ")
			sent = append(sent, command)
		}
	}
	return sent
}

// monitorAll also returns what scripts called, each line as it is.
func monitorAll(t *testing.T, s *server, f func()) (all []string) {
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
	for lines.Scan() && !strings.Contains(lines.Text(), "the end") {
		all = append(all, lines.Text())
	}
	return all
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

// TestALookupIsOneRoundTrip looks for somebody who is there and for a mailbox of which nothing is known, as most are.
func TestALookupIsOneRoundTrip(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	put(t, s, key(1), &store.Record{State: "pending"})
	if err := s.SetMark(t.Context(), nil, []byte("mark")); err != nil {
		t.Fatal(err)
	}
	lookup := func() {
		found, err := s.FindAll(t.Context(), key(1), key(2))
		if err != nil || !found[0].Exists() || found[1].Exists() {
			t.Errorf("found %+v, %v", found, err)
		}
	}
	lookup() // the first one teaches the server the script
	if sent := monitor(t, server, lookup); len(sent) != 1 {
		t.Errorf("a lookup sent %d commands: %.60q", len(sent), sent)
	}
}

// workload does everything that a store can do, and returns it by name; each is one command on one server.
func workload(t *testing.T, s *Store) []struct {
	name string
	do   func() error
} {
	ctx := t.Context()
	var job, timer store.Job
	lease := func(queue store.QueueName, to *store.Job) func() error {
		return func() error {
			jobs, err := s.Lease(ctx, queue, 9, time.Minute)
			if len(jobs) == 0 {
				return errors.Join(err, errors.New("nothing is due"))
			}
			*to = jobs[0]
			return err
		}
	}
	dueNow := func(store.Record) (store.Change, error) {
		c, err := signup(2)(store.Record{})
		c.Put.Timer, c.Enqueue[0].Due = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
		return c, err
	}
	return []struct {
		name string
		do   func() error
	}{
		{"a signup", func() error { return s.Update(ctx, key(1), signup(1)) }},
		{"another", func() error { return s.Update(ctx, key(2), dueNow) }},
		{"Due", func() error { _, err := s.Due(ctx); return err }},
		{"Lease", lease("email", &job)},
		{"RenewLease", func() error { return s.RenewLease(ctx, job, time.Minute) }},
		{"Fail", func() error { return s.End(ctx, job, store.Fail()) }},
		{"Failed", func() error { _, err := s.Failed(ctx, "email", "", 9); return err }},
		{"Failed after one", func() error { _, err := s.Failed(ctx, "email", job.ID, 9); return err }},
		{"MakeDue", func() error {
			if err := s.MakeDue(ctx, "email", "nobody", job.Key); !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return nil
		}},
		{"Requeue", func() error { return s.Requeue(ctx, "email", job.ID, job.Key) }},
		{"RunNow", func() error { _, err := s.RunNow(ctx, "email", 9); return err }},
		{"Lease again", lease("email", &job)},
		{"Move", func() error { return s.End(ctx, job, store.Move("email/slow", time.Now().Add(-time.Hour))) }},
		{"Lease of the other queue", lease("email/slow", &job)},
		{"Complete", func() error { return s.End(ctx, job, store.Complete()) }},
		{"Lease of a timer", lease(store.TimerQueue, &timer)},
		{"RenewLease of a timer", func() error { return s.RenewLease(ctx, timer, time.Minute) }},
		{"Retry of a timer", func() error { return s.End(ctx, timer, store.Retry(time.Time{})) }},
		{"Lease of a timer again", lease(store.TimerQueue, &timer)},
		{"Fail of a timer", func() error { return s.End(ctx, timer, store.Fail()) }},
		{"Acquire", func() error { _, err := s.Acquire(ctx, "", hourly("b"), hourly("c")); return err }},
		{"a refused Acquire", func() error { _, err := s.Acquire(ctx, "", hourly("b"), hourly("c")); return err }},
		{"List of a state", func() error {
			_, err := s.List(ctx, store.Query{Site: "gazette", State: "pending"})
			return err
		}},
		{"InState", func() error { _, err := s.InState(ctx, "gazette", "pending"); return err }},
		{"Backlogs", func() error { _, err := s.Backlogs(ctx, "email", "webhook"); return err }},
		{"Counts", func() error {
			_, err := s.Counts(ctx, "gazette", store.ByDay, day("2026-01-01"), day("2026-12-31"))
			return err
		}},
		{"Find", func() error { _, err := s.Find(ctx, key(1)); return err }},
		{"AddAll", func() error {
			one, another := store.Record{Key: key(3), State: "pending"}, store.Record{Key: key(4), State: "confirmed"}
			another.Timer = time.Now().Add(time.Hour)
			_, err := s.AddAll(ctx, one, another)
			return err
		}},
		{"SetNX", func() error { _, err := s.SetNX(ctx, "a", []byte("a"), time.Hour); return err }},
		{"CompareAndSwap", func() error { return s.CompareAndSwap(ctx, "a", []byte("a"), []byte("b"), time.Hour) }},
	}
}

func TestEveryCallIsOneRoundTripOnOneServer(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	for _, call := range workload(t, s) {
		sent := monitor(t, server, func() {
			if err := call.do(); err != nil {
				t.Errorf("%s: %v", call.name, err)
			}
		})
		if len(sent) != 1 {
			t.Errorf("%s sent %d commands: %.60q", call.name, len(sent), sent)
		}
	}
}

// What scripts call has its key as the first argument.
func TestEveryKeyThatAScriptTouchesIsAmongItsKeys(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	touched := 0
	lines := monitorAll(t, server, func() {
		for _, call := range workload(t, s) {
			if err := call.do(); err != nil {
				t.Errorf("%s: %v", call.name, err)
			}
		}
		change := func(c store.Change) {
			err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) { return c, nil })
			if err != nil {
				t.Error(err)
			}
		}
		change(store.Change{Put: &store.Record{State: "confirmed"}})
		change(store.Change{Erase: true})
		change(store.Change{Put: &store.Record{State: "pending", Expires: time.Now().Add(20 * time.Millisecond)}})
		time.Sleep(30 * time.Millisecond)
		age(t, s, server.client())
		if _, err := s.Due(t.Context()); err != nil {
			t.Error(err)
		}
	})
	word := regexp.MustCompile(`"(?:\\.|[^"\\])*"`)
	keys := map[string]bool{}
	for _, line := range lines {
		_, command, _ := strings.Cut(line, "] ")
		words := word.FindAllString(command, -1)
		switch {
		case strings.Contains(line, " lua] "):
			if words[0] == `"TIME"` {
				continue
			}
			if touched++; !keys[words[1]] {
				t.Errorf("a script touches %s by %s, and its keys are %v", words[1], words[0], keys)
			}
		case words[0] == `"evalsha"` || words[0] == `"eval"`:
			clear(keys)
			n, err := strconv.Atoi(strings.Trim(words[2], `"`))
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range words[3 : 3+n] {
				keys[key] = true
			}
		}
	}
	if touched < 150 {
		t.Errorf("scripts touched %d keys", touched)
	}
}

func TestOneCallFindsTheWorkOfAThousandQueues(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	for i := range 1000 {
		due := time.Now().Add(time.Hour)
		if i%100 == 0 {
			due = time.Now()
		}
		queue := store.QueueName(fmt.Sprint("webhook/", i))
		j := store.Job{ID: fmt.Sprint("job-", i), Queue: queue, Due: due}
		put(t, s, key(i%50), &store.Record{State: "pending"}, j)
	}
	sent := monitor(t, server, func() {
		if queues, err := s.Due(t.Context()); err != nil || len(queues) != 10 {
			t.Errorf("due are %v, %v", queues, err)
		}
	})
	if len(sent) != 1 {
		t.Errorf("it sent %d commands: %.60q", len(sent), sent)
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
