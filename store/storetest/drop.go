package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func dropCases() []testCase {
	return []testCase{
		{"DropJobsRemovesEveryJobOfTheRecordInWhateverState", dropEvery},
		{"DropJobsLeavesTheTimerAndWhatItsChangeEnqueues", dropKeeps},
		{"DropJobsLeavesTheQueueToKeep", dropKeepsQueue},
		{"DropJobsFindsAFewAmongMany", dropAmongMany},
		{"DropJobsIsInvalidWithoutANewStateOrWithEnd", dropInvalid},
	}
}

// drop commits a change that drops the jobs of a record.
func drop(t *testing.T, s store.Store, k store.Key, c store.Change) {
	t.Helper()
	c.DropJobs = true
	if err := s.Update(t.Context(), k, func(store.Record) (store.Change, error) { return c, nil }); err != nil {
		t.Fatalf("dropping the jobs of %v: %v", k, err)
	}
}

func dropEvery(t *testing.T, open func(t *testing.T) store.Store) {
	s := open(t)
	for n, erase := range []bool{true, false} {
		mine, other := key(10*n), key(10*n+1)
		name := func(what string) string { return fmt.Sprintf("%s-%d", what, n) }
		in := func(what string) store.QueueName { return store.QueueName("drop/" + name(what)) }
		waits := job(name("waits"), in("waits"))
		waits.Due = time.Now().Add(time.Hour)
		put(t, s, mine, pending(), job(name("due"), in("due")), waits, job(name("leased"), in("leased")),
			job(name("moved"), in("moves")))
		put(t, s, other, pending(), job(name("other"), in("due")))
		failJob(t, s, mine, job(name("failed"), in("failed")))
		leased := leaseOne(t, s, in("leased"), time.Minute)
		moves := leaseOne(t, s, in("moves"), time.Minute)
		if err := s.End(t.Context(), moves, store.Move(in("moved"), time.Time{})); err != nil {
			t.Fatal(err)
		}
		change := store.Change{Erase: true}
		if !erase {
			change = store.Change{Put: pending()}
		}
		drop(t, s, mine, change)

		if left := leaseOne(t, s, in("due"), time.Minute); left.Key != other {
			t.Errorf("%+v is left", left)
		}
		for _, what := range []string{"due", "waits", "leased", "moves", "moved", "failed"} {
			nothingDue(t, s, in(what))
			if jobs := failed(t, s, in(what), "", 10); len(jobs) > 0 {
				t.Errorf("failed are %+v", jobs)
			}
		}
		err := s.End(t.Context(), leased, store.Retry(time.Time{}))
		want(t, "ending a job that was dropped", err, store.ErrLeaseLost)
		want(t, "renewing its lease", s.RenewLease(t.Context(), leased, time.Minute), store.ErrLeaseLost)
		want(t, "requeuing one", s.Requeue(t.Context(), in("failed"), name("failed"), mine), store.ErrNotFound)
		if n, err := s.RunNow(t.Context(), in("waits"), 10); n != 0 || err != nil {
			t.Errorf("%d jobs still wait, %v", n, err)
		}
	}
}

func dropKeeps(t *testing.T, open func(t *testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending(), job("before", "drop/a"))
	r := pending()
	r.Timer = time.Now()
	drop(t, s, key(1), store.Change{Put: r, Enqueue: []store.Job{job("with", "drop/a")}})
	if got := leaseOne(t, s, "drop/a", time.Minute); got.ID != "with" {
		t.Errorf("leased %+v", got)
	}
	nothingDue(t, s, "drop/a")
	if timer := leaseOne(t, s, store.TimerQueue, time.Minute); timer.Key != key(1) {
		t.Errorf("the timer is %+v", timer)
	}
	drop(t, s, key(2), store.Change{Put: pending(), Enqueue: []store.Job{job("first", "drop/b")}}) // there is none yet
	if got := leaseOne(t, s, "drop/b", time.Minute); got.ID != "first" {
		t.Errorf("leased %+v", got)
	}
}

func dropKeepsQueue(t *testing.T, open func(t *testing.T) store.Store) {
	s := open(t)
	for n, change := range []store.Change{{Erase: true}, {Put: pending()}} {
		mine := key(n)
		kept, other := store.QueueName(fmt.Sprint("drop/kept-", n)), store.QueueName(fmt.Sprint("drop/other-", n))
		name := func(what string) string { return fmt.Sprint(what, "-", n) }
		put(t, s, mine, pending(), job(name("leased"), kept), job(name("dropped"), other))
		leased := leaseOne(t, s, kept, time.Minute)
		failJob(t, s, mine, job(name("failed"), kept))
		put(t, s, mine, pending(), job(name("due"), kept))
		change.KeepQueue = kept
		drop(t, s, mine, change)

		nothingDue(t, s, other)
		if got := leaseOne(t, s, kept, time.Minute); got.ID != name("due") {
			t.Errorf("leased %+v", got)
		}
		if jobs := failed(t, s, kept, "", 10); len(jobs) != 1 {
			t.Errorf("failed are %+v", jobs)
		}
		want(t, "ending a job that was kept", s.End(t.Context(), leased, store.Complete()), nil)
	}
}

func dropAmongMany(t *testing.T, open func(t *testing.T) store.Store) {
	s := open(t)
	const many = 50
	for n := range many {
		put(t, s, key(n), pending(), job(fmt.Sprintf("many-%d", n), "drop/many"))
	}
	drop(t, s, key(many/2), store.Change{Erase: true})
	left := map[store.Key]bool{}
	eventually(t, "the others are leased", func() bool {
		for _, job := range lease(t, s, "drop/many", many, time.Minute) {
			left[job.Key] = true
		}
		return len(left) >= many-1
	})
	if len(left) != many-1 || left[key(many/2)] {
		t.Errorf("%d are left, the dropped one among them: %t", len(left), left[key(many/2)])
	}
}

func dropInvalid(t *testing.T, open func(t *testing.T) store.Store) {
	s := open(t)
	put(t, s, key(1), pending(), job("a", "drop/a"))
	leased := leaseOne(t, s, "drop/a", time.Minute)
	end := &store.JobEnd{Job: leased, Outcome: store.Complete()}
	for what, c := range map[string]store.Change{
		"without a new state": {DropJobs: true},
		"with an end":         {Put: pending(), DropJobs: true, End: end},
	} {
		err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) { return c, nil })
		want(t, "dropping "+what, err, store.ErrInvalid)
	}
	if err := s.End(t.Context(), leased, store.Complete()); err != nil {
		t.Errorf("the job is gone: %v", err)
	}
}
