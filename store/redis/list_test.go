package redis

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// entries counts the entries of a packed set, each of so many bytes.
func entries(t *testing.T, c *goredis.Client, set string, width int) (n int) {
	t.Helper()
	for _, chunk := range c.ZRange(t.Context(), set, 0, -1).Val() {
		if len(chunk)%width != 0 {
			t.Errorf("a chunk of %d bytes", len(chunk))
		}
		n += len(chunk) / width
	}
	return n
}

func indexed(t *testing.T, c *goredis.Client, state string) int {
	return entries(t, c, shardNumber(0).index("gazette", state), entrySize)
}

func TestWhatHasExpiredIsRemovedWhenWorkersAskForWork(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	const n = 250 // more than one call removes
	for i := range n {
		expires := time.Now().Add(time.Second)
		put(t, s, key(i), &store.Record{State: "pending", Created: time.Now(), Expires: expires})
	}
	put(t, s, key(n), &store.Record{State: "pending", Created: time.Now(), Timer: time.Now().Add(2 * time.Second)})
	age(t, s, c)
	poll(t, "the timer is due", func() bool {
		queues, err := s.Due(t.Context())
		return err == nil && len(queues) == 1 && queues[0] == store.TimerQueue
	})
	if records, index := c.HLen(t.Context(), "o{0}r").Val(), indexed(t, c, "pending"); records != 1 || index != 1 {
		t.Errorf("left are %d records, and %d in the index", records, index)
	}
	if jobs, err := s.Lease(t.Context(), store.TimerQueue, 9, time.Minute); err != nil || len(jobs) != 1 {
		t.Errorf("leased %+v, %v", jobs, err)
	}
	if left := entries(t, c, "o{0}t", 25); left != 0 {
		t.Errorf("%d timers and expiries are left", left)
	}
}

