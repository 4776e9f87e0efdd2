package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// day parses a day.
func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

// TestOldCountsAreDroppedAsNewOnesCome counts something once an hour for more than as long as hours are kept.
func TestOldCountsAreDroppedAsNewOnesCome(t *testing.T) {
	s, start := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")}), day("2026-10-01")
	const hours = 40 * 24
	for i := range hours {
		at := start.Add(time.Duration(i) * time.Hour)
		key := store.Key{Site: "gazette", ID: "AAAAAAAAAAAAAAAAAAAAAA"}
		err := s.Update(t.Context(), key, func(store.Record) (store.Change, error) {
			return store.Change{Put: &store.Record{}, Count: []store.Count{
				{At: at, Name: "signup", N: 1}, {At: at, Name: "signup", By: "form", Of: "a", N: 1},
			}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for by, want := range map[store.CountPeriod]int{
		store.ByDay: 2 * 40, store.ByHour: 35*24 + 1, store.ByMinute: 6 + 1,
	} {
		all, err := s.Counts(t.Context(), "gazette", by, start, start.AddDate(1, 0, 0))
		if err != nil || len(all) != want {
			t.Errorf("by period %d there are %d counts, %v, want %d", by, len(all), err, want)
		}
	}
}
