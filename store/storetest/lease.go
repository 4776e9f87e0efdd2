package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func leaseCases() []testCase {
	return []testCase{
		{"LeaseTakesTheLongestDueFirst", leaseOldest},
		{"LeaseKeepsQueuesApart", leaseApart},
		{"LeaseTakesNoMoreThanAskedFor", leaseAtMost},
		{"AJobIsNotLeasedBeforeItIsDue", leaseDueLater},
		{"NoTwoWorkersLeaseTheSameJob", leaseExclusive},
		{"AJobIsDueAgainWhenItsLeaseEnds", leaseComesBack},
		{"AJobOutlivesItsRecord", jobOutlives},
		{"ARenewedLeaseLasts", renewedLease},
		{"LeaseRefusesNoJobsAndNoTime", leaseInvalid},
	}
}

func leaseOldest(t *testing.T, open func(*testing.T) store.Store) {
	s, now := open(t), time.Now()
	for _, age := range []int{2, 5, 1, 4, 3} {
		j := job(fmt.Sprintf("age-%d", age), "email")
		j.Due = now.Add(-time.Duration(age) * time.Minute)
		put(t, s, key(1), pending(), j)
	}
	for age := 5; age > 0; age-- {
		if j := leaseOne(t, s, "email", time.Minute); j.ID != fmt.Sprintf("age-%d", age) {
			t.Errorf("leased %s, want age-%d", j.ID, age)
		}
	}
	nothingDue(t, s, "email")
}

func leaseApart(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending(), job("a", "email"), job("b", "webhook/gazette"), job("c", "webhook"))
	nothingDue(t, s, "clock")
	for queue, id := range map[store.QueueName]string{"email": "a", "webhook/gazette": "b", "webhook": "c"} {
		jobs := lease(t, s, queue, 10, time.Minute)
		if len(jobs) != 1 || jobs[0].ID != id || jobs[0].Queue != queue {
			t.Errorf("leased %+v of %s, want %s only", jobs, queue, id)
		}
	}
}

func leaseAtMost(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for i := range 12 {
		put(t, s, key(i), pending(), job(fmt.Sprintf("e%d", i), "email"))
	}
	seen := map[string]bool{}
	eventually(t, "all are leased, five at most at a time", func() bool {
		for _, j := range lease(t, s, "email", 5, time.Minute) {
			if seen[j.ID] {
				t.Fatalf("leased %s twice", j.ID)
			}
			seen[j.ID] = true
		}
		return len(seen) == 12
	})
}

func leaseDueLater(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	j, far := job("soon", "email"), job("far", "email")
	j.Due, far.Due = time.Now().Add(250*time.Millisecond), time.Now().Add(time.Hour)
	put(t, s, key(1), pending(), j, far)
	got := leaseOne(t, s, "email", time.Minute)
	if got.ID != "soon" || time.Now().Before(j.Due.Truncate(time.Millisecond)) {
		t.Errorf("leased %+v at %v", got, time.Now())
	}
	nothingDue(t, s, "email")
}

func leaseExclusive(t *testing.T, open func(*testing.T) store.Store) {
	const records, each = 30, 8
	clients := []store.Store{open(t), open(t)}
	for i := range records {
		var jobs []store.Job
		for j := range each {
			jobs = append(jobs, job(fmt.Sprintf("e%d-%d", i, j), "email"))
		}
		put(t, clients[i%2], key(i), pending(), jobs...)
	}
	var mu sync.Mutex
	leased := map[string]int{}
	atOnce(t, 16, func(i int) error {
		for end := time.Now().Add(patience); time.Now().Before(end); {
			jobs, err := clients[i%2].Lease(t.Context(), "email", 7, time.Minute)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, j := range jobs {
				leased[j.ID]++
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
			t.Errorf("job %s was leased %d times", id, n)
		}
	}
	if len(leased) != records*each {
		t.Errorf("%d jobs were leased, want %d", len(leased), records*each)
	}
}

func leaseComesBack(t *testing.T, open func(*testing.T) store.Store) {
	const d = 250 * time.Millisecond
	first, other := open(t), open(t)
	put(t, first, key(1), pending(), job("a", "email"))
	attempts := 1
	for range 3 {
		before := time.Now()
		j := leaseOne(t, first, "email", d)
		if j.ID != "a" || j.Attempts != attempts {
			t.Fatalf("leased %+v, want attempt %d", j, attempts)
		}
		attempts++
		if jobs := lease(t, other, "email", 1, d); len(jobs) > 0 {
			if time.Since(before) < d {
				t.Fatalf("another client leased %+v meanwhile", jobs)
			}
			attempts++ // this machine is so slow that it was due again
		}
		until(t, before.Add(d))
	}
	if j := leaseOne(t, other, "email", d); j.Attempts != attempts || string(j.Body) != "body of a" || j.Key != key(1) {
		t.Errorf("the other client leased %+v, want attempt %d", j, attempts)
	}
}

func jobOutlives(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending(), job("a", "email"))
	err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
		return store.Change{Erase: true, Enqueue: []store.Job{job("b", "webhook")}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	absent(t, s, key(1))
	for _, queue := range []store.QueueName{"email", "webhook"} {
		j := leaseOne(t, s, queue, time.Minute)
		if j.Key != key(1) {
			t.Errorf("leased %+v", j)
		}
		if err := s.End(t.Context(), j, store.Complete()); err != nil {
			t.Errorf("ending %s: %v", j.ID, err)
		}
	}
}

func renewedLease(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	j := leasedJob(t, s, 400*time.Millisecond)
	begun := time.Now()
	if err := other.RenewLease(t.Context(), j, time.Minute); err != nil {
		t.Fatal(err)
	}
	until(t, begun.Add(500*time.Millisecond))
	nothingDue(t, other, "email")
	if err := s.RenewLease(t.Context(), j, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	again := leaseOne(t, other, "email", time.Minute)
	want(t, "renewing what another has leased", s.RenewLease(t.Context(), j, time.Hour), store.ErrLeaseLost)
	if err := other.End(t.Context(), again, store.Retry(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	want(t, "renewing what was put back", other.RenewLease(t.Context(), again, time.Hour), store.ErrLeaseLost)
	again.ID = "unheard-of"
	want(t, "renewing what never was", s.RenewLease(t.Context(), again, time.Hour), store.ErrLeaseLost)
}

func leaseInvalid(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending(), job("a", "email"))
	for n, d := range map[int]time.Duration{
		0: time.Minute, -1: time.Minute, 1: 0, 2: -time.Minute, 3: time.Millisecond - 1,
	} {
		jobs, err := s.Lease(t.Context(), "email", n, d)
		want(t, fmt.Sprintf("leasing %d jobs for %v", n, d), err, store.ErrInvalid)
		if len(jobs) > 0 {
			t.Errorf("leased %+v", jobs)
		}
	}
	leaseOne(t, s, "email", time.Minute)
}
