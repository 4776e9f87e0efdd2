package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// patience is how long the suite waits for what must come by itself.
const patience = 10 * time.Second

// site is where records live unless a testCase is about sites.
const site = "gazette"

// key names the nth record of the site: 22 characters, as a keyed hash would be.
func key(n int) store.Key { return keyAt(site, n) }

func keyAt(site string, n int) store.Key {
	return store.Key{Site: site, ID: fmt.Sprintf("record_%015d", n)}
}

// entry is something owed at once.
func entry(id string, kind store.QueueName) store.Job {
	return store.Job{ID: id, Queue: kind, Body: []byte("body of " + id)}
}

// pending is a plain state to put; created now, for ever.
func pending() *store.Record {
	return &store.Record{State: "pending", Created: time.Now(), Data: []byte("sealed")}
}

// put commits a state and what is owed with it.
func put(t *testing.T, s store.Store, k store.Key, r *store.Record, owe ...store.Job) {
	t.Helper()
	err := s.Update(t.Context(), k, func(store.Record) (store.Change, error) {
		return store.Change{Put: r, Enqueue: owe}, nil
	})
	if err != nil {
		t.Fatalf("putting %v: %v", k, err)
	}
}

// erase removes a record.
func erase(t *testing.T, s store.Store, k store.Key) {
	t.Helper()
	err := s.Update(t.Context(), k, func(store.Record) (store.Change, error) { return store.Change{Erase: true}, nil })
	if err != nil {
		t.Fatalf("erasing %v: %v", k, err)
	}
}

// get reads a record that must be there.
func get(t *testing.T, s store.Store, k store.Key) store.Record {
	t.Helper()
	r, err := s.Find(t.Context(), k)
	if err != nil {
		t.Fatalf("getting %v: %v", k, err)
	}
	return r
}

// absent fails unless there is no record.
func absent(t *testing.T, s store.Store, k store.Key) {
	t.Helper()
	if r, err := s.Find(t.Context(), k); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("getting %v gave %+v and %v, want ErrNotFound", k, r, err)
	}
}

// lease takes what is due.
func lease(t *testing.T, s store.Store, kind store.QueueName, n int, hold time.Duration) []store.Job {
	t.Helper()
	es, err := s.Lease(t.Context(), kind, n, hold)
	if err != nil {
		t.Fatalf("leasing %s: %v", kind, err)
	}
	if len(es) > n {
		t.Fatalf("leased %d entries of %s, asked for at most %d", len(es), kind, n)
	}
	return es
}

// leaseOne takes exactly one entry, waiting until it is due.
func leaseOne(t *testing.T, s store.Store, kind store.QueueName, hold time.Duration) store.Job {
	t.Helper()
	var es []store.Job
	eventually(t, "an entry of "+string(kind)+" is leased", func() bool {
		es = lease(t, s, kind, 1, hold)
		return len(es) == 1
	})
	return es[0]
}

// nothingDue fails if an entry of the kind can be leased.
func nothingDue(t *testing.T, s store.Store, kind store.QueueName) {
	t.Helper()
	if es := lease(t, s, kind, 10, time.Minute); len(es) > 0 {
		t.Errorf("leased %+v, want nothing of %s", es, kind)
	}
}

// want fails unless err is the target.
func want(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s gave the error %v, want %v", what, err, target)
	}
}

// eventually polls until done, and fails when patience is over.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain until %s", patience, what)
		}
		<-tick.C
	}
}

// until lets the clock pass a moment.
func until(t *testing.T, moment time.Time) {
	t.Helper()
	eventually(t, moment.String(), func() bool { return time.Now().After(moment) })
}
