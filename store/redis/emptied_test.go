package redis

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// Between FLUSHALL and the next look at the mark nothing new is acknowledged: it would be in a store that somebody is
// going to restore, or to begin anew. Nor is anybody unknown there.
func TestAnEmptiedStoreTakesNothing(t *testing.T) {
	server := startServer(t)
	for name, marked := range map[string]func(s *Store) error{
		"a process that set the mark": func(s *Store) error { return s.SetMark(t.Context(), nil, []byte("mark")) },
		"one that has seen it": func(s *Store) error {
			other := patient(t, Options{Location: at(server.url())})
			if err := other.SetMark(t.Context(), nil, []byte("mark")); err != nil {
				return err
			}
			_, _, err := s.Mark(t.Context())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := patient(t, Options{Location: at(server.url())})
			update := func(n int) error {
				return s.Update(t.Context(), key(n), putting(&store.Record{State: "pending"}, email(key(n).ID)))
			}
			if err := update(1); err != nil { // before anybody has marked it
				t.Fatal(err)
			}
			if err := errors.Join(marked(s), update(2)); err != nil {
				t.Fatal(err)
			}
			if err := server.client().FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{2, 3} {
				if err := update(n); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("record %d: %v", n, err)
				}
			}
			_, err := s.AddAll(t.Context(), store.Record{Key: key(4), State: "confirmed"})
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("a record is added: %v", err)
			}
			for name, read := range reads(t, s) {
				if err := read(); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if n := server.client().DBSize(t.Context()).Val(); n != 0 {
				t.Errorf("%d keys are there", n)
			}
			if err := errors.Join(s.SetMark(t.Context(), nil, []byte("anew")), update(3)); err != nil {
				t.Errorf("it begins anew: %v", err)
			}
			for name, read := range reads(t, s) {
				if err := read(); errors.Is(err, store.ErrUnavailable) {
					t.Errorf("begun anew, %s: %v", name, err)
				}
			}
			if err := server.client().FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The key of all records can be lost alone: a server that evicts chooses what was not used for longest, and the mark of
// the store is looked at each second.
func TestRecordsThatAreGoneAreMissedAsTheMarkIs(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	put(t, s, key(1), &store.Record{State: "confirmed", Data: []byte("consent")})
	if err := s.SetMark(t.Context(), nil, []byte("mark")); err != nil {
		t.Fatal(err)
	}
	if err := server.client().Del(t.Context(), shardNumber(0).records()).Err(); err != nil {
		t.Fatal(err)
	}
	for name, read := range reads(t, s) {
		if err := read(); name != "counts" && !errors.Is(err, store.ErrUnavailable) { // they count nothing else
			t.Errorf("%s: %v", name, err)
		}
	}
	if mark, _, err := s.Mark(t.Context()); mark != nil || err != nil {
		t.Errorf("the mark is %q, %v", mark, err)
	}
	err := s.Update(t.Context(), key(2), putting(&store.Record{State: "pending"}))
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a signup: %v", err)
	}
}

// reads are what finds nothing in an empty store.
func reads(t *testing.T, s *Store) map[string]func() error {
	ctx := t.Context()
	return map[string]func() error{
		"find":           func() error { _, err := s.Find(ctx, key(1)); return err },
		"find all":       func() error { _, err := s.FindAll(ctx, key(1), key(2)); return err },
		"list":           func() error { _, err := s.List(ctx, store.Query{Site: "gazette"}); return err },
		"count in state": func() error { _, err := s.InState(ctx, "gazette", "pending"); return err },
		"text":           func() error { _, err := s.Text(ctx, strings.Repeat("0", 64)); return err },
		"counts": func() error {
			_, err := s.Counts(ctx, "gazette", store.ByDay, time.Now(), time.Now())
			return err
		},
	}
}
