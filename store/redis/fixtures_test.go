package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func key(n int) store.Key { return store.Key{Site: "gazette", ID: fmt.Sprintf("record_%015d", n)} }

func email(id string) store.Job { return store.Job{ID: id, Queue: "email"} }

func putting(r *store.Record, jobs ...store.Job) func(store.Record) (store.Change, error) {
	return func(store.Record) (store.Change, error) { return store.Change{Put: r, Enqueue: jobs}, nil }
}

func put(t *testing.T, s *Store, k store.Key, r *store.Record, jobs ...store.Job) {
	t.Helper()
	if err := s.Update(t.Context(), k, putting(r, jobs...)); err != nil {
		t.Fatal(err)
	}
}

func erasing(store.Record) (store.Change, error) { return store.Change{Erase: true}, nil }

// appending adds one byte to the record's data each time it is committed, so it shows if it is committed twice.
func appending(r store.Record) (store.Change, error) {
	return store.Change{Put: &store.Record{State: "pending", Data: append(r.Data[:len(r.Data):len(r.Data)], 'x')}}, nil
}

func leaseOne(t *testing.T, s *Store) store.Job {
	t.Helper()
	jobs, err := s.Lease(t.Context(), "email", 10, time.Minute)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("leased %+v, %v, want one", jobs, err)
	}
	return jobs[0]
}

// day parses a day.
func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}
