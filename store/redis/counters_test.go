package redis

import (
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func countOne(t *testing.T, s *Store, day string) {
	t.Helper()
	err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
		return store.Change{Put: &store.Record{}, Count: []store.Count{{Day: day, Name: "signup", N: 1}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestADaysCountsExpireAfterThreeYearsAndTheDayWithThem(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	on := shardOf(key(1).ID)
	first, second := on.counts("gazette")+"2026-10-01", on.counts("gazette")+"2026-10-02"
	countOne(t, s, "2026-10-01")
	countOne(t, s, "2026-10-02")
	if left := c.TTL(t.Context(), first).Val(); left < 1099*24*time.Hour || left > 1100*24*time.Hour {
		t.Errorf("the counts live for %v", left)
	}
	c.Expire(t.Context(), first, time.Hour)
	countOne(t, s, "2026-10-01")
	if left := c.TTL(t.Context(), first).Val(); left > time.Hour {
		t.Errorf("counting more made them live for %v", left)
	}
	c.Expire(t.Context(), first, -time.Second)
	got, err := s.Counts(t.Context(), "gazette", "2026-01-01", "2026-12-31")
	if err != nil || len(got) != 1 || got[0].Day != "2026-10-02" {
		t.Errorf("left are %v, %v", got, err)
	}
	if days := c.ZRange(t.Context(), on.days("gazette"), 0, -1).Val(); len(days) != 1 ||
		c.Exists(t.Context(), second).Val() != 1 {
		t.Errorf("the days left are %v", days)
	}
	countOne(t, s, "2026-10-01")
	if got, err := s.Counts(t.Context(), "gazette", "2026-10-01", "2026-10-01"); err != nil || len(got) != 1 ||
		got[0].N != 1 {
		t.Errorf("after it started anew: %v, %v", got, err)
	}
}

func TestACountWhoseReplyIsLostIsCountedOnce(t *testing.T) {
	arm, good := lossy(t)
	one := store.Count{Day: "2026-10-01", Name: "signup", N: 1}
	for want := int64(1); want < 6; want++ {
		err := arm().Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
			c, err := appending(r)
			c.Count = []store.Count{one}
			return c, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := good.Counts(t.Context(), "gazette", one.Day, one.Day); err != nil || len(got) != 1 ||
			got[0].N != want {
			t.Fatalf("after %d changes %v were counted, %v", want, got, err)
		}
	}
}
