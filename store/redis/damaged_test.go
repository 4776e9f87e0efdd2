package redis

import (
	"errors"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// TestADamagedValueStopsNothingElse flips each byte of a record, a job, a day's counts and a bucket, and cuts them
// short. All other values stay usable.
func TestADamagedValueStopsNothingElse(t *testing.T) {
	server := startServer(t, "--appendonly", "no") // it is emptied a thousand times
	s := patient(t, Options{Location: at(server.url())})
	redis := server.client()
	soon := time.Now().Add(-time.Second)
	counted := []store.Count{{At: day("2026-11-30"), Name: "signups", N: 1}}
	bucket := store.Bucket{Name: "of all", Limits: []store.Limit{{N: 1000, Per: time.Hour}}}
	take := func() {
		t.Helper()
		if _, err := s.Acquire(t.Context(), "", bucket); err != nil {
			t.Fatal(err)
		}
	}
	add := func(n int) {
		t.Helper()
		err := s.Update(t.Context(), key(n), func(store.Record) (store.Change, error) {
			return store.Change{
				Put:     &store.Record{State: "pending", Created: soon, Timer: soon, Data: []byte("data")},
				Enqueue: []store.Job{email(key(n).ID)}, Count: counted,
			}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	restart := func() {
		t.Helper()
		if err := redis.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		take()
		add(1)
		add(2)
	}
	restart()
	var values []damageable
	for _, k := range redis.Keys(t.Context(), "*").Val() {
		switch redis.Type(t.Context(), k).Val() {
		case "string":
			values = append(values, damageable{k, "", redis.Get(t.Context(), k).Val()})
		case "hash":
			for f, v := range redis.HGetAll(t.Context(), k).Val() {
				values = append(values, damageable{k, f, v})
			}
		}
	}
	if len(values) < 8 {
		t.Fatalf("the server has %q; two records, two jobs, counts, a bucket, and a site twice are expected", values)
	}
	for _, of := range values {
		for _, damaged := range of.damages() {
			restart()
			of.set(t, redis, damaged)
			s.goesOn(t, of, damaged)
			add(3)
			take()
			if due, err := s.Lease(t.Context(), store.TimerQueue, 10, time.Minute); err != nil || len(due) != 1 {
				t.Errorf("%s %q as %q: %d new timers are due, %v", of.key, of.field, damaged, len(due), err)
			}
		}
	}
}

// TestADamagedIndexStopsNothing puts what is no entry among those of each index and timer, and cuts their chunks short.
func TestADamagedIndexStopsNothing(t *testing.T) {
	server := startServer(t, "--appendonly", "no")
	s := patient(t, Options{Location: at(server.url())})
	redis, soon := server.client(), time.Now().Add(-time.Second)
	state := func(n int, state string) {
		t.Helper()
		err := s.Update(t.Context(), key(n), func(store.Record) (store.Change, error) {
			return store.Change{Put: &store.Record{State: state, Created: soon, Timer: soon}}, nil
		})
		if err != nil {
			t.Errorf("record %d, %s: %v", n, state, err)
		}
	}
	sets := []string{"o{0}t", "o{0}igazette/pending", "o{0}igazette/confirmed"}
	for _, set := range sets {
		add := func(m goredis.Z) func(string) error {
			return func(string) error { return redis.ZAdd(t.Context(), set, m).Err() }
		}
		for what, damage := range map[string]func(chunk string) error{
			"what is behind all": add(goredis.Z{Member: "\xfejunk"}),
			"what is before all": add(goredis.Z{Member: "\x00"}),
			"an empty one":       add(goredis.Z{Member: ""}),
			"another score":      add(goredis.Z{Score: 1, Member: "x"}),
			"a chunk cut short": func(chunk string) error {
				cut := add(goredis.Z{Member: chunk[:len(chunk)-3]})
				return errors.Join(redis.ZRem(t.Context(), set, chunk).Err(), cut(""))
			},
		} {
			t.Run(set+" "+what, func(t *testing.T) {
				if err := redis.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				for n := range 30 {
					state(n, []string{"pending", "confirmed"}[n%2])
				}
				if err := damage(redis.ZRange(t.Context(), set, -1, -1).Val()[0]); err != nil {
					t.Fatal(err)
				}
				var all []store.Record
				for n := 30; n < 60; n++ {
					is := []string{"pending", "confirmed"}[n%2]
					if n < 45 {
						state(n, is)
					} else {
						all = append(all, store.Record{Key: key(n), State: is, Created: time.Now(), Timer: time.Now()})
					}
				}
				if n, err := s.AddAll(t.Context(), all...); err != nil || n != 15 {
					t.Errorf("%d are added, %v", n, err)
				}
				state(30, "confirmed")
				page, err := s.List(t.Context(), store.Query{Site: "gazette", Limit: 100})
				if err != nil || len(page.Records) < 59 {
					t.Errorf("%d records are listed, %v", len(page.Records), err)
				}
				if _, err := s.Due(t.Context()); err != nil {
					t.Error(err)
				}
				due, err := s.Lease(t.Context(), store.TimerQueue, 100, time.Minute)
				if err != nil || len(due) < 59 {
					t.Errorf("%d timers are due, %v", len(due), err)
				}
			})
		}
	}
}

// goesOn reads what there is of both records and jobs, and looks that at least one of each is still to be had.
func (s *Store) goesOn(t *testing.T, of damageable, damaged string) {
	t.Helper()
	fail := func(what string, err error) { t.Errorf("%s %q as %q: %s: %v", of.key, of.field, damaged, what, err) }
	page, err := s.List(t.Context(), store.Query{Site: "gazette"})
	if err != nil || len(page.Records) < 1 {
		fail("the list", err)
	}
	if _, err := s.FindAll(t.Context(), key(1), key(2)); err != nil {
		fail("both records", err)
	}
	if _, err := s.Due(t.Context()); err != nil {
		fail("what is due", err)
	}
	if _, err := s.Counts(t.Context(), "gazette", store.ByDay, day("2026-11-01"), day("2026-11-30")); err != nil {
		fail("the counts", err)
	}
	for _, queue := range []store.QueueName{"email", store.TimerQueue} {
		if _, err := s.RunNow(t.Context(), queue, 10); err != nil {
			fail("run now "+string(queue), err)
		}
		jobs, err := s.Lease(t.Context(), queue, 10, time.Minute)
		if err != nil || len(jobs) < 1 {
			fail("a job of "+string(queue), err)
		}
		failed, err := s.Failed(t.Context(), queue, "", 10)
		if err != nil || queue == "email" && len(jobs)+len(failed) != 2 {
			fail("a damaged job among those that failed", err)
		}
		for _, job := range jobs {
			if err := s.End(t.Context(), job, store.Retry(time.Now().Add(time.Hour))); err != nil {
				fail("the end of "+job.ID, err)
			}
		}
	}
	err = s.Update(t.Context(), key(2), func(store.Record) (store.Change, error) {
		return store.Change{Erase: true, DropJobs: true}, nil
	})
	if own, _ := field(key(2)); err != nil && of.field != own {
		fail("an erasure", err)
	}
}

// damageable is a value of the server.
type damageable struct{ key, field, value string }

// damages returns the value with each of its bytes flipped, and cut off behind each.
func (d damageable) damages() (all []string) {
	for i := range len(d.value) {
		flipped := []byte(d.value)
		flipped[i] ^= 0xff
		all = append(all, string(flipped), d.value[:i])
	}
	return all
}

func (d damageable) set(t *testing.T, c *goredis.Client, value string) {
	t.Helper()
	var err error
	if d.field == "" {
		err = c.Set(t.Context(), d.key, value, goredis.KeepTTL).Err()
	} else {
		err = c.HSet(t.Context(), d.key, d.field, value).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}
