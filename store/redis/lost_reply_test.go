package redis

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/store"
)

// lossy returns a store whose next script runs while its reply is lost, and one with a good connection.
func lossy(t *testing.T) (arm func() *Store, good *Store) {
	t.Helper()
	server := startServer(t)
	good = patient(t, Options{Location: at(server.url())})
	p := startProxy(t, server.addr())
	bad := patient(t, Options{Location: at("redis://" + p.addr)})
	t.Cleanup(func() {
		if !t.Failed() && p.lost.Load() == 0 {
			t.Error("no reply was lost: the test shows nothing")
		}
	})
	return func() *Store { p.lose.Store(1); return bad }, good
}

func TestAChangeWhoseReplyIsLostIsMadeOnce(t *testing.T) {
	arm, good := lossy(t)
	put(t, arm(), key(1), &store.Record{State: "pending", Data: []byte("x")}, email("first"))
	for want := 2; want < 10; want++ {
		if err := arm().Update(t.Context(), key(1), appending); err != nil {
			t.Fatal(err)
		}
		if r, err := good.Find(t.Context(), key(1)); err != nil || len(r.Data) != want {
			t.Fatalf("after %d changes: %d bytes, %v", want, len(r.Data), err)
		}
	}
	if j := leaseOne(t, good); j.ID != "first" {
		t.Errorf("leased %+v", j)
	}
}

func TestRecordsWhoseReplyIsLostAreAddedOnce(t *testing.T) {
	arm, good := lossy(t)
	put(t, good, key(2), &store.Record{State: "pending", Data: []byte("there")})
	var all []store.Record
	for n := range 5 {
		all = append(all, store.Record{Key: key(n), State: "confirmed"})
	}
	if n, err := arm().AddAll(t.Context(), all...); err != nil || n != 4 {
		t.Errorf("%d are added, %v", n, err)
	}
	page, err := good.List(t.Context(), store.Query{Site: key(0).Site})
	if err != nil || len(page.Records) != 5 {
		t.Errorf("listed are %+v, %v", page.Records, err)
	}
}

func TestAnErasureWhoseReplyIsLostIsMadeOnce(t *testing.T) {
	arm, good := lossy(t)
	put(t, good, key(1), &store.Record{State: "pending"})
	runs := 0
	err := arm().Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		if runs++; !r.Exists() {
			return store.Change{}, store.ErrNotFound
		}
		return store.Change{Erase: true, Enqueue: []store.Job{email("goodbye")}}, nil
	})
	if err != nil || runs != 2 { // on a supposed record, on the real one
		t.Errorf("%d runs, %v", runs, err)
	}
	if j := leaseOne(t, good); j.ID != "goodbye" {
		t.Errorf("leased %+v", j)
	}
}

// attempt sends a command once, as a repetition or not.
func (s *connection) attempt(ctx context.Context, c command, repeated bool) (reply, error) {
	out, err := s.roundTrip(ctx, &request{
		commands: []command{c}, repeated: repeated, body: true, began: time.Now(),
	})
	if err != nil {
		return reply{}, err
	}
	return out[0], nil
}

func TestAChangeThatExpiresBeforeItIsRepeatedIsMadeOnce(t *testing.T) {
	s := patient(t, Options{Location: at(startServer(t).url())})
	brief := &store.Record{State: "pending", Expires: time.Now().Add(time.Second)}
	change := s.commitCommand(
		key(1), stored{}, store.Change{Put: brief, Enqueue: []store.Job{email("once")}},
		changeLimits{jobs: []jobReserve{{reserved: "0"}}}, "version1", nil,
	)
	for want := 1; want >= 0; want-- { // jobs enqueued by the attempt, then by its repetition
		if out, err := s.attempt(t.Context(), change, want == 0); err != nil || out.value != "done" {
			t.Fatalf("%v, %v", out, err)
		}
		jobs, err := s.Lease(t.Context(), "email", 10, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			if err := s.End(t.Context(), j, store.Complete()); err != nil {
				t.Fatal(err)
			}
		}
		poll(t, "the record has expired", func() bool {
			_, err := s.Find(t.Context(), key(1))
			return errors.Is(err, store.ErrNotFound)
		})
		if len(jobs) != want {
			t.Errorf("leased %+v, want %d", jobs, want)
		}
	}
}

