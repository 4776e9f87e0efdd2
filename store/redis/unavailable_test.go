package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/store"
)

// everyCall returns one call of each method; all of them need the server.
func everyCall(ctx context.Context, s *Store) map[string]func() error {
	j := store.Job{ID: "a", Queue: "email", Key: key(1), Attempts: 1}
	return map[string]func() error{
		"Update":     func() error { return s.Update(ctx, key(1), putting(&store.Record{State: "pending"})) },
		"Find":       func() error { _, err := s.Find(ctx, key(1)); return err },
		"List":       func() error { _, err := s.List(ctx, store.Query{Site: "gazette"}); return err },
		"Lease":      func() error { _, err := s.Lease(ctx, "email", 1, time.Minute); return err },
		"End":        func() error { return s.End(ctx, j, store.Complete()) },
		"Acquire":    func() error { _, err := s.Acquire(ctx, "", hourly("b"), hourly("c")); return err },
		"InState":    func() error { _, err := s.InState(ctx, "gazette", "pending"); return err },
		"Backlogs":   func() error { _, err := s.Backlogs(ctx, "email"); return err },
		"RunNow":     func() error { _, err := s.RunNow(ctx, "email", 9); return err },
		"Get":        func() error { _, err := s.Get(ctx, "name"); return err },
		"RenewLease": func() error { return s.RenewLease(ctx, j, time.Minute) },
		"Counts": func() error {
			_, err := s.Counts(ctx, "gazette", store.ByDay, day("2026-10-01"), day("2026-10-31"))
			return err
		},
		"Failed":         func() error { _, err := s.Failed(ctx, "email", "", 9); return err },
		"Requeue":        func() error { return s.Requeue(ctx, "email", "a", key(1)) },
		"MakeDue":        func() error { return s.MakeDue(ctx, "email", "a", key(1)) },
		"SetNX":          func() error { _, err := s.SetNX(ctx, "name", []byte("a"), time.Hour); return err },
		"CompareAndSwap": func() error { return s.CompareAndSwap(ctx, "name", []byte("a"), []byte("b"), time.Hour) },
		"PutText": func() error {
			return s.PutText(ctx, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", nil)
		},
		"Text":  func() error { _, err := s.Text(ctx, "x"); return err },
		"Ready": func() error { return s.Ready(ctx) },
	}
}

func hourly(name string) store.Bucket {
	return store.Bucket{Name: name, Limits: []store.Limit{{N: 1, Per: time.Hour}}}
}

// refuses makes every call and fails unless each returns ErrUnavailable within a second.
func refuses(t *testing.T, s *Store) {
	t.Helper()
	var all sync.WaitGroup
	for name, call := range everyCall(t.Context(), s) {
		all.Go(func() {
			begin := time.Now()
			err := call()
			if took := time.Since(begin); took > time.Second {
				t.Errorf("%s took %v", name, took)
			}
			if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s gave %v, want ErrUnavailable and no context's error", name, err)
			}
		})
	}
	all.Wait()
}

// blackhole returns the address of a server that accepts connections and never answers.
func blackhole(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestAServerThatIsAwayIsRefusedWithinASecond(t *testing.T) {
	closed := "127.0.0.1:" + childtest.FreePort(t)
	hole := blackhole(t)
	for name, url := range map[string]string{
		"closed": "redis://" + closed, "blackholed": "redis://" + hole,
		"cluster closed": "redis+cluster://" + closed, "cluster blackholed": "redis+cluster://" + hole,
		"sentinel closed":     "redis+sentinel://" + closed + "/main",
		"sentinel blackholed": "redis+sentinel://" + hole + "/main",
		"tls blackholed":      "rediss://" + hole,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, open(t, Options{Location: at(url)}))
		})
	}
}

