package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func timerCases() []testCase {
	return []testCase{
		{"ATimerIsAJobOfItsRecord", timerIsAJob},
		{"PutReplacesOrRemovesTheTimer", timerReplaced},
		{"TheTimerIsPartOfTheRecord", timerInRecord},
		{"AnErasureRemovesTheTimer", timerErased},
		{"ALeasedTimerIsHiddenAndDueAgainAfterItsLease", timerComesBack},
		{"PutEndsTheLeaseOfATimer", timerPutEndsLease},
		{"CompleteAndRenewLeaseLeaveATimerLeased", timerLeftLeased},
		{"RetryMakesATimerDueThen", timerRetry},
		{"FailRemovesTheTimer", timerFail},
		{"TheTimerOfAnExpiredRecordIsGone", timerExpired},
		{"EachTimerIsLeasedOnce", timersOnce},
		{"ATimerIsNeverMovedEnqueuedFailedRequeuedOrRunNow", timerOnly},
		{"UpdateEndsATimerTogetherWithItsRecord", timerEndInUpdate},
	}
}

// putTimer puts a plain record with a timer.
func putTimer(t *testing.T, s store.Store, k store.Key, at time.Time) {
	t.Helper()
	r := pending()
	r.Timer = at
	put(t, s, k, r)
}

func timerIsAJob(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	at := time.Now().Add(200 * time.Millisecond).Truncate(time.Millisecond)
	putTimer(t, s, key(1), at)
	putTimer(t, s, keyAt("another", 2), time.Now().Add(time.Hour))
	nothing := pending()
	put(t, s, key(3), nothing)
	j := leaseOne(t, other, store.TimerQueue, time.Minute)
	if now := time.Now(); now.Before(at) {
		t.Errorf("leased at %v, want not before %v", now, at)
	}
	if j.ID != key(1).ID || j.Key != key(1) || j.Queue != store.TimerQueue || len(j.Body) != 0 || j.Attempts != 1 ||
		!j.Due.Equal(at) {
		t.Errorf("leased %+v, want the timer of %v, due at %v", j, key(1), at)
	}
	nothingDue(t, s, store.TimerQueue)
}

func timerReplaced(t *testing.T, open func(*testing.T) store.Store) {
	s, past, far := open(t), time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	putTimer(t, s, key(1), past)
	putTimer(t, s, key(1), far)
	nothingDue(t, s, store.TimerQueue)
	putTimer(t, s, key(1), past)
	putTimer(t, s, key(1), past.Add(time.Second))
	if jobs := lease(t, s, store.TimerQueue, 10, time.Minute); len(jobs) != 1 ||
		!jobs[0].Due.Equal(past.Add(time.Second).Truncate(time.Millisecond)) {
		t.Errorf("leased %+v, want the one timer that was put last", jobs)
	}
	putTimer(t, s, key(1), past)
	put(t, s, key(1), pending())
	nothingDue(t, s, store.TimerQueue)
}

func timerInRecord(t *testing.T, open func(*testing.T) store.Store) {
	s, at := open(t), time.Now().Add(time.Hour).Truncate(time.Millisecond)
	putTimer(t, s, key(1), at.Add(999*time.Microsecond))
	if r := get(t, s, key(1)); !r.Timer.Equal(at) {
		t.Errorf("the timer is %v, want %v", r.Timer, at)
	}
	err := s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		r.State = "confirmed"
		return store.Change{Put: &r}, nil
	})
	if r := get(t, open(t), key(1)); err != nil || !r.Timer.Equal(at) || r.State != "confirmed" {
		t.Errorf("put back as it was, the record is %+v, %v", r, err)
	}
	p, err := s.List(t.Context(), store.Query{Site: site})
	if err != nil || len(p.Records) != 1 || !p.Records[0].Timer.Equal(at) {
		t.Errorf("listed are %+v, %v", p.Records, err)
	}
	put(t, s, key(1), pending())
	if r := get(t, s, key(1)); !r.Timer.IsZero() {
		t.Errorf("a record without a timer says %v", r.Timer)
	}
}

func timerErased(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	putTimer(t, s, key(1), time.Now().Add(-time.Minute))
	erase(t, s, key(1))
	nothingDue(t, s, store.TimerQueue)
	putTimer(t, s, key(1), time.Now().Add(-time.Minute))
	j := leaseOne(t, s, store.TimerQueue, 50*time.Millisecond)
	erase(t, s, key(1))
	if err := s.End(t.Context(), j, store.Retry(time.Now().Add(-time.Minute))); err != nil {
		t.Errorf("ending the timer of a record that is gone: %v", err)
	}
	if err := s.RenewLease(t.Context(), j, time.Millisecond); err != nil {
		t.Errorf("renewing it: %v", err)
	}
	until(t, time.Now().Add(80*time.Millisecond))
	nothingDue(t, s, store.TimerQueue)
	absent(t, s, key(1))
}

