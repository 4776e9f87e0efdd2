package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func key(n int) store.Key { return store.Key{Site: "gazette", ID: fmt.Sprintf("record_%015d", n)} }

func letter(id string) store.Job { return store.Job{ID: id, Queue: "letter"} }

func putting(r *store.Record, owe ...store.Job) func(store.Record) (store.Change, error) {
	return func(store.Record) (store.Change, error) { return store.Change{Put: r, Enqueue: owe}, nil }
}

func put(t *testing.T, s *Store, k store.Key, r *store.Record, owe ...store.Job) {
	t.Helper()
	if err := s.Update(t.Context(), k, putting(r, owe...)); err != nil {
		t.Fatal(err)
	}
}

func erasing(store.Record) (store.Change, error) { return store.Change{Erase: true}, nil }

// appending adds a letter to the record's data each time it is committed: an act that does show when it is done twice.
func appending(r store.Record) (store.Change, error) {
	return store.Change{Put: &store.Record{State: "pending", Data: append(r.Data[:len(r.Data):len(r.Data)], 'x')}}, nil
}

func leaseOne(t *testing.T, s *Store) store.Job {
	t.Helper()
	es, err := s.Lease(t.Context(), "letter", 10, time.Minute)
	if err != nil || len(es) != 1 {
		t.Fatalf("leased %+v, %v, want one", es, err)
	}
	return es[0]
}
