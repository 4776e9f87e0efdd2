package redis

import (
	"errors"
	"testing"

	"github.com/optin/optin/store"
)

// Between FLUSHALL and the next look at the mark nothing new is acknowledged: it would be in a store that somebody is
// going to restore, or to begin anew.
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
			if n := server.client().DBSize(t.Context()).Val(); n != 0 {
				t.Errorf("%d keys are there", n)
			}
			if err := errors.Join(s.SetMark(t.Context(), nil, []byte("anew")), update(3)); err != nil {
				t.Errorf("it begins anew: %v", err)
			}
			if err := server.client().FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