func timerComesBack(t *testing.T, open func(*testing.T) store.Store) {
	const d = 250 * time.Millisecond
	s, other := open(t), open(t)
	putTimer(t, s, key(1), time.Now().Add(-time.Minute))
	for range 3 {
		before := time.Now()
		if j := leaseOne(t, s, store.TimerQueue, d); j.Key != key(1) || j.Attempts != 1 {
			t.Fatalf("leased %+v", j)
		}
		if jobs := lease(t, other, store.TimerQueue, 1, d); len(jobs) > 0 && time.Since(before) < d {
			t.Fatalf("another client leased %+v meanwhile", jobs)
		}
		until(t, before.Add(d))
	}
}

func timerPutEndsLease(t *testing.T, open func(*testing.T) store.Store) {
	s, past := open(t), time.Now().Add(-time.Minute)
	putTimer(t, s, key(1), past)
	leaseOne(t, s, store.TimerQueue, time.Hour)
	putTimer(t, s, key(1), past) // the very same again
	j := leaseOne(t, s, store.TimerQueue, time.Hour)
	putTimer(t, s, key(1), time.Now().Add(time.Hour))
	for what, err := range map[string]error{
		"completing": s.End(t.Context(), j, store.Complete()),
		"renewing":   s.RenewLease(t.Context(), j, time.Millisecond),
	} {
		if err != nil {
			t.Errorf("%s it afterwards: %v", what, err)
		}
	}
	until(t, time.Now().Add(20*time.Millisecond))
	nothingDue(t, s, store.TimerQueue) // the new one is as it was put
	putTimer(t, s, key(1), past)
	leaseOne(t, s, store.TimerQueue, time.Hour)
}

func timerLeftLeased(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	putTimer(t, s, key(1), time.Now().Add(-time.Minute))
	begun := time.Now()
	j := leaseOne(t, s, store.TimerQueue, 300*time.Millisecond)
	for range 2 {
		if err := s.End(t.Context(), j, store.Complete()); err != nil {
			t.Fatal(err)
		}
		if jobs := lease(t, s, store.TimerQueue, 1, time.Minute); len(jobs) > 0 &&
			time.Since(begun) < 300*time.Millisecond {
			t.Fatalf("leased %+v", jobs)
		}
	}
	if time.Since(begun) < 250*time.Millisecond { // otherwise this machine is too slow to tell
		if err := s.RenewLease(t.Context(), j, time.Minute); err != nil {
			t.Fatal(err)
		}
		until(t, begun.Add(350*time.Millisecond))
		nothingDue(t, s, store.TimerQueue)
	}
	if err := s.RenewLease(t.Context(), j, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	leaseOne(t, s, store.TimerQueue, time.Minute)
}

func timerRetry(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	putTimer(t, s, key(1), time.Now().Add(-time.Minute))
	j := leaseOne(t, s, store.TimerQueue, time.Hour)
	at := time.Now().Add(200 * time.Millisecond).Truncate(time.Millisecond)
	was := get(t, s, key(1)).Timer
	if err := s.End(t.Context(), j, store.Retry(at)); err != nil {
		t.Fatal(err)
	}
	if r := get(t, other, key(1)); !r.Timer.Equal(was) {
		t.Errorf("put back, the record says %v, want %v as it was put", r.Timer, was)
	}
	j = leaseOne(t, other, store.TimerQueue, time.Hour)
	if now := time.Now(); now.Before(at) || j.Key != key(1) || j.Attempts != 1 {
		t.Errorf("leased %+v at %v, want not before %v", j, now, at)
	}
	if err := s.End(t.Context(), j, store.Retry(time.Time{})); err != nil { // now
		t.Fatal(err)
	}
	leaseOne(t, other, store.TimerQueue, time.Hour)
}

func timerFail(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	putTimer(t, s, key(1), time.Now().Add(-time.Minute))
	j := leaseOne(t, s, store.TimerQueue, 30*time.Millisecond)
	for range 2 {
		if err := s.End(t.Context(), j, store.Fail()); err != nil {
			t.Fatal(err)
		}
	}
	until(t, time.Now().Add(60*time.Millisecond))
	nothingDue(t, s, store.TimerQueue)
	get(t, s, key(1))
	if jobs := failed(t, s, store.TimerQueue, "", 9); len(jobs) != 0 {
		t.Errorf("failed are %+v", jobs)
	}
	putTimer(t, s, key(1), time.Now().Add(-time.Minute))
	leaseOne(t, s, store.TimerQueue, time.Minute)
}

func timerExpired(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	r := pending()
	r.Timer, r.Expires = time.Now().Add(-time.Minute), time.Now().Add(-time.Second)
	put(t, s, key(1), r)
	r = pending()
	r.Timer = time.Now().Add(250 * time.Millisecond)
	r.Expires = r.Timer.Add(-150 * time.Millisecond)
	put(t, s, key(2), r)
	nothingDue(t, s, store.TimerQueue)
	until(t, r.Timer.Add(20*time.Millisecond))
	nothingDue(t, s, store.TimerQueue)
	due(t, s)
	put(t, s, key(1), pending()) // a new record, without one
	nothingDue(t, s, store.TimerQueue)
}

func timersOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	now := time.Now()
	for i := range 30 {
		putTimer(t, clients[i%2], keyAt(fmt.Sprintf("site-%d", i%3), i), now.Add(-time.Duration(1+i*7%30)*time.Minute))
	}
	var jobs []store.Job
	for i := range 6 {
		jobs = append(jobs, lease(t, clients[i%2], store.TimerQueue, 5, time.Minute)...)
	}
	seen := map[store.Key]bool{}
	for _, j := range jobs {
		seen[j.Key] = true
	}
	if len(jobs) != 30 || len(seen) != 30 {
		t.Fatalf("%d were leased, %d different ones, want 30", len(jobs), len(seen))
	}
	nothingDue(t, clients[0], store.TimerQueue)
}

