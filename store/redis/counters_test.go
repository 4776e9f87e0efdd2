package redis

import (
	"testing"

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

func TestTheFirstCountOfADayDropsTheDaysOfThreeYearsBefore(t *testing.T) {
	s := patient(t, Options{Location: at(startServer(t).url())})
	has := func(want ...string) {
		t.Helper()
		got, err := s.Counts(t.Context(), "gazette", "2000-01-01", "2099-12-31")
		if err != nil || len(got) != len(want) {
			t.Fatalf("there are %v, %v, want %v", got, err, want)
		}
		for i, n := range got {
			if n.Day != want[i] || n.Name != "signup" {
				t.Errorf("number %d is %v, want %s", i, n, want[i])
			}
		}
	}
	countOne(t, s, "2026-10-01")
	countOne(t, s, "2026-10-02")
	countOne(t, s, "2029-10-05") // 1100 days after the first
	has("2026-10-01", "2026-10-02", "2029-10-05")
	countOne(t, s, "2029-10-06")
	has("2026-10-02", "2029-10-05", "2029-10-06")
	countOne(t, s, "2029-10-06")
	has("2026-10-02", "2029-10-05", "2029-10-06")
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
