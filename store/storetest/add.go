package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func addCases() []testCase {
	return []testCase{
		{"AddAllPutsRecordsWhereThereIsNone", addAll},
		{"AddedRecordsAreListedInOrderAndTheirTimersAreDue", addListed},
		{"WhatWasAddedIsChangedAndErasedLikeAnyRecord", addedLife},
		{"AddAllPutsARecordInThePlaceOfOneThatHasExpired", addOverExpired},
		{"OfTwoThatAddTheSameRecordsOneAddsEach", addAtOnce},
		{"AddAllRefusesWhatIsAgainstTheContract", addInvalid},
	}
}

// keyed returns a record to add.
func keyed(k store.Key, r store.Record) store.Record {
	r.Key = k
	return r
}

// addedTo adds records and compares how many were added.
func addedTo(t *testing.T, s store.Store, want int, all ...store.Record) {
	t.Helper()
	if n, err := s.AddAll(t.Context(), all...); err != nil || n != want {
		t.Fatalf("%d of %d records are added, %v; want %d", n, len(all), err, want)
	}
}

func addAll(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	put(t, s, key(3), &store.Record{State: "confirmed", Created: time.Now(), Data: []byte("there")})
	before := get(t, s, key(3))
	all := []store.Record{keyed(store.Key{Site: "-", ID: key(5).ID}, store.Record{State: "mailbox"})}
	for i := range 10 {
		all = append(all, keyed(key(i), store.Record{
			Version: "forged", State: "pending", Created: time.Now().Add(time.Duration(-i) * time.Hour),
			Expires: time.Now().Add(time.Hour), Timer: time.Now().Add(time.Minute), Data: fmt.Append(nil, "added ", i),
		}))
	}
	addedTo(t, s, 10, all...)
	for i, want := range all[1:] {
		got := get(t, other, key(i))
		if i == 3 {
			if got.Version != before.Version || string(got.Data) != "there" {
				t.Errorf("what was there is %+v, was %+v", got, before)
			}
			continue
		}
		if got.Version == want.Version || got.State != want.State || !bytes.Equal(got.Data, want.Data) ||
			!got.Created.Equal(want.Created.Truncate(time.Millisecond)) ||
			!got.Expires.Equal(want.Expires.Truncate(time.Millisecond)) ||
			!got.Timer.Equal(want.Timer.Truncate(time.Millisecond)) {
			t.Errorf("record %d is %+v, want %+v", i, got, want)
		}
	}
	if m := get(t, other, all[0].Key); m.State != "mailbox" || len(m.Data) != 0 {
		t.Errorf("the record of another site is %+v", m)
	}
	first := get(t, s, key(0)).Version
	addedTo(t, other, 0, all...)
	if again := get(t, s, key(0)); again.Version != first {
		t.Errorf("added again, a record has another version: %+v", again)
	}
	addedTo(t, s, 0)
}

