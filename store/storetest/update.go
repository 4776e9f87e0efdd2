package storetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func updating() []testCase {
	return []testCase{
		{"UpdateCreatesReadsChangesAndErases", life},
		{"UpdateSeesWhatAnotherClientCommitted", seenByOthers},
		{"WhatACallerPutsInKeyAndVersionIsIgnored", ownKey},
		{"TimesAreKeptToTheMillisecond", milliseconds},
		{"TheZeroChangeCommitsNothing", zeroChange},
		{"VersionsNeverRepeat", versions},
		{"OwingTheSameIDTwiceIsOneEntry", oweTwice},
		{"OwedWorkIsNeverSeenWithoutItsState", oweWithState},
		{"WhatIsOwedCarriesItsKeyAndStartsUntried", oweKeyed},
	}
}

func life(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	absent(t, s, key(1))
	put(t, s, key(1), &store.Record{State: "pending", Created: time.Now(), Data: []byte("one")})
	first := get(t, s, key(1))
	if first.Key != key(1) || !first.Exists() || first.State != "pending" || string(first.Data) != "one" {
		t.Errorf("after creating, the record is %+v", first)
	}
	err := s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		r.State, r.Data = "confirmed", append(bytes.Clone(r.Data), " two"...)
		return store.Change{Put: &r}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	second := get(t, s, key(1))
	if second.State != "confirmed" || string(second.Data) != "one two" || second.Version == first.Version {
		t.Errorf("after changing, the record is %+v, before it was %+v", second, first)
	}
	erase(t, s, key(1))
	absent(t, s, key(1))
	erase(t, s, key(1)) // what is gone may be erased again
}

func seenByOthers(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	for i := range 20 {
		var seen store.Record
		err := clients[i%2].Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
			seen = r
			return store.Change{Put: &store.Record{State: "pending", Data: append(bytes.Clone(r.Data), 'x')}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(seen.Data) != i || seen.Exists() != (i > 0) || seen.Key != key(1) {
			t.Fatalf("turn %d saw %+v, want %d bytes", i, seen, i)
		}
		if now := get(t, clients[(i+1)%2], key(1)); len(now.Data) != i+1 {
			t.Fatalf("after turn %d the other client sees %d bytes", i, len(now.Data))
		}
	}
}

func ownKey(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), &store.Record{Key: key(2), Version: "forged", State: "pending", Created: time.Now()})
	if r := get(t, s, key(1)); r.Key != key(1) || r.Version == "forged" {
		t.Errorf("the record is %+v", r)
	}
	absent(t, s, key(2))
}

func milliseconds(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	created := time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	expires := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	put(t, s, key(1), &store.Record{State: "pending", Created: created, Expires: expires})
	if r := get(t, s, key(1)); !r.Created.Equal(created) || !r.Expires.Equal(expires) {
		t.Errorf("created %v and expires %v, want %v and %v", r.Created, r.Expires, created, expires)
	}
	put(t, s, key(1), &store.Record{State: "pending", Created: created})
	if r := get(t, s, key(1)); !r.Expires.IsZero() {
		t.Errorf("a record that never expires says %v", r.Expires)
	}
}

func zeroChange(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	nothing := func(store.Record) (store.Change, error) { return store.Change{}, nil }
	if err := s.Update(t.Context(), key(1), nothing); err != nil {
		t.Fatal(err)
	}
	absent(t, s, key(1))
	put(t, s, key(1), pending())
	before := get(t, s, key(1))
	if err := s.Update(t.Context(), key(1), nothing); err != nil {
		t.Fatal(err)
	}
	if after := get(t, s, key(1)); after.Version != before.Version {
		t.Errorf("the version went from %q to %q", before.Version, after.Version)
	}
}

func versions(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	seen := map[store.Version]bool{"": true}
	for i := range 60 {
		s, k := clients[i%2], key(i%3)
		put(t, s, k, &store.Record{State: "pending"}) // the very same content each time
		v := get(t, clients[(i+1)%2], k).Version
		if seen[v] {
			t.Fatalf("turn %d: version %q was there before", i, v)
		}
		seen[v] = true
		if i%4 == 0 {
			erase(t, s, k)
		}
	}
}

func oweTwice(t *testing.T, open func(*testing.T) store.Store) {
	s, kind := open(t), store.QueueName("letter")
	put(t, s, key(1), pending(), entry("a", kind), entry("a", kind))
	put(t, s, key(1), pending(), entry("a", kind))
	es := lease(t, s, kind, 10, time.Minute)
	if len(es) != 1 || es[0].ID != "a" {
		t.Fatalf("leased %+v, want the one entry", es)
	}
	put(t, open(t), key(1), pending(), entry("a", kind)) // while it is leased, too
	nothingDue(t, s, kind)
	if err := s.End(t.Context(), es[0], store.Complete()); err != nil {
		t.Errorf("settling: %v", err)
	}
}

func oweWithState(t *testing.T, open func(*testing.T) store.Store) {
	const n = 50
	writer, reader, kind := open(t), open(t), store.QueueName("letter")
	wrote := make(chan error, 1)
	go func() {
		var err error
		for i := range n {
			err = errors.Join(err, writer.Update(t.Context(), key(i), func(store.Record) (store.Change, error) {
				return store.Change{Put: pending(), Enqueue: []store.Job{entry(key(i).ID, kind)}}, nil
			}))
		}
		wrote <- err
	}()
	found := 0
	eventually(t, "all entries are leased", func() bool {
		for _, e := range lease(t, reader, kind, 10, time.Minute) {
			found++
			if r, err := reader.Find(t.Context(), e.Key); err != nil || r.Key.ID != e.ID {
				t.Fatalf("entry %s is owed, but its record is %+v, %v", e.ID, r, err)
			}
		}
		return found == n
	})
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
}

func oweKeyed(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	e := entry("a", "webhook/gazette-1")
	e.Key, e.Attempts, e.Due = key(7), 9, time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	put(t, s, key(1), pending(), e)
	got := leaseOne(t, s, e.Queue, time.Minute)
	if got.Key != key(1) || got.Attempts != 1 || got.ID != e.ID || got.Queue != e.Queue || !bytes.Equal(got.Body, e.Body) {
		t.Errorf("leased %+v, want %+v of %v for the first time", got, e, key(1))
	}
	if !got.Due.Equal(e.Due) {
		t.Errorf("it was due at %v, want %v", got.Due, e.Due)
	}
}
