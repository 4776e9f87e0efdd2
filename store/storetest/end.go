package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func endCases() []testCase {
	return []testCase{
		{"CompleteRemovesTheJob", complete},
		{"EndIsWonByExactlyOneOfMany", endOnce},
		{"EndReturnsErrLeaseLostOnceAnotherHasLeasedTheJob", endTooLate},
		{"AnExpiredLeaseThatNobodyTookMayStillBeEnded", endExpired},
		{"RetryMakesTheJobDueThen", retry},
		{"AFailedJobIsNeverLeasedAgain", neverLeased},
		{"UpdateEndsAJobTogetherWithItsRecord", endInUpdate},
		{"UpdateThatEndsALostLeaseCommitsNothing", endLostInUpdate},
		{"AnErasureMayEndAJob", endInErasure},
		{"UpdateEndsNoJobOfAnotherRecord", endForeign},
		{"MoveMakesTheJobDueInAnotherQueue", moveOnce},
		{"AJobMovesOnAndBackAndToItsOwnQueue", moveOn},
		{"UpdateMovesAJobTogetherWithItsRecord", moveInUpdate},
		{"MoveIsWonByExactlyOneOfMany", moveWonOnce},
		{"AMovedJobIsNotEnqueuedAgain", movedEnqueuedOnce},
		{"AMovedJobMayFailAndBeRequeued", movedFails},
		{"EndRefusesOutcomesThatCannotBe", endInvalid},
		{"RetryAndMoveAtTheZeroTimeMakeTheJobDueNow", retryNow},
	}
}

// leasedJob enqueues one email that is due, and leases it.
func leasedJob(t *testing.T, s store.Store, d time.Duration) store.Job {
	t.Helper()
	put(t, s, key(1), pending(), job("a", "email"))
	return leaseOne(t, s, "email", d)
}

func complete(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	j := leasedJob(t, s, 50*time.Millisecond)
	if err := other.End(t.Context(), j, store.Complete()); err != nil {
		t.Fatal(err)
	}
	for _, o := range []store.Outcome{store.Complete(), store.Retry(time.Now()), store.Fail()} {
		want(t, "ending what is complete", s.End(t.Context(), j, o), store.ErrLeaseLost)
	}
	until(t, time.Now().Add(80*time.Millisecond))
	nothingDue(t, s, "email")
	j.ID = "unheard-of"
	want(t, "ending what never was", s.End(t.Context(), j, store.Complete()), store.ErrLeaseLost)
}

func endOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	j := leasedJob(t, clients[0], time.Minute)
	won := make(chan bool, 32)
	atOnce(t, cap(won), func(i int) error {
		err := clients[i%2].End(t.Context(), j, store.Retry(time.Now()))
		won <- err == nil
		if errors.Is(err, store.ErrLeaseLost) {
			return nil
		}
		return err
	})
	wins := 0
	for range cap(won) {
		if <-won {
			wins++
		}
	}
	if wins != 1 {
		t.Errorf("%d ended the same lease, want 1", wins)
	}
}

func endTooLate(t *testing.T, open func(*testing.T) store.Store) {
	slow, quick := open(t), open(t)
	old := leasedJob(t, slow, 30*time.Millisecond)
	j := leaseOne(t, quick, "email", time.Minute)
	if j.Attempts != old.Attempts+1 {
		t.Errorf("the second lease is attempt %d, after %d", j.Attempts, old.Attempts)
	}
	for _, o := range []store.Outcome{store.Complete(), store.Retry(time.Now()), store.Fail()} {
		want(t, "ending too late", slow.End(t.Context(), old, o), store.ErrLeaseLost)
	}
	nothingDue(t, slow, "email")
	if err := quick.End(t.Context(), j, store.Complete()); err != nil {
		t.Errorf("the worker that has the lease ends it: %v", err)
	}
}