func addListed(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	began := time.Now().Add(-time.Hour)
	numbers := rand.Perm(900)
	states := []string{"confirmed", "declined"}
	var timers []store.Key
	for part := range slices.Chunk(numbers, 130) {
		var all []store.Record
		for _, n := range part {
			r := store.Record{State: states[n%2], Created: began.Add(time.Duration(n/3) * time.Millisecond)}
			if n%50 == 0 {
				r.Timer = time.Now().Add(time.Duration(-n) * time.Millisecond)
				timers = append(timers, key(n))
			}
			all = append(all, keyed(key(n), r))
		}
		addedTo(t, s, len(all), all...)
		put(t, s, key(1000+part[0]), &store.Record{State: "pending", Created: began}) // others come between
	}
	for i, state := range states {
		var got []int
		for q := (store.Query{Site: site, State: state, Limit: 37}); ; {
			page, err := s.List(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Records {
				var n int
				if _, err := fmt.Sscanf(r.Key.ID, "record_%d", &n); err != nil {
					t.Fatal(err)
				}
				got = append(got, n)
			}
			if q.Before = page.Next; q.Before == (store.Cursor{}) {
				break
			}
		}
		var want []int // newest first, and those of one moment by their ids
		for n := 899; n >= 0; n-- {
			if n%2 == i {
				want = append(want, n)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: listed are %d, want %d in their order", state, len(got), len(want))
		}
		if n, err := s.InState(t.Context(), site, state); err != nil || n != len(want) {
			t.Errorf("%s: %d are counted, %v", state, n, err)
		}
	}
	jobs := lease(t, s, store.TimerQueue, 100, time.Minute)
	if len(jobs) != len(timers) {
		t.Errorf("%d timers are due, want %d", len(jobs), len(timers))
	}
}

func addedLife(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	created := time.Now().Add(-time.Minute)
	addedTo(t, s, 2,
		keyed(key(1), store.Record{State: "confirmed", Created: created, Timer: time.Now().Add(time.Hour)}),
		keyed(key(2), store.Record{State: "confirmed", Created: created}))
	put(t, s, key(1), &store.Record{State: "withdrawn", Created: created}, job("of-one", "events"))
	erase(t, s, key(2))
	absent(t, s, key(2))
	page, err := s.List(t.Context(), store.Query{Site: site})
	if err != nil || len(page.Records) != 1 || page.Records[0].State != "withdrawn" {
		t.Errorf("listed are %+v, %v", page.Records, err)
	}
	nothingDue(t, s, store.TimerQueue)
	addedTo(t, s, 1, keyed(key(2), store.Record{State: "confirmed", Created: created, Data: []byte("again")}))
	if r := get(t, s, key(2)); string(r.Data) != "again" {
		t.Errorf("added after it was erased: %+v", r)
	}
}

func addOverExpired(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	soon := time.Now().Add(100 * time.Millisecond)
	put(t, s, key(1), &store.Record{State: "pending", Created: time.Now(), Expires: soon, Data: []byte("former")})
	until(t, soon.Add(50*time.Millisecond))
	addedTo(t, s, 2, keyed(key(1), store.Record{State: "confirmed", Data: []byte("new")}), keyed(key(2), *pending()))
	if r := get(t, s, key(1)); r.State != "confirmed" || string(r.Data) != "new" {
		t.Errorf("the record is %+v", r)
	}
	page, err := s.List(t.Context(), store.Query{Site: site})
	if err != nil || len(page.Records) != 2 {
		t.Errorf("listed are %+v, %v", page.Records, err)
	}
}

func addAtOnce(t *testing.T, open func(*testing.T) store.Store) {
	var all sync.WaitGroup
	var added atomic.Int64
	for range 4 {
		s := open(t)
		all.Go(func() {
			for part := range 5 {
				var some []store.Record
				for i := range 100 {
					some = append(some, keyed(key(100*part+i), *pending()))
				}
				n, err := s.AddAll(t.Context(), some...)
				if err != nil {
					t.Error(err)
				}
				added.Add(int64(n))
			}
		})
	}
	all.Wait()
	if added.Load() != 500 {
		t.Errorf("%d are added, want 500", added.Load())
	}
}

func addInvalid(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	good := keyed(key(1), *pending())
	large := keyed(key(2), store.Record{State: "pending", Data: make([]byte, store.MaxData+1)})
	var many []store.Record
	for i := range store.MaxAdded + 1 {
		many = append(many, keyed(key(i), *pending()))
	}
	for what, all := range map[string][]store.Record{
		"too many":                  many,
		"two under one key":         {good, keyed(key(2), *pending()), keyed(key(1), *pending())},
		"one that is over the size": {good, large},
	} {
		_, err := s.AddAll(t.Context(), all...)
		want(t, what, err, store.ErrInvalid)
		absent(t, s, key(1))
	}
	addedTo(t, s, store.MaxAdded, many[:store.MaxAdded]...)
}