func TestAServerThatRefusesWritesIsNotAskedForEverToRemoveWhatHasExpired(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	for i := range 150 {
		put(t, s, key(i), &store.Record{State: "pending", Created: time.Now(), Expires: time.Now().Add(time.Second)})
	}
	age(t, s, c)
	time.Sleep(time.Second)
	if err := c.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err(); err != nil { // as after a partition
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := s.Due(ctx); err != nil {
		t.Errorf("asked for work: %v", err)
	}
}

// age makes all records look as if they had been committed more than ten seconds ago.
func age(t *testing.T, s *Store, c *goredis.Client) {
	t.Helper()
	for f, value := range c.HGetAll(t.Context(), "o{0}r").Val() {
		old := value[:versionSize] + "\x00\x00\x00\x01" + value[countAt:]
		if err := c.HSet(t.Context(), "o{0}r", f, old).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnAttemptIsRecognisedAlthoughItsRecordHasExpired(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	put(t, s, key(1), &store.Record{State: "pending", Expires: time.Now().Add(20 * time.Millisecond)})
	poll(t, "it has expired", func() bool {
		_, err := s.Find(t.Context(), key(1))
		return errors.Is(err, store.ErrNotFound)
	})
	if _, err := s.Due(t.Context()); err != nil || c.HLen(t.Context(), "o{0}r").Val() != 1 {
		t.Errorf("within ten seconds its versions are gone, %v", err)
	}
}

func TestAnIndexFollowsTheState(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	put(t, s, key(1), &store.Record{State: "pending"})
	put(t, s, key(1), &store.Record{State: "confirmed"})
	if p, q := indexed(t, c, "pending"), indexed(t, c, "confirmed"); p != 0 || q != 1 {
		t.Errorf("pending %d, confirmed %d", p, q)
	}
	if err := s.Update(t.Context(), key(1), erasing); err != nil {
		t.Fatal(err)
	}
	if q := indexed(t, c, "confirmed"); q != 0 {
		t.Errorf("after it was erased: %d", q)
	}
}

// Records come and go in any order, so that chunks split, become small and join.
func TestAnIndexOfManyIsWhole(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	const n = 500
	created := func(i int) time.Time { return time.UnixMilli(int64(1_700_000_000_000 + i*7%n/3)) }
	all := func(left int) {
		t.Helper()
		if got := indexed(t, c, "pending"); got != left {
			t.Errorf("the index holds %d, want %d", got, left)
		}
		p, err := s.List(t.Context(), store.Query{Site: "gazette", Limit: 1000})
		if err != nil || len(p.Records) != left {
			t.Fatalf("listed are %d, %v, want %d", len(p.Records), err, left)
		}
		for i := 1; i < left; i++ {
			a, b := p.Records[i-1], p.Records[i]
			if a.Created.Before(b.Created) || a.Created.Equal(b.Created) && a.Key.ID <= b.Key.ID {
				t.Fatalf("%v %s comes before %v %s", a.Created, a.Key.ID, b.Created, b.Key.ID)
			}
		}
	}
	for i := range n {
		put(t, s, key(i), &store.Record{State: "pending", Created: created(i)})
	}
	all(n)
	for i := range n {
		if i%10 != 0 {
			if err := s.Update(t.Context(), key(i*13%n), erasing); err != nil {
				t.Fatal(err)
			}
		}
	}
	all(n / 10)
	if chunks := c.ZCard(t.Context(), shardNumber(0).index("gazette", "pending")).Val(); chunks > n/10/4 {
		t.Errorf("%d records are in %d chunks", n/10, chunks)
	}
}

func TestAListingSeesTheStatesThatOthersBegan(t *testing.T) {
	server := startServer(t)
	s, other := patient(t, Options{Location: at(server.url())}), patient(t, Options{Location: at(server.url())})
	for i := range 4 {
		put(t, other, key(i), &store.Record{State: fmt.Sprint("state-", i)})
		if p, err := s.List(t.Context(), allOf); err != nil || len(p.Records) != i+1 {
			t.Errorf("with %d states there are %d records, %v", i+1, len(p.Records), err)
		}
		if sent := monitor(t, server, func() { _, _ = s.List(t.Context(), allOf) }); len(sent) != 1 {
			t.Errorf("listing again sent %d commands: %.60q", len(sent), sent)
		}
	}
}

var allOf = store.Query{Site: "gazette"}

func TestNothingIsLeftOfACompleteJob(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	put(t, s, key(1), &store.Record{State: "pending"}, store.Job{ID: "a", Queue: "email", Body: []byte("body")})
	if err := s.End(t.Context(), leaseOne(t, s), store.Complete()); err != nil {
		t.Fatal(err)
	}
	put(t, s, key(1), &store.Record{State: "pending"}, store.Job{ID: "b", Queue: "email", Body: []byte("body")})
	j := leaseOne(t, s)
	for _, queue := range []store.QueueName{"slow/email", "email", "slower/email"} {
		if err := s.End(t.Context(), j, store.Move(queue, time.Now().Add(-time.Hour))); err != nil {
			t.Fatal(err)
		}
		jobs, err := s.Lease(t.Context(), queue, 9, time.Minute)
		if err != nil || len(jobs) != 1 {
			t.Fatalf("leased %+v of %s, %v", jobs, queue, err)
		}
		j = jobs[0]
		if keys := c.Keys(t.Context(), "o{0}q*").Val(); len(keys) != 1 {
			t.Errorf("in %s the queues are %q", queue, keys)
		}
	}
	if err := s.End(t.Context(), j, store.Complete()); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"o{0}q*", "o{0}j", "o{0}d", "o{0}f*"} {
		if keys := c.Keys(t.Context(), pattern).Val(); len(keys) != 0 {
			t.Errorf("left are %q", keys)
		}
	}
}

func TestAClockSetBackBringsNoExpiredRecordBack(t *testing.T) {
	server := startServer(t)
	now := time.Now()
	ahead := patient(t, Options{Location: at(server.url()), Now: func() time.Time { return now.Add(2 * time.Hour) }})
	s := patient(t, Options{Location: at(server.url()), Now: func() time.Time { return now }})
	put(t, s, key(1), &store.Record{State: "pending", Expires: now.Add(time.Hour)})
	if _, err := ahead.Find(t.Context(), key(1)); err != store.ErrNotFound {
		t.Errorf("past its end it gave %v", err)
	}
	err := ahead.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		if r.Exists() {
			t.Errorf("Update sees %+v", r)
		}
		return store.Change{Put: &store.Record{State: "pending", Data: []byte("anew")}}, nil
	})
	if r, err2 := s.Find(t.Context(), key(1)); err != nil || err2 != nil || string(r.Data) != "anew" {
		t.Errorf("%v, %+v, %v", err, r, err2)
	}
}