func endExpired(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	j := leasedJob(t, s, 20*time.Millisecond)
	until(t, time.Now().Add(80*time.Millisecond))
	if err := s.End(t.Context(), j, store.Complete()); err != nil {
		t.Errorf("ending after the lease: %v", err)
	}
	nothingDue(t, s, "email")
}

func retry(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	j := leasedJob(t, s, time.Minute)
	at := time.Now().Add(200 * time.Millisecond).Truncate(time.Millisecond)
	if err := s.End(t.Context(), j, store.Retry(at)); err != nil {
		t.Fatal(err)
	}
	want(t, "ending what was put back", s.End(t.Context(), j, store.Complete()), store.ErrLeaseLost)
	next := leaseOne(t, other, "email", time.Minute)
	if now := time.Now(); now.Before(at) || next.Attempts != 2 || string(next.Body) != "body of a" ||
		next.Key != key(1) {
		t.Errorf("leased %+v at %v, want attempt 2 not before %v", next, now, at)
	}
	want(t, "ending the old lease", s.End(t.Context(), j, store.Complete()), store.ErrLeaseLost)
	if err := other.End(t.Context(), next, store.Retry(time.Now().Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	if j := leaseOne(t, s, "email", time.Minute); j.Attempts != 3 {
		t.Errorf("leased %+v, want attempt 3", j)
	}
}

func neverLeased(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	j := leasedJob(t, s, 30*time.Millisecond)
	if err := s.End(t.Context(), j, store.Fail()); err != nil {
		t.Fatal(err)
	}
	want(t, "ending a failed job", other.End(t.Context(), j, store.Retry(time.Now())), store.ErrLeaseLost)
	put(t, s, key(1), pending(), job("a", "email")) // enqueued again: it is still that one job
	until(t, time.Now().Add(80*time.Millisecond))
	nothingDue(t, s, "email")
	nothingDue(t, other, "email")
}

// confirmAndEnd confirms the record and ends a job in one change, which also enqueues a webhook.
func confirmAndEnd(t *testing.T, s store.Store, k store.Key, j store.Job, o store.Outcome) error {
	t.Helper()
	return s.Update(t.Context(), k, func(store.Record) (store.Change, error) {
		return store.Change{
			Put:     &store.Record{State: "confirmed"},
			Enqueue: []store.Job{job("hook", "webhook")},
			End:     &store.JobEnd{Job: j, Outcome: o},
		}, nil
	})
}

func endInUpdate(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	j := leasedJob(t, s, time.Minute)
	if err := confirmAndEnd(t, s, key(1), j, store.Retry(time.Now().Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	if r := get(t, s, key(1)); r.State != "confirmed" {
		t.Errorf("the record is %+v", r)
	}
	if hook := leaseOne(t, s, "webhook", time.Minute); hook.ID != "hook" {
		t.Errorf("leased %+v", hook)
	}
	j = leaseOne(t, s, "email", time.Minute)
	if j.Attempts != 2 {
		t.Errorf("leased %+v, want attempt 2", j)
	}
	if err := confirmAndEnd(t, s, key(1), j, store.Complete()); err != nil {
		t.Fatal(err)
	}
	want(t, "ending it again", s.End(t.Context(), j, store.Complete()), store.ErrLeaseLost)
	nothingDue(t, s, "email")
}

func endLostInUpdate(t *testing.T, open func(*testing.T) store.Store) {
	slow, quick := open(t), open(t)
	old := leasedJob(t, slow, 30*time.Millisecond)
	j := leaseOne(t, quick, "email", time.Minute)
	before := get(t, slow, key(1))
	want(
		t, "a change that ends a job too late", confirmAndEnd(t, slow, key(1), old, store.Complete()),
		store.ErrLeaseLost,
	)
	nothingDue(t, slow, "webhook")
	if err := quick.End(t.Context(), j, store.Complete()); err != nil {
		t.Errorf("the worker that has the lease ends it: %v", err)
	}
	want(t, "a change that ends a job twice", confirmAndEnd(t, quick, key(1), j, store.Complete()), store.ErrLeaseLost)
	nothingDue(t, slow, "webhook")
	if after := get(t, quick, key(1)); after.Version != before.Version || after.State != "pending" {
		t.Errorf("the record went from %+v to %+v", before, after)
	}
	erase(t, slow, key(1))
	want(
		t, "a change that would create a record and end a job", confirmAndEnd(t, slow, key(1), j, store.Complete()),
		store.ErrLeaseLost,
	)
	absent(t, slow, key(1))
	nothingDue(t, slow, "webhook")
}

func endInErasure(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	j := leasedJob(t, s, time.Minute)
	erasing := func(store.Record) (store.Change, error) {
		return store.Change{Erase: true, End: &store.JobEnd{Job: j, Outcome: store.Complete()}}, nil
	}
	if err := s.Update(t.Context(), key(1), erasing); err != nil {
		t.Fatal(err)
	}
	absent(t, s, key(1))
	want(t, "the same again", s.Update(t.Context(), key(1), erasing), store.ErrLeaseLost)
}

func endForeign(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	j := leasedJob(t, s, time.Minute)
	want(t, "ending another's job", confirmAndEnd(t, s, key(2), j, store.Complete()), store.ErrInvalid)
	absent(t, s, key(2))
	nothingDue(t, s, "webhook")
	if err := s.End(t.Context(), j, store.Complete()); err != nil {
		t.Errorf("the worker that has the lease ends it: %v", err)
	}
}

const slow = store.QueueName("email/slow")

// move ends a lease: the job waits in another queue.
func move(t *testing.T, s store.Store, j store.Job, to store.QueueName, at time.Time) {
	t.Helper()
	if err := s.End(t.Context(), j, store.Move(to, at)); err != nil {
		t.Fatalf("moving %s from %s to %s: %v", j.ID, j.Queue, to, err)
	}
}

// lostForAll fails unless nothing can be done with a lease.
func lostForAll(t *testing.T, s store.Store, what string, j store.Job) {
	t.Helper()
	now := time.Now()
	for _, o := range []store.Outcome{
		store.Complete(), store.Fail(), store.Retry(now), store.Move(slow, now), store.Move("other", now),
	} {
		want(t, fmt.Sprintf("ending %s by %+v", what, o), s.End(t.Context(), j, o), store.ErrLeaseLost)
	}
	want(t, "renewing "+what, s.RenewLease(t.Context(), j, time.Hour), store.ErrLeaseLost)
}

func moveOnce(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	j := leasedJob(t, s, time.Minute)
	at := time.Now().Add(200 * time.Millisecond).Truncate(time.Millisecond)
	move(t, other, j, slow, at)
	lostForAll(t, s, "what has moved", j)
	next := leaseOne(t, other, slow, time.Minute)
	if now := time.Now(); now.Before(at) || !next.Due.Equal(at) {
		t.Errorf("leased at %v what was due at %v, want %v", now, next.Due, at)
	}
	if next.ID != "a" || next.Queue != slow || next.Attempts != 2 || next.Key != key(1) ||
		string(next.Body) != "body of a" {
		t.Errorf("leased %+v, want the second attempt of a in %s", next, slow)
	}
	nothingDue(t, s, "email")
	lostForAll(t, s, "what another has leased in the other queue", j)
	if err := s.RenewLease(t.Context(), next, time.Minute); err != nil {
		t.Errorf("renewing what moved: %v", err)
	}
	if err := s.End(t.Context(), next, store.Complete()); err != nil {
		t.Errorf("ending what moved: %v", err)
	}
	lostForAll(t, s, "what is complete", next)
	nothingDue(t, s, "email")
	nothingDue(t, s, slow)
}

func moveOn(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	bare, large := store.Job{ID: "bare", Queue: "email"}, job("large", "email")
	large.Body = noise(store.MaxBody)
	bodies := map[string]string{"bare": "", "large": string(large.Body)}
	put(t, clients[0], key(1), pending(), bare)
	put(t, clients[0], key(2), pending(), large)
	past := time.Now().Add(-time.Minute)
	queues := []store.QueueName{"email", slow, "email/slow/2", "email", "email", slow}
	here := queues[0]
	for i, next := range queues[1:] {
		jobs := lease(t, clients[i%2], here, 10, time.Minute)
		if len(jobs) != 2 {
			t.Fatalf("before move %d there are %+v in %s, want two", i, jobs, here)
		}
		for _, j := range jobs {
			if j.Attempts != i+1 || j.Queue != here || string(j.Body) != bodies[j.ID] {
				t.Errorf("before move %d %s of %s has %d bytes, attempts %d", i, j.ID, j.Queue, len(j.Body), j.Attempts)
			}
			move(t, clients[(i+1)%2], j, next, past)
		}
		if here != next {
			nothingDue(t, clients[i%2], here)
		}
		here = next
	}
}

func moveInUpdate(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	old := leasedJob(t, s, 30*time.Millisecond)
	j := leaseOne(t, other, "email", time.Minute)
	past := time.Now().Add(-time.Minute)
	want(
		t, "a change that moves too late", confirmAndEnd(t, s, key(1), old, store.Move(slow, past)),
		store.ErrLeaseLost,
	)
	nothingDue(t, s, slow)
	nothingDue(t, s, "webhook")
	if err := confirmAndEnd(t, s, key(1), j, store.Move(slow, past)); err != nil {
		t.Fatal(err)
	}
	if r := get(t, other, key(1)); r.State != "confirmed" {
		t.Errorf("the record is %+v", r)
	}
	if hook := leaseOne(t, other, "webhook", time.Minute); hook.ID != "hook" {
		t.Errorf("leased %+v", hook)
	}
	want(
		t, "a change that moves what has moved", confirmAndEnd(t, s, key(1), j, store.Move("other", past)),
		store.ErrLeaseLost,
	)
	nothingDue(t, s, "webhook")
	nothingDue(t, s, "email")
	j = leaseOne(t, other, slow, time.Minute)
	if j.Attempts != 3 || string(j.Body) != "body of a" || j.Key != key(1) {
		t.Errorf("leased %+v, want its third attempt", j)
	}
	if err := confirmAndEnd(t, s, key(1), j, store.Complete()); err != nil {
		t.Errorf("ending what moved: %v", err)
	}
	nothingDue(t, s, slow)
}

func moveWonOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	j := leasedJob(t, clients[0], time.Minute)
	queues := []store.QueueName{"email", slow, "other"}
	past := time.Now().Add(-time.Minute)
	var won atomic.Int32
	atOnce(t, 30, func(i int) error {
		err := clients[i%2].End(t.Context(), j, store.Move(queues[i%3], past))
		if err == nil {
			won.Add(1)
		}
		if errors.Is(err, store.ErrLeaseLost) {
			return nil
		}
		return err
	})
	var there []store.Job
	for _, queue := range queues {
		there = append(there, lease(t, clients[0], queue, 10, time.Minute)...)
	}
	if won.Load() != 1 || len(there) != 1 || there[0].Attempts != 2 {
		t.Errorf("%d moved it, and there are %+v, want one in its second attempt", won.Load(), there)
	}
}

func movedEnqueuedOnce(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	past := time.Now().Add(-time.Minute)
	enqueuedOnce := func(when string) {
		t.Helper()
		put(t, other, key(1), pending(), job("a", "email"), job("a", slow), job("b-"+when, "email"))
		if ids := idsOf(lease(t, s, "email", 10, time.Minute)); !slices.Equal(ids, []string{"b-" + when}) {
			t.Errorf("enqueued again while it %s, in its first queue are %v", when, ids)
		}
	}
	move(t, s, leasedJob(t, s, time.Minute), slow, time.Now().Add(200*time.Millisecond))
	enqueuedOnce("waits")
	j := leaseOne(t, s, slow, time.Minute)
	if j.Attempts != 2 {
		t.Errorf("leased %+v, want its second attempt", j)
	}
	enqueuedOnce("is-leased")
	nothingDue(t, s, slow)
	move(t, s, j, "other", past)
	enqueuedOnce("has-moved-on")
	nothingDue(t, s, slow)
	j = leaseOne(t, s, "other", time.Minute)
	if err := s.End(t.Context(), j, store.Fail()); err != nil {
		t.Fatal(err)
	}
	enqueuedOnce("has-failed")
	nothingDue(t, s, slow)
}

func movedFails(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	past := time.Now().Add(-time.Minute)
	move(t, s, leasedJob(t, s, time.Minute), slow, past)
	if err := s.End(t.Context(), leaseOne(t, s, slow, time.Minute), store.Fail()); err != nil {
		t.Fatal(err)
	}
	if ids := idsOf(failed(t, s, "email", "", 9)); len(ids) != 0 {
		t.Errorf("in its first queue the failed are %v", ids)
	}
	if jobs := failed(t, other, slow, "", 9); len(jobs) != 1 || jobs[0].Attempts != 2 ||
		string(jobs[0].Body) != "body of a" || jobs[0].Queue != slow {
		t.Errorf("in the other the failed are %+v", jobs)
	}
	want(t, "requeuing it where it began", other.Requeue(t.Context(), "email", "a", key(1)), store.ErrNotFound)
	if err := other.Requeue(t.Context(), slow, "a", key(1)); err != nil {
		t.Fatal(err)
	}
	nothingDue(t, s, "email")
	j := leaseOne(t, s, slow, time.Minute)
	if j.Attempts != 1 {
		t.Errorf("leased %+v, want its first attempt", j)
	}
	move(t, s, j, "email", past)
	if j := leaseOne(t, s, "email", time.Minute); j.Attempts != 2 || string(j.Body) != "body of a" {
		t.Errorf("leased %+v, want its second attempt", j)
	}
}

func endInvalid(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	j := leasedJob(t, s, time.Minute)
	past := time.Now().Add(-time.Minute)
	for what, o := range map[string]store.Outcome{
		"a colon":             store.Move("email:slow", past),
		"a space":             store.Move("email slow", past),
		"a queue too long":    store.Move(store.QueueName(strings.Repeat("a", 97)), past),
		"no such end":         {End: 4},
		"one before Complete": {End: -1},
		"no queue":            store.Move("", past),
		"a queue not meant":   {End: store.EndComplete, Queue: "*"},
		"a retry elsewhere":   {End: store.EndRetry, At: past, Queue: "other"},
	} {
		want(t, "ending with "+what, s.End(t.Context(), j, o), store.ErrInvalid)
		want(t, "a change that ends with "+what, confirmAndEnd(t, s, key(1), j, o), store.ErrInvalid)
	}
	if r := get(t, s, key(1)); r.State != "pending" {
		t.Errorf("the record is %+v", r)
	}
	nothingDue(t, s, "webhook")
	longest := store.QueueName(strings.Repeat("a", 96))
	move(t, s, j, longest, past)
	leaseOne(t, s, longest, time.Minute)
}

func retryNow(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	j := leasedJob(t, s, time.Minute)
	var zero time.Time
	for _, o := range []store.Outcome{store.Retry(zero), store.Move("email", zero), store.Move(slow, zero)} {
		if err := s.End(t.Context(), j, o); err != nil {
			t.Fatal(err)
		}
		queue := j.Queue
		if o.End == store.EndMove {
			queue = o.Queue
		}
		j = leaseOne(t, other, queue, time.Minute)
		if age := time.Since(j.Due); age > time.Minute || age < -time.Minute {
			t.Errorf("after %+v it was due %v ago, want now", o, age)
		}
	}
}
