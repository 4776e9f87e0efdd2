package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func failedCases() []testCase {
	return []testCase{
		{"FailedListsJobsInTheOrderInWhichTheyFailed", failedInOrder},
		{"PagesOfFailedAreWholeAndInOrder", failedByPage},
		{"FailedKeepsQueuesApart", failedApart},
		{"RequeueMakesAFailedJobDueAsIfNeverTried", requeue},
		{"RequeueReturnsErrNotFoundUnlessTheJobHasFailed", requeueOnlyFailed},
		{"RequeueIsWonByExactlyOneOfMany", requeueOnce},
		{"ALeaseFromBeforeTheFailureIsLostAfterRequeue", requeueLosesLease},
		{"AFailedJobOutlivesItsRecord", failedOutlives},
	}
}

// failJob enqueues a job of a record, leases it, and makes it fail.
func failJob(t *testing.T, s store.Store, k store.Key, j store.Job) store.Job {
	t.Helper()
	put(t, s, k, pending(), j)
	got := leaseOne(t, s, j.Queue, time.Minute)
	if err := s.End(t.Context(), got, store.Fail()); err != nil {
		t.Fatalf("failing %s: %v", got.ID, err)
	}
	return got
}

// failJobs makes n jobs fail, each of a record of its own, and returns their IDs in the order in which they failed.
func failJobs(t *testing.T, s store.Store, queue store.QueueName, n int) (ids []string) {
	t.Helper()
	for i := range n {
		at := i * 7 % n // so that neither IDs nor records are in the order of failure
		ids = append(ids, fmt.Sprintf("failed-%03d", at))
		failJob(t, s, key(at), job(ids[i], queue))
	}
	return ids
}

func failed(t *testing.T, s store.Store, queue store.QueueName, after string, n int) []store.Job {
	t.Helper()
	jobs, err := s.Failed(t.Context(), queue, after, n)
	if err != nil {
		t.Fatalf("listing the failed jobs of %s: %v", queue, err)
	}
	if len(jobs) > n {
		t.Fatalf("listed %d, asked for at most %d", len(jobs), n)
	}
	return jobs
}

func idsOf(jobs []store.Job) (ids []string) {
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	return ids
}

