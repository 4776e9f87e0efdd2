package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// patience is how long the suite waits for something that must happen.
const patience = 10 * time.Second

// site is the site of all records, unless a case is about sites.
const site = "gazette"

// key returns the key of the nth record of the site: 22 characters, as a keyed hash has.
func key(n int) store.Key { return keyAt(site, n) }

func keyAt(site string, n int) store.Key {
	return store.Key{Site: site, ID: fmt.Sprintf("record_%015d", n)}
}

// job returns a job that is due at once.
func job(id string, queue store.QueueName) store.Job {
	return store.Job{ID: id, Queue: queue, Body: []byte("body of " + id)}
}

// pending returns a plain record to put, created now and never expiring.
func pending() *store.Record {
	return &store.Record{State: "pending", Created: time.Now(), Data: []byte("sealed")}
}

// put commits a state and enqueues jobs with it.
func put(t *testing.T, s store.Store, k store.Key, r *store.Record, jobs ...store.Job) {
	t.Helper()
	err := s.Update(t.Context(), k, func(store.Record) (store.Change, error) {
		return store.Change{Put: r, Enqueue: jobs}, nil
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

// lease leases what is due.
func lease(t *testing.T, s store.Store, queue store.QueueName, n int, d time.Duration) []store.Job {
	t.Helper()
	jobs, err := s.Lease(t.Context(), queue, n, d)
	if err != nil {
		t.Fatalf("leasing %s: %v", queue, err)
	}
	if len(jobs) > n {
		t.Fatalf("leased %d jobs of %s, asked for at most %d", len(jobs), queue, n)
	}
	return jobs
}

// leaseOne leases exactly one job, waiting until it is due.
func leaseOne(t *testing.T, s store.Store, queue store.QueueName, d time.Duration) store.Job {
	t.Helper()
	var jobs []store.Job
	eventually(t, "a job of "+string(queue)+" is leased", func() bool {
		jobs = lease(t, s, queue, 1, d)
		return len(jobs) == 1
	})
	return jobs[0]
}

// nothingDue fails if a job of the queue can be leased.
func nothingDue(t *testing.T, s store.Store, queue store.QueueName) {
	t.Helper()
	if jobs := lease(t, s, queue, 10, time.Minute); len(jobs) > 0 {
		t.Errorf("leased %+v, want nothing of %s", jobs, queue)
	}
}

// want fails unless err is the target.
func want(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s gave the error %v, want %v", what, err, target)
	}
}

// eventually polls until done, and fails after patience.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v it is not so that %s", patience, what)
		}
		<-tick.C
	}
}

// until waits for a moment to pass.
func until(t *testing.T, moment time.Time) {
	t.Helper()
	eventually(t, moment.String(), func() bool { return time.Now().After(moment) })
}
