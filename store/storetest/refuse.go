package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/optin/optin/store"
)

func refusing() []testCase {
	return []testCase{
		{"AnErrorOfTheActComesBackAsItIs", errorAsItIs},
		{"AnErrorCountsOnlyOnTheRecordAsItIs", errorOnReal},
		{"APanicOfTheActCommitsNothing", panicking},
		{"AChangeAgainstTheContractIsRefused", invalid},
	}
}

func errorAsItIs(t *testing.T, open func(*testing.T) store.Store) {
	s, mine := open(t), errors.New("no")
	for _, exists := range []bool{false, true} {
		var last store.Record
		err := s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
			last = r
			c := store.Change{Put: &store.Record{State: "wrong"}, Enqueue: []store.Job{entry("a", "letter")}}
			return c, mine
		})
		if err != mine { // the same value, not only one that wraps it
			t.Errorf("the error is %v, want the very error of the act", err)
		}
		if last.Exists() != exists || last.Key != key(1) {
			t.Errorf("the last run saw %+v, want one that exists: %v", last, exists)
		}
		nothingDue(t, s, "letter")
		if !exists {
			absent(t, s, key(1))
			put(t, s, key(1), pending())
		} else if r := get(t, s, key(1)); r.State != "pending" {
			t.Errorf("the record is %+v", r)
		}
	}
}

func errorOnReal(t *testing.T, open func(*testing.T) store.Store) {
	s, missing := open(t), errors.New("there is none")
	put(t, s, key(1), pending())
	err := open(t).Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		if !r.Exists() {
			return store.Change{}, missing
		}
		r.State = "confirmed"
		return store.Change{Put: &r}, nil
	})
	if err != nil {
		t.Fatalf("an act that wants a record failed with %v, though there is one", err)
	}
	if r := get(t, s, key(1)); r.State != "confirmed" {
		t.Errorf("the record is %+v", r)
	}
	err = s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		if !r.Exists() {
			return store.Change{}, nil
		}
		return store.Change{}, missing
	})
	want(t, "an act that refuses the record that is there", err, missing)
}

func panicking(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending())
	func() {
		defer func() {
			if p := recover(); p != "ouch" {
				t.Errorf("recovered %v, want the panic of the act", p)
			}
		}()
		_ = s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) { panic("ouch") })
	}()
	if r := get(t, s, key(1)); r.State != "pending" {
		t.Errorf("the record is %+v", r)
	}
	put(t, s, key(1), &store.Record{State: "confirmed"})
	put(t, open(t), key(2), pending())
}

func invalid(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending())
	owing := func(e store.Job) store.Change {
		return store.Change{Put: &store.Record{State: "wrong"}, Enqueue: []store.Job{entry("good", "letter"), e}}
	}
	tallying := func(day, name string) store.Change {
		good := store.Count{Day: "2026-10-01", Name: "good", N: 1}
		return store.Change{Put: &store.Record{State: "wrong"}, Count: []store.Count{good, {Day: day, Name: name, N: 1}}}
	}
	refused := map[string]store.Change{
		"puts and erases":       {Put: pending(), Erase: true},
		"owes without a state":  {Enqueue: []store.Job{entry("a", "letter")}},
		"settles without":       {End: &store.JobEnd{Job: entry("a", "letter")}},
		"counts without":        {Count: []store.Count{{Day: "2026-10-01", Name: "signup", N: 1}}},
		"a count of nothing":    tallying("2026-10-01", ""),
		"a count with a colon":  tallying("2026-10-01", "sign:up"),
		"a name too long":       tallying("2026-10-01", strings.Repeat("a", 97)),
		"a count on no day":     tallying("", "signup"),
		"a count on a moment":   tallying("2026-10-01T00:00:00Z", "signup"),
		"a day that never is":   tallying("2026-02-30", "signup"),
		"a record too large":    {Put: &store.Record{State: "wrong", Data: make([]byte, store.MaxData+1)}},
		"an entry too large":    owing(store.Job{ID: "a", Queue: "letter", Body: make([]byte, store.MaxBody+1)}),
		"an entry without id":   owing(store.Job{Queue: "letter"}),
		"an id too long":        owing(store.Job{ID: strings.Repeat("a", 65), Queue: "letter"}),
		"an id with a space":    owing(store.Job{ID: "a b", Queue: "letter"}),
		"an entry without kind": owing(store.Job{ID: "a"}),
		"a kind with a colon":   owing(store.Job{ID: "a", Queue: "let:ter"}),
	}
	for name, c := range refused {
		for _, k := range []store.Key{key(1), key(2)} {
			err := s.Update(t.Context(), k, func(store.Record) (store.Change, error) { return c, nil })
			want(t, name, err, store.ErrInvalid)
		}
	}
	if r := get(t, s, key(1)); r.State != "pending" {
		t.Errorf("the record is %+v", r)
	}
	absent(t, s, key(2))
	nothingDue(t, s, "letter")
	tallied(t, s, site, "2026-10-01", "2026-10-01")
}
