package redis

import (
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// members counts the members of an index in all shards.
func members(t *testing.T, c *goredis.Client, q store.Query) (n int64) {
	t.Helper()
	for i := range shards {
		n += c.ZCard(t.Context(), shardNumber(i).index(q)).Val()
	}
	return n
}

var (
	allOf     = store.Query{Site: "gazette"}
	pendingOf = store.Query{Site: "gazette", State: "pending"}
)

func TestListClearsWhatHasExpired(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	put(t, s, key(0), &store.Record{State: "pending", Created: time.Now()})
	for i := range 20 {
		expires := time.Now().Add(300 * time.Millisecond)
		put(t, s, key(1+i), &store.Record{State: "pending", Created: time.Now(), Expires: expires})
	}
	poll(t, "they have expired", func() bool {
		return c.Exists(t.Context(), shardOf(key(20).ID).record(key(20))).Val() == 0
	})
	for _, q := range []store.Query{allOf, pendingOf} {
		if page, err := s.List(t.Context(), q); err != nil || len(page.Records) != 1 || members(t, c, q) != 1 {
			t.Errorf("listed %d records, %v; the index holds %d", len(page.Records), err, members(t, c, q))
		}
	}
}

// Perhaps nobody ever calls List; even then the indexes must not grow with every record that expired.
func TestIndexesDoNotGatherWhatHasExpired(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	const n = 300
	for i := range n {
		expires := time.Now().Add(20 * time.Millisecond)
		put(t, s, key(i), &store.Record{State: "pending", Created: time.Now(), Expires: expires})
	}
	poll(t, "they have expired", func() bool {
		return c.Exists(t.Context(), shardOf(key(n-1).ID).record(key(n-1))).Val() == 0
	})
	for i := range n {
		put(t, s, key(n+i), &store.Record{State: "pending", Created: time.Now()})
	}
	if all, pending := members(t, c, allOf), members(t, c, pendingOf); all > n+10 || pending > n+10 {
		t.Errorf("the indexes hold %d and %d, with %d records", all, pending, n)
	}
}

func TestAnIndexFollowsTheState(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	put(t, s, key(1), &store.Record{State: "pending"})
	put(t, s, key(1), &store.Record{State: "confirmed"})
	confirmed := store.Query{Site: "gazette", State: "confirmed"}
	if p, q, a := members(t, c, pendingOf), members(t, c, confirmed), members(t, c, allOf); p != 0 || q != 1 || a != 1 {
		t.Errorf("pending %d, confirmed %d, all %d", p, q, a)
	}
	if err := s.Update(t.Context(), key(1), erasing); err != nil {
		t.Fatal(err)
	}
	if q, a := members(t, c, confirmed), members(t, c, allOf); q != 0 || a != 0 {
		t.Errorf("after it was erased: confirmed %d, all %d", q, a)
	}
}

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
		if keys := c.Keys(t.Context(), "optin:*email").Val(); len(keys) != 3 { // queue, attempts, bodies
			t.Errorf("in %s the keys are %q", queue, keys)
		}
	}
	if err := s.End(t.Context(), j, store.Complete()); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"optin:*email", "optin:*moved"} {
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