func failedInOrder(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	if jobs := failed(t, s, "email", "", 10); len(jobs) != 0 {
		t.Errorf("before anything failed there are %+v", jobs)
	}
	large := job("large", "email")
	large.Body = noise(store.MaxBody)
	bare := store.Job{ID: "bare", Queue: "email"}
	slowest := job("slowest", "email")
	put(t, s, key(1), pending(), slowest)
	j := leaseOne(t, s, "email", time.Minute)
	if err := s.End(t.Context(), j, store.Retry(time.Now().Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	j = leaseOne(t, s, "email", time.Minute)
	failJob(t, s, keyAt("other", 2), large)
	failJob(t, s, key(3), bare)
	if err := s.End(t.Context(), j, store.Fail()); err != nil {
		t.Fatal(err)
	}
	jobs := failed(t, open(t), "email", "", 10)
	if ids := idsOf(jobs); !slices.Equal(ids, []string{"large", "bare", "slowest"}) {
		t.Fatalf("they failed in the order %v", ids)
	}
	for i, was := range []store.Job{large, bare, slowest} {
		k, attempts := []store.Key{keyAt("other", 2), key(3), key(1)}[i], []int{1, 1, 2}[i]
		if jobs[i].Queue != "email" || jobs[i].Key != k || string(jobs[i].Body) != string(was.Body) ||
			jobs[i].Attempts != attempts {
			t.Errorf(
				"%s is %s of %v with %d bytes, attempts %d", was.ID, jobs[i].Queue, jobs[i].Key, len(jobs[i].Body),
				jobs[i].Attempts,
			)
		}
	}
}

func failedByPage(t *testing.T, open func(*testing.T) store.Store) {
	s, n := open(t), 60
	ids := failJobs(t, s, "email", n)
	for _, size := range []int{1, 7, n - 1, n, n + 1, 1000} {
		var all []string
		for after := ""; ; {
			jobs := failed(t, s, "email", after, size)
			if len(jobs) == 0 {
				break
			}
			if all = append(all, idsOf(jobs)...); len(all) > n {
				break
			}
			if len(jobs) < size && len(all) < n {
				t.Errorf("a page of %d holds %d, and there are more", size, len(jobs))
			}
			after = all[len(all)-1]
		}
		if !slices.Equal(all, ids) {
			t.Errorf("by %d: %v\nwant %v", size, all, ids)
		}
	}
	if err := s.Requeue(t.Context(), "email", ids[4], key(4*7%n)); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{ids[4], "unheard-of"} { // the listing starts from the beginning
		if got := idsOf(failed(t, s, "email", id, 2)); !slices.Equal(got, ids[:2]) {
			t.Errorf("after %s come %v, want %v", id, got, ids[:2])
		}
	}
	if got := idsOf(failed(t, s, "email", ids[3], 2)); !slices.Equal(got, ids[5:7]) {
		t.Errorf("after %s come %v, want %v", ids[3], got, ids[5:7])
	}
}

func failedApart(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	failJob(t, s, key(1), job("a", "webhook"))
	failJob(t, s, key(1), job("b", "webhook/gazette-1"))
	put(t, s, key(1), pending(), job("c", "webhook"), job("d", "webhook"))
	leaseOne(t, s, "webhook", time.Minute) // neither what is due nor what is leased has failed
	for queue, id := range map[store.QueueName]string{"webhook": "a", "webhook/gazette-1": "b"} {
		if ids := idsOf(failed(t, s, queue, "", 10)); !slices.Equal(ids, []string{id}) {
			t.Errorf("of %s there are %v, want %s", queue, ids, id)
		}
	}
	if ids := idsOf(failed(t, s, "web", "", 10)); len(ids) != 0 {
		t.Errorf("of web there are %v", ids)
	}
	want(
		t, "listing none", func() error { _, err := s.Failed(t.Context(), "webhook", "", 0); return err }(),
		store.ErrInvalid,
	)
}

func requeue(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	j := job("a", "email")
	j.Due = time.Now().Add(-time.Hour)
	failJob(t, s, key(1), j)
	for round := range 2 { // and it may fail again
		if err := other.Requeue(t.Context(), "email", "a", key(1)); err != nil {
			t.Fatal(err)
		}
		if jobs := failed(t, s, "email", "", 10); len(jobs) != 0 {
			t.Errorf("requeued jobs are still listed: %+v", jobs)
		}
		put(t, s, key(1), pending(), job("a", "email")) // enqueued again: it is still that one job
		got := leaseOne(t, s, "email", time.Minute)
		if got.Attempts != 1 || got.Key != key(1) || string(got.Body) != "body of a" {
			t.Errorf("round %d: leased %+v, want its first attempt", round, got)
		}
		if age := time.Since(got.Due); age > time.Minute || age < -time.Minute {
			t.Errorf("round %d: it was due %v ago, want now", round, age)
		}
		nothingDue(t, other, "email")
		if err := s.End(t.Context(), got, store.Retry(time.Now().Add(-time.Minute))); err != nil {
			t.Fatal(err)
		}
		if got = leaseOne(t, s, "email", time.Minute); got.Attempts != 2 {
			t.Errorf("round %d: leased %+v, want its second attempt", round, got)
		}
		if err := s.End(t.Context(), got, store.Fail()); err != nil {
			t.Fatal(err)
		}
	}
}

func requeueOnlyFailed(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	refused := func(what string, queue store.QueueName, id string, k store.Key) {
		t.Helper()
		want(t, "requeuing "+what, s.Requeue(t.Context(), queue, id, k), store.ErrNotFound)
	}
	refused("what never was", "email", "a", key(1))
	later := job("a", "email")
	later.Due = time.Now().Add(time.Hour)
	put(t, s, key(1), pending(), later)
	refused("what is due later", "email", "a", key(1))
	nothingDue(t, s, "email")
	put(t, s, key(1), pending(), job("b", "email"))
	refused("what is due", "email", "b", key(1))
	b := leaseOne(t, s, "email", time.Minute)
	refused("what is leased", "email", "b", key(1))
	nothingDue(t, s, "email")
	if err := s.End(t.Context(), b, store.Complete()); err != nil {
		t.Errorf("the worker that has the lease ends it: %v", err)
	}
	refused("what is complete", "email", "b", key(1))
	failJob(t, s, key(1), job("c", "email"))
	refused("another queue's", "webhook", "c", key(1))
	refused("another record's", "email", "c", key(2))
	refused("another site's", "email", "c", keyAt("other", 1))
	refused("another's", "email", "cc", key(1))
	nothingDue(t, s, "email")
	if ids := idsOf(failed(t, s, "email", "", 10)); !slices.Equal(ids, []string{"c"}) {
		t.Errorf("failed are %v, want c", ids)
	}
}

func requeueOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	failJob(t, clients[0], key(1), job("a", "email"))
	var won atomic.Int32
	atOnce(t, 40, func(i int) error {
		err := clients[i%2].Requeue(t.Context(), "email", "a", key(1))
		if err == nil {
			won.Add(1)
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if won.Load() != 1 {
		t.Errorf("%d requeued it, want 1", won.Load())
	}
	leaseOne(t, clients[0], "email", time.Minute)
	nothingDue(t, clients[1], "email")
}

func requeueLosesLease(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	old := failJob(t, s, key(1), job("a", "email"))
	if err := s.Requeue(t.Context(), "email", "a", key(1)); err != nil {
		t.Fatal(err)
	}
	for _, o := range []store.Outcome{store.Complete(), store.Retry(time.Now()), store.Fail()} {
		want(t, "ending what was requeued", s.End(t.Context(), old, o), store.ErrLeaseLost)
	}
	want(t, "renewing what was requeued", s.RenewLease(t.Context(), old, time.Hour), store.ErrLeaseLost)
	leaseOne(t, s, "email", time.Minute)
}

func failedOutlives(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	failJob(t, s, key(1), job("a", "email"))
	erase(t, s, key(1))
	if ids := idsOf(failed(t, s, "email", "", 10)); !slices.Equal(ids, []string{"a"}) {
		t.Errorf("failed are %v, want a", ids)
	}
	if err := s.Requeue(t.Context(), "email", "a", key(1)); err != nil {
		t.Errorf("requeuing: %v", err)
	}
	if j := leaseOne(t, s, "email", time.Minute); j.Key != key(1) || string(j.Body) != "body of a" {
		t.Errorf("leased %+v", j)
	}
	absent(t, s, key(1))
}
