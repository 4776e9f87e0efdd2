package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// enqueueLater enqueues n emails of a record that are due in an hour, a few at a time.
func enqueueLater(t *testing.T, s *Store, k store.Key, n int) {
	t.Helper()
	for at := 0; at < n; at += 200 {
		var jobs []store.Job
		for i := at; i < min(n, at+200); i++ {
			id, due := fmt.Sprintf("%s-%d", k.ID, i), time.Now().Add(time.Hour)
			jobs = append(jobs, store.Job{ID: id, Queue: "email", Due: due})
		}
		put(t, s, k, &store.Record{State: "pending"}, jobs...)
	}
}

func TestARunNowWhoseReplyIsLostIsDoneAndCountedOnce(t *testing.T) {
	arm, good := lossy(t)
	enqueueLater(t, good, key(1), 20)
	for want := 7; want <= 14; want += 7 {
		done, _, err := arm().runNowIn(t.Context(), "email", map[shard]int{shardNumber(0): 7})
		if err != nil || done != 7 {
			t.Errorf("RunNow made %d due, %v", done, err)
		}
		if jobs, err := good.Lease(t.Context(), "email", 99, time.Minute); err != nil || len(jobs) != 7 {
			t.Errorf("due are %d, %v", len(jobs), err)
		}
	}
	if done, err := arm().RunNow(t.Context(), "email", 99); err != nil || done != 6 {
		t.Errorf("RunNow made %d due, %v", done, err)
	}
}

func TestWhatIsRememberedOfARunNowExpires(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	enqueueLater(t, s, key(1), 2)
	if n, err := s.RunNow(t.Context(), "email", 1); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	marks := c.Keys(t.Context(), "o{0}m*").Val()
	if len(marks) != 1 {
		t.Fatalf("remembered is %q", marks)
	}
	if left := c.TTL(t.Context(), marks[0]).Val(); left <= 0 || left > 10*time.Second {
		t.Errorf("it is remembered for %v", left)
	}
}

func TestRunNowOfAllIsDoneInSmallScripts(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	const n = 1300
	enqueueLater(t, s, key(1), n)
	largest, scripts := 0, 0
	sent := monitor(t, server, func() {
		if done, err := s.RunNow(t.Context(), "email", 1_000_000_000); err != nil || done != n {
			t.Errorf("RunNow made %d due, %v", done, err)
		}
	})
	for _, command := range sent {
		words := strings.Fields(command)
		asked, err := strconv.Atoi(strings.Trim(words[len(words)-2], `"`))
		if err != nil {
			t.Fatalf("sent %q", command)
		}
		if largest = max(largest, asked); strings.Contains(command, runNowScript.sha) {
			scripts++
		}
	}
	if largest > runNowBatch || scripts != n/runNowBatch {
		t.Errorf("%d scripts made jobs due, and the largest was for %d", scripts, largest)
	}
}

// busy is a random source that does something each time it is read.
type busy func()

func (b busy) Read(p []byte) (int, error) {
	b()
	return rand.Read(p)
}

func TestWhatIsPutBackMeanwhileDoesNotMakeRunNowGoOnForEver(t *testing.T) {
	server := startServer(t)
	worker := patient(t, Options{Location: at(server.url())})
	const n = 2*runNowBatch + 100
	enqueueLater(t, worker, key(1), n)
	s := patient(t, Options{Location: at(server.url()), Random: busy(func() { // between a look and what follows it
		jobs, err := worker.Lease(t.Context(), "email", n, time.Minute)
		if err != nil {
			t.Error(err)
		}
		var commands []command
		for _, j := range jobs {
			later := store.Retry(time.Now().Add(2 * time.Hour))
			commands = append(commands, endCommand(shardNumber(0), store.JobEnd{Job: j, Outcome: later}))
		}
		if len(commands) > 0 {
			if _, err := worker.do(t.Context(), 1, commands...); err != nil {
				t.Error(err)
			}
		}
	})})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if done, err := s.RunNow(ctx, "email", 1_000_000_000); err != nil || done != n {
		t.Errorf("RunNow made %d of %d due, %v", done, n, err)
	}
	jobs, err := worker.Lease(t.Context(), "email", n, time.Minute)
	if err != nil || len(jobs) == 0 {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if j.Attempts != 1 {
			t.Errorf("leased %+v, though others waited for longer", j)
		}
	}
}