func timerOnly(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	putTimer(t, s, key(1), time.Now().Add(-time.Minute))
	timer := leaseOne(t, s, store.TimerQueue, time.Minute)
	want(t, "moving a timer to its own queue", s.End(t.Context(), timer, store.Move(store.TimerQueue, time.Now())),
		store.ErrInvalid)
	move := store.Move("email", time.Now())
	want(t, "moving a timer to another queue", s.End(t.Context(), timer, move), store.ErrInvalid)
	err := s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		return store.Change{Put: &r, End: &store.JobEnd{Job: timer, Outcome: move}}, nil
	})
	want(t, "moving it in an update", err, store.ErrInvalid)
	want(t, "requeuing a timer", s.Requeue(t.Context(), store.TimerQueue, timer.ID, key(1)), store.ErrNotFound)
	err = s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
		return store.Change{Put: &r, Enqueue: []store.Job{job("a", store.TimerQueue)}}, nil
	})
	want(t, "enqueuing a timer", err, store.ErrInvalid)
	put(t, s, key(2), pending(), job("b", "email"))
	j := leaseOne(t, s, "email", time.Minute)
	want(t, "making a job a timer", s.End(t.Context(), j, store.Move(store.TimerQueue, time.Now())), store.ErrInvalid)
	putTimer(t, s, key(3), time.Now().Add(time.Hour))
	if n, err := s.RunNow(t.Context(), store.TimerQueue, everything); n != 0 || err != nil {
		t.Errorf("RunNow made %d timers due, %v", n, err)
	}
	nothingDue(t, s, store.TimerQueue)
}

// timerEndInUpdate ends a leased timer in changes of its record: whatever Put says is so.
func timerEndInUpdate(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	putTimer(t, s, key(1), time.Now().Add(-time.Minute))
	for i, next := range []time.Time{time.Now().Add(-time.Second), {}} {
		j := leaseOne(t, s, store.TimerQueue, time.Minute)
		err := s.Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
			r.Timer = next
			return store.Change{Put: &r, End: &store.JobEnd{Job: j, Outcome: store.Complete()}}, nil
		})
		if err != nil {
			t.Fatalf("number %d: %v", i, err)
		}
	}
	nothingDue(t, s, store.TimerQueue)
	putTimer(t, s, key(1), time.Now().Add(-time.Minute))
	j := leaseOne(t, s, store.TimerQueue, time.Minute)
	err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
		return store.Change{Erase: true, End: &store.JobEnd{Job: j, Outcome: store.Complete()}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	nothingDue(t, s, store.TimerQueue)
	absent(t, s, key(1))
}