func TestAChangeIsRecognisedBehindLaterOnes(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	ctx := t.Context()
	first := s.commitCommand(
		key(1), stored{}, store.Change{Put: &store.Record{State: "pending"}}, changeLimits{}, "version1", nil,
	)
	if _, err := s.doOne(ctx, first); err != nil {
		t.Fatal(err)
	}
	repeat := func(when string) {
		t.Helper()
		if out, err := s.attempt(ctx, first, true); err != nil || out.value != "done" {
			t.Errorf("%s: %v, %v", when, out, err)
		}
	}
	repeat("at once")
	for range 5 {
		if err := s.Update(ctx, key(1), appending); err != nil {
			t.Fatal(err)
		}
	}
	repeat("behind five changes")
	if err := s.Update(ctx, key(1), erasing); err != nil {
		t.Fatal(err)
	}
	repeat("behind an erasure")
	if _, err := s.Find(ctx, key(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the repetition brought the record back: %v", err)
	}
	put(t, s, key(1), &store.Record{State: "pending"})
	repeat("behind a new record")
}

func TestAnEndWhoseReplyIsLostIsNotReportedLost(t *testing.T) {
	for name, o := range map[string]store.Outcome{
		"complete": store.Complete(), "retry": store.Retry(time.Now().Add(time.Hour)), "fail": store.Fail(),
		"move": store.Move("email/slow", time.Now().Add(time.Hour)),
	} {
		t.Run(name, func(t *testing.T) {
			arm, good := lossy(t)
			put(t, good, key(1), &store.Record{State: "pending"}, email("a"))
			j := leaseOne(t, good)
			if err := arm().End(t.Context(), j, o); err != nil {
				t.Error(err)
			}
			if err := good.End(t.Context(), j, o); !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("the second End gave %v", err)
			}
			later := store.Job{ID: "a", Queue: "email", Key: key(1), Attempts: 9}
			if err := arm().End(t.Context(), later, store.Retry(time.Now())); !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("the End of another's lease gave %v, reply lost or not", err)
			}
		})
	}
}

func TestAnAcquireWhoseReplyIsLostTakesOne(t *testing.T) {
	arm, good := lossy(t)
	buckets := []store.Bucket{
		{Name: "a", Limits: []store.Limit{{N: 3, Per: time.Hour}}},
		{Name: "b", Limits: []store.Limit{{N: 4, Per: time.Hour}}},
	}
	for _, taker := range []string{"email-1", "", ""} {
		if waits, err := arm().Acquire(t.Context(), taker, buckets...); waits != nil || err != nil {
			t.Fatalf("waits %v, %v", waits, err)
		}
	}
	if waits, err := good.Acquire(t.Context(), "", buckets...); err != nil || len(waits) != 2 || waits[0] == 0 ||
		waits[1] != 0 {
		t.Errorf("waits %v, %v after three of three and three of four", waits, err)
	}
}

// The client of a Cluster repeats commands by itself, whatever MaxRetries says, unless each is marked.
func TestTheClusterClientRepeatsNothingByItself(t *testing.T) {
	t.Parallel()
	port := childtest.FreePort(t)
	p := startProxy(t, "127.0.0.1:"+port)
	_, announced, _ := net.SplitHostPort(p.addr)
	server := &server{t: t, port: port, dir: t.TempDir(), args: []string{
		"--cluster-enabled", "yes", "--cluster-port", childtest.FreePort(t), "--cluster-announce-port", announced,
	}}
	childtest.Need(t, "redis-server")
	t.Cleanup(server.kill)
	server.start()
	if err := server.client().Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	waitForCluster(t, server)
	s := patient(t, Options{Location: at("redis+cluster://" + p.addr)})
	put(t, s, key(1), &store.Record{State: "pending"}, email("a"))
	j := leaseOne(t, s)

	p.lose.Store(1)
	if err := s.End(t.Context(), j, store.Complete()); err != nil {
		t.Errorf("an End whose reply was lost: %v", err)
	}
	p.lose.Store(1)
	before := p.lost.Load()
	var acquires []command
	for _, name := range []string{"b", "c"} { // two, so that they go as a pipeline
		b := s.bucket(store.Bucket{Name: name, Limits: []store.Limit{{N: 9, Per: time.Second}}}, 0)
		acquires = append(acquires, command{
			script: acquireScript, keys: []string{b.key}, args: []string{"mark", "0", "1", b.spec},
		})
	}
	replies, err := s.do(t.Context(), 1, acquires...)
	if err != nil || replies[0].err == nil || replies[1].err == nil || p.lost.Load() != before+1 {
		t.Errorf("sent once and lost: %+v, %v, %d lost", replies, err, p.lost.Load()-before)
	}
	for _, c := range acquires {
		if n := server.client().StrLen(t.Context(), c.keys[0]).Val(); n != 12 {
			t.Errorf("%q holds %d bytes, want one entry", c.keys[0], n)
		}
	}
}
