package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func leasing() []testCase {
	return []testCase{
		{"WhatIsDueLongestComesFirst", oldestFirst},
		{"KindsDoNotMix", kinds},
		{"NoMoreIsLeasedThanAskedFor", atMost},
		{"WhatIsDueLaterIsHiddenUntilThen", dueLater},
		{"ManyWorkersNeverHoldTheSameEntry", exclusive},
		{"WhatADeadWorkerHeldComesBack", comesBack},
		{"AnEntryOutlivesItsRecord", outlives},
	}
}

func oldestFirst(t *testing.T, open func(*testing.T) store.Store) {
	s, now := open(t), time.Now()
	for _, age := range []int{2, 5, 1, 4, 3} {
		e := entry(fmt.Sprintf("age-%d", age), "letter")
		e.Due = now.Add(-time.Duration(age) * time.Minute)
		put(t, s, key(1), pending(), e)
	}
	for age := 5; age > 0; age-- {
		if e := leaseOne(t, s, "letter", time.Minute); e.ID != fmt.Sprintf("age-%d", age) {
			t.Errorf("leased %s, want age-%d", e.ID, age)
		}
	}
	nothingDue(t, s, "letter")
}

func kinds(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending(), entry("a", "letter"), entry("b", "webhook/gazette"), entry("c", "webhook"))
	nothingDue(t, s, "clock")
	for kind, id := range map[store.QueueName]string{"letter": "a", "webhook/gazette": "b", "webhook": "c"} {
		es := lease(t, s, kind, 10, time.Minute)
		if len(es) != 1 || es[0].ID != id || es[0].Queue != kind {
			t.Errorf("leased %+v of %s, want %s only", es, kind, id)
		}
	}
}

func atMost(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for i := range 12 {
		put(t, s, key(i), pending(), entry(fmt.Sprintf("e%d", i), "letter"))
	}
	seen := map[string]bool{}
	eventually(t, "all are leased, five at most at a time", func() bool {
		for _, e := range lease(t, s, "letter", 5, time.Minute) {
			if seen[e.ID] {
				t.Fatalf("leased %s twice", e.ID)
			}
			seen[e.ID] = true
		}
		return len(seen) == 12
	})
}

func dueLater(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	e, far := entry("soon", "letter"), entry("far", "letter")
	e.Due, far.Due = time.Now().Add(250*time.Millisecond), time.Now().Add(time.Hour)
	put(t, s, key(1), pending(), e, far)
	got := leaseOne(t, s, "letter", time.Minute)
	if got.ID != "soon" || time.Now().Before(e.Due.Truncate(time.Millisecond)) {
		t.Errorf("leased %+v at %v", got, time.Now())
	}
	nothingDue(t, s, "letter")
}

func exclusive(t *testing.T, open func(*testing.T) store.Store) {
	const records, each = 30, 8
	clients := []store.Store{open(t), open(t)}
	for i := range records {
		var owe []store.Job
		for j := range each {
			owe = append(owe, entry(fmt.Sprintf("e%d-%d", i, j), "letter"))
		}
		put(t, clients[i%2], key(i), pending(), owe...)
	}
	var mu sync.Mutex
	leased := map[string]int{}
	atOnce(t, 16, func(i int) error {
		for end := time.Now().Add(patience); time.Now().Before(end); {
			es, err := clients[i%2].Lease(t.Context(), "letter", 7, time.Minute)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, e := range es {
				leased[e.ID]++
			}
			all := len(leased) == records*each
			mu.Unlock()
			if all {
				return nil
			}
		}
		return nil
	})
	for id, n := range leased {
		if n != 1 {
			t.Errorf("entry %s was held %d times", id, n)
		}
	}
	if len(leased) != records*each {
		t.Errorf("%d entries were leased, want %d", len(leased), records*each)
	}
}

func comesBack(t *testing.T, open func(*testing.T) store.Store) {
	const hold = 250 * time.Millisecond
	dead, other := open(t), open(t)
	put(t, dead, key(1), pending(), entry("a", "letter"))
	for tries := 1; tries <= 3; tries++ {
		before := time.Now()
		e := leaseOne(t, dead, "letter", hold)
		if e.ID != "a" || e.Attempts != tries {
			t.Fatalf("leased %+v, want try %d", e, tries)
		}
		if es := lease(t, other, "letter", 1, hold); len(es) > 0 && time.Since(before) < hold {
			t.Fatalf("another client leased %+v while it was held", es)
		}
		until(t, before.Add(hold))
	}
	if e := leaseOne(t, other, "letter", hold); e.Attempts != 4 || string(e.Body) != "body of a" || e.Key != key(1) {
		t.Errorf("the other client leased %+v, want try 4", e)
	}
}

func outlives(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending(), entry("a", "letter"))
	err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
		return store.Change{Erase: true, Enqueue: []store.Job{entry("b", "webhook")}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	absent(t, s, key(1))
	for _, kind := range []store.QueueName{"letter", "webhook"} {
		e := leaseOne(t, s, kind, time.Minute)
		if e.Key != key(1) {
			t.Errorf("leased %+v", e)
		}
		if err := s.End(t.Context(), e, store.Complete()); err != nil {
			t.Errorf("settling %s: %v", e.ID, err)
		}
	}
}