func TestManyCallersOfOneRecordAreRefusedWithinASecondToo(t *testing.T) {
	s := open(t, Options{Location: at("redis://" + blackhole(t))})
	var all sync.WaitGroup
	begin := time.Now()
	for range 200 {
		all.Go(func() {
			if err := s.Update(t.Context(), key(1), appending); !errors.Is(err, store.ErrUnavailable) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if took := time.Since(begin); took > 1100*time.Millisecond { // 200 goroutines are not started at once
		t.Errorf("the last of them waited %v", took)
	}
}

func TestTheCallersContextEndsACall(t *testing.T) {
	s := open(t, Options{Location: at("redis://" + blackhole(t))})
	for name, call := range everyCall(cancelSoon(t), s) {
		begin := time.Now()
		err := call()
		if !errors.Is(err, context.Canceled) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s gave %v", name, err)
		}
		if took := time.Since(begin); took > 300*time.Millisecond {
			t.Errorf("%s came back %v after it was called, its context ended after 50 ms", name, took)
		}
	}
}

func cancelSoon(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(50*time.Millisecond, cancel)
	t.Cleanup(func() { timer.Stop(); cancel() })
	return ctx
}

func TestAServerThatComesBackIsUsedAgain(t *testing.T) {
	server := startServer(t)
	s := open(t, Options{Location: at(server.url())})
	put(t, s, key(1), &store.Record{State: "pending", Data: []byte("kept")}, email("a"))
	server.kill()
	refuses(t, s)
	server.start()
	begin := time.Now()
	poll(t, "the store is ready again", func() bool { return s.Ready(t.Context()) == nil })
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if r, err := s.Find(t.Context(), key(1)); err != nil || string(r.Data) != "kept" {
		t.Errorf("got %+v, %v", r, err)
	}
	leaseOne(t, s)
}

func TestWhatWasAcknowledgedSurvivesSIGKILL(t *testing.T) {
	server := startServer(t)
	s := open(t, Options{Location: at(server.url())})
	var mu sync.Mutex
	acknowledged := 0
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := w; ; i += 8 {
				err := s.Update(t.Context(), key(i), putting(&store.Record{State: "pending"}, email(key(i).ID)))
				if err != nil {
					return
				}
				mu.Lock()
				if acknowledged++; acknowledged == 500 {
					_ = server.command.Process.Kill()
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	<-server.exited
	server.start()
	poll(t, "the store is ready again", func() bool { return s.Ready(t.Context()) == nil })
	count, records := 0, 0
	for {
		jobs, err := s.Lease(t.Context(), "email", 200, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			if count++; j.ID != j.Key.ID {
				t.Errorf("job %+v", j)
			}
			if _, err := s.Find(t.Context(), j.Key); err == nil {
				records++
			}
		}
		if len(jobs) == 0 {
			break
		}
	}
	if count < acknowledged || records != count {
		t.Errorf("%d acknowledged; %d jobs and %d records came back", acknowledged, count, records)
	}
}

func TestAServerThatDoesNotWriteIsUnavailable(t *testing.T) {
	for word, spoil := range map[string]func(*server){
		"OOM":             func(s *server) { s.set("maxmemory", "1mb") },
		"NOREPLICAS":      func(s *server) { s.set("min-replicas-to-write", "1") },
		"READONLY":        func(s *server) { s.client().ReplicaOf(s.t.Context(), "127.0.0.1", "1") },
		"unauthenticated": func(s *server) { s.set("requirepass", "hunter2") },
	} {
		t.Run(word, func(t *testing.T) {
			server := startServer(t)
			before := open(t, Options{Location: at(server.url())})
			put(t, before, key(1), &store.Record{State: "pending"})
			spoil(server)
			s := open(t, Options{Location: at(server.url())})
			err := s.Update(t.Context(), key(2), putting(&store.Record{State: "pending"}))
			if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), word) {
				t.Errorf("the error is %v, want ErrUnavailable that says %s", err, word)
			}
		})
	}
}

func TestTheWordsOfAServerThatDoesNotAnswerTheNextTimeAreReported(t *testing.T) {
	fake := startFake(t, startServer(t).addr())
	s := open(t, Options{Location: at("redis://" + fake.addr)})
	put(t, s, key(1), &store.Record{State: "pending"})
	asked, ended := 0, make(chan struct{})
	fake.refusing(func([]string) string {
		if asked++; asked == 1 {
			return "READONLY You can't write against a read only replica."
		}
		<-ended
		return ""
	})
	err := s.Update(t.Context(), key(2), putting(&store.Record{State: "pending"}))
	close(ended)
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "READONLY") {
		t.Errorf("the error is %v, want ErrUnavailable that says READONLY", err)
	}
}

func TestAWrongPasswordIsUnavailableAndNotRepeated(t *testing.T) {
	server := startServer(t, "--requirepass", "right")
	s := open(t, Options{Location: at("redis://:hunter2@" + server.addr())})
	_, err := s.Find(t.Context(), key(1))
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "WRONGPASS") ||
		strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error is %v", err)
	}
	right := open(t, Options{Location: at("redis://:right@" + server.addr())})
	if _, err := right.Find(t.Context(), key(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("with the right one: %v", err)
	}
}
