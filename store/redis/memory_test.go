package redis

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// maxPending is how many bytes of the server's memory one pending subscription may take, all keys counted: the record
// with 400 bytes of sealed data, its place in the index, its timer and expiry, and the mailbox's bucket.
const maxPending = 780

func TestAPendingSubscriptionIsSmall(t *testing.T) {
	t.Parallel()
	const n = 20_000
	server := startServer(t, "--appendfsync", "no")
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	used := func() (n int) {
		for line := range strings.Lines(c.Info(t.Context(), "memory").Val()) {
			_, _ = fmt.Sscanf(line, "used_memory:%d", &n)
		}
		return n
	}
	signUpAndSend(t, s, 0, 500) // what the server needs once, such as for its scripts, is no subscription's
	before := used()
	signUpAndSend(t, s, 500, n)
	each := float64(used()-before) / n
	t.Logf("%.1f bytes for each of %d", each, n)
	if each > maxPending {
		t.Errorf("a pending subscription takes %.1f bytes, at most %d may be", each, maxPending)
	}
}

// signUpAndSend signs up n people from the given number on, 16 at a time, and completes the jobs of their emails.
func signUpAndSend(t *testing.T, s *Store, from, n int) {
	t.Helper()
	var all sync.WaitGroup
	for w := range 16 {
		all.Go(func() {
			for i := from + w; i < from+n; i += 16 {
				if err := s.Update(t.Context(), key(i), signup(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for ended := 0; ended < n && !t.Failed(); {
		jobs, err := s.Lease(t.Context(), "email", 100, time.Minute)
		if err != nil || len(jobs) == 0 || !jobs[0].Reserved {
			t.Fatalf("after %d: leased %d, %v", ended, len(jobs), err)
		}
		var commands []command
		for _, j := range jobs {
			commands = append(commands, endCommand(shardNumber(0), store.JobEnd{Job: j, Outcome: store.Complete()}))
		}
		if _, err := s.do(t.Context(), 1, commands...); err != nil {
			t.Fatal(err)
		}
		ended += len(jobs)
	}
}

// signup returns a change as a signup makes it: a sealed record, a job that reserves, counts, and four limits.
func signup(i int) func(store.Record) (store.Change, error) {
	minute, hour := time.Minute, time.Hour
	now := time.Now()
	name := func(of string, n int) string { return fmt.Sprintf("%s/%022d", of, n) }
	return func(store.Record) (store.Change, error) {
		return store.Change{
			Put: &store.Record{
				State: "pending", Created: now, Timer: now.Add(24 * hour), Expires: now.Add(30 * 24 * hour),
				Data: make([]byte, 400),
			},
			Enqueue: []store.Job{{
				ID: fmt.Sprintf("job_%018d", i), Queue: "email", Body: make([]byte, 60),
				Reserve: []store.Bucket{{
					Name: name("mailbox", i), Tag: "gazette",
					Limits: []store.Limit{{N: 3, Per: 24 * hour, Tagged: true}, {N: 5, Per: 24 * hour}},
				}},
			}},
			Count: []store.Count{
				{At: day("2026-11-30"), Name: "signup", N: 1},
				{At: day("2026-11-30"), Name: "signup", By: "form", Of: "newsletter", N: 1},
				{At: day("2026-11-30"), Name: "email", N: 1},
			},
			Acquire: &store.Acquisition{Taker: fmt.Sprintf("signup_%015d", i), Buckets: []store.Bucket{
				{Name: name("ip", i/9%100), Limits: []store.Limit{{N: 100, Per: minute / 600}}},
				{Name: name("network", i/90%100), Limits: []store.Limit{{N: 10000, Per: minute}}},
				{Name: "emails/gazette", Limits: []store.Limit{{N: 1_000_000, Per: hour}}},
				{Name: "emails", Limits: []store.Limit{{N: 5_000_000, Per: hour}}},
			}},
		}, nil
	}
}
