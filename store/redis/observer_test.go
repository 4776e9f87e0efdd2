package redis

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestTheObserverIsToldOfRoundTripsAndConflicts(t *testing.T) {
	var trips, conflicts atomic.Int64
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url()), Observer: store.Observer{
		RoundTrip: func(took time.Duration) {
			if took > 0 {
				trips.Add(1)
			}
		},
		Conflict: func() { conflicts.Add(1) },
	}})
	put(t, s, key(1), &store.Record{State: "pending"})
	put(t, s, key(1), &store.Record{State: "confirmed"}) // a known record, and nobody else's change
	if n := conflicts.Load(); n != 0 || trips.Load() == 0 {
		t.Fatalf("%d conflicts in %d round trips", n, trips.Load())
	}
	was, err := s.Find(t.Context(), key(1))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, key(1), &store.Record{State: "withdrawn"})
	before := trips.Load()
	err = s.UpdateFrom(t.Context(), was, func(r store.Record) (store.Change, error) {
		r.State = "pending"
		return store.Change{Put: &r}, nil
	})
	if err != nil || conflicts.Load() != 1 || trips.Load() != before+2 {
		t.Errorf("a change of what somebody else had changed: %v, %d conflicts in %d round trips", err,
			conflicts.Load(), trips.Load()-before)
	}
}
