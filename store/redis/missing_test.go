package redis

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// Somebody deletes a key. The next change may make it anew, without what was in it.
func TestAKeyThatWasDeletedIsMissed(t *testing.T) {
	on, soon := shardNumber(0), time.Now().Add(time.Hour)
	change := func(t *testing.T, s *Store, n int, state string) {
		t.Helper()
		// refused where what it leaves is missing, or not: both are right
		r := &store.Record{State: state, Created: time.Now(), Expires: soon}
		_ = s.Update(t.Context(), key(n), putting(r, email(key(n).ID)))
	}
	for name, row := range map[string]struct {
		key    string
		healed func(t *testing.T, s *Store) // what makes the key anew before anybody looks; nil: nothing does
	}{
		"an index": {on.index("gazette", "confirmed"), nil},
		"an index that is added": {on.index("gazette", "confirmed"), func(t *testing.T, s *Store) {
			change(t, s, 9, "confirmed")
		}},
		"an index that is left": {on.index("gazette", "confirmed"), func(t *testing.T, s *Store) {
			change(t, s, 1, "withdrawn")
		}},
		"the timers":           {on.timers(), nil},
		"the jobs":             {on.jobs(), nil},
		"what is due":          {on.due(), nil},
		"a queue":              {on.queue("email"), nil},
		"the numbers of sites": {on.sites(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t)
			s := patient(t, Options{Location: at(server.url())})
			if err := s.SetMark(t.Context(), nil, []byte("mark")); err != nil {
				t.Fatal(err)
			}
			for n := range 3 {
				change(t, s, n, []string{"confirmed", "confirmed", "pending"}[n])
			}
			if err := s.Ready(t.Context()); err != nil {
				t.Fatalf("before: %v", err)
			}
			if n := server.client().Del(t.Context(), row.key).Val(); n != 1 {
				t.Fatalf("there is no %s", row.key)
			}
			if row.healed != nil {
				row.healed(t, s)
			}
			missed := func(when string, s *Store) {
				t.Helper()
				u := new(store.UnsafeError)
				if err := s.Ready(t.Context()); !errors.As(err, &u) || !u.Incomplete || u.Have != "missing" ||
					!strings.Contains(u.Setting, row.key) {
					t.Errorf("%s: %v", when, err)
				}
			}
			missed("at the next look", s)
			change(t, s, 5, "pending")
			change(t, s, 6, "confirmed")
			missed("after a change", s)
			other := patient(t, Options{Location: at(server.url())})
			missed("for a process that starts", other)
			missed("for one that only looks", patient(t, Options{Location: at(server.url()), ReadOnly: true}))

			accepting := patient(t, Options{Location: at(server.url()), Accept: true})
			if err := accepting.Ready(t.Context()); err != nil {
				t.Errorf("accepted: %v", err)
			}
			if err := errors.Join(s.Ready(t.Context()), other.Ready(t.Context())); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// Which states there are is put back by a process that knows them.
func TestTheStatesOfASiteThatWereDeletedArePutBack(t *testing.T) {
	server, states := startServer(t), shardNumber(0).states("gazette")
	s := patient(t, Options{Location: at(server.url())})
	if err := s.SetMark(t.Context(), nil, []byte("mark")); err != nil {
		t.Fatal(err)
	}
	for n, state := range []string{"pending", "confirmed"} {
		put(t, s, key(n), &store.Record{State: state, Created: time.Now(), Timer: time.Now().Add(time.Hour)})
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.client().Del(t.Context(), states)
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	page, err := patient(t, Options{Location: at(server.url())}).List(t.Context(), store.Query{Site: "gazette"})
	if err != nil || len(page.Records) != 2 {
		t.Errorf("the list has %d, %v", len(page.Records), err)
	}
}

// What is empty is not missing.
func TestAnIndexThatBecomesEmptyIsNotMissed(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	if err := s.SetMark(t.Context(), nil, []byte("mark")); err != nil {
		t.Fatal(err)
	}
	states := []string{"pending", "confirmed", "withdrawn"}
	for round := range 12 {
		for n := range 2 {
			put(t, s, key(n), &store.Record{
				State: states[(round+n)%3], Created: time.Now(), Timer: time.Now().Add(time.Hour),
			}, email(key(n).ID+states[round%3]))
		}
		if round == 5 {
			for n := range 2 {
				if err := s.Update(t.Context(), key(n), erasing); err != nil {
					t.Fatal(err)
				}
			}
		}
		jobs, err := s.Lease(t.Context(), "email", 10, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range jobs {
			if err := s.End(t.Context(), job, store.Complete()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}
