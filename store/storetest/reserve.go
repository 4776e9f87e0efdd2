package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func reserveCases() []testCase {
	return []testCase{
		{"AJobThatFindsNoRoomIsEnqueuedAllTheSame", reserveNeverRefuses},
		{"AJobReservesFromEveryBucketOrFromNone", reserveAllOrNone},
		{"AJobReservesOnceByItsID", reserveOnce},
		{"AJobKeepsWhatItReserved", reserveKept},
		{"JobsOfOneChangeReserveOneAfterTheOther", reserveInOrder},
		{"AJobReservesByTheTagOfItsBucket", reserveTagged},
		{"AnUpdateThatIsRefusedReservesNothing", reserveNothing},
	}
}

// reserving returns an email that is due at once and reserves.
func reserving(id string, buckets ...store.Bucket) store.Job {
	j := job(id, "email")
	j.Reserve = buckets
	return j
}

// reserved fails unless exactly these emails are due, and whether each has reserved is so; the order does not matter.
func reserved(t *testing.T, s store.Store, wants map[string]bool) {
	t.Helper()
	got := map[string]bool{}
	for _, j := range lease(t, s, "email", 100, time.Minute) {
		got[j.ID] = j.Reserved
		if string(j.Body) != "body of "+j.ID {
			t.Errorf("%s has the body %q", j.ID, j.Body)
		}
	}
	for id, has := range wants {
		if is, there := got[id]; !there || is != has {
			t.Errorf("%s is due: %t, has reserved: %t, want %t", id, there, is, has)
		}
	}
	if len(got) != len(wants) {
		t.Errorf("due are %v, want %v", got, wants)
	}
}

func reserveNeverRefuses(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	b := bucket("mailbox", store.Limit{N: 2, Per: time.Hour})
	for i := range 5 {
		put(t, clients[i%2], key(i), pending(), reserving(fmt.Sprintf("email-%d", i), b))
		get(t, clients[0], key(i))
	}
	reserved(t, clients[1], map[string]bool{
		"email-0": true, "email-1": true, "email-2": false, "email-3": false, "email-4": false,
	})
}

func reserveAllOrNone(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 2, Per: time.Hour}
	free, full := bucket("free", limit), bucket("full", store.Limit{N: 1, Per: time.Hour})
	acquireAll(t, s, "", full)
	put(t, s, key(1), pending(), reserving("neither", free, full), reserving("unlimited", bucket("none"), bucket("")),
		reserving("nothing"))
	reserved(t, s, map[string]bool{"neither": false, "unlimited": true, "nothing": false})
	hasRoom(t, s, "free", 2, limit)
}

func reserveOnce(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 3, Per: time.Hour}
	b := bucket("mailbox", limit)
	j := reserving("a", b)
	put(t, s, key(1), pending(), j, j)
	put(t, open(t), key(1), pending(), j) // it is that one job still
	if waits := acquireAll(t, s, "a", b); waits != nil {
		t.Errorf("its ID is not the taker: it waits %v", waits)
	}
	leased := leaseOne(t, s, "email", time.Minute)
	if !leased.Reserved {
		t.Error("it has not reserved")
	}
	if err := s.End(t.Context(), leased, store.Complete()); err != nil {
		t.Fatal(err)
	}
	put(t, s, key(1), pending(), j) // another job with its ID
	if leased := leaseOne(t, s, "email", time.Minute); !leased.Reserved {
		t.Error("what its ID has taken is forgotten")
	}
	hasRoom(t, s, "mailbox", 2, limit)
}

// reserveKept takes a job that has reserved and one that has not through retry, move, failure and requeue.
func reserveKept(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	b := bucket("mailbox", store.Limit{N: 1, Per: time.Hour})
	put(t, s, key(1), pending(), reserving("first", b))
	put(t, s, key(1), pending(), reserving("second", b))
	past := time.Now().Add(-time.Minute)
	queue := store.QueueName("email")
	for i, o := range []store.Outcome{store.Retry(past), store.Move(slow, past), store.Retry(past), store.Fail()} {
		jobs := lease(t, s, queue, 10, time.Minute)
		if len(jobs) != 2 {
			t.Fatalf("leased %+v, want two", jobs)
		}
		for _, j := range jobs {
			if j.Reserved != (j.ID == "first") {
				t.Errorf("in attempt %d, %s has reserved: %t", i+1, j.ID, j.Reserved)
			}
			if err := s.End(t.Context(), j, o); err != nil {
				t.Fatal(err)
			}
		}
		if o.End == store.EndMove {
			queue = o.Queue
		}
	}
	for _, id := range []string{"first", "second"} {
		if err := s.Requeue(t.Context(), queue, id, key(1)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if j := leaseOne(t, s, queue, time.Minute); j.Reserved != (j.ID == "first") {
			t.Errorf("requeued, %s has reserved: %t", j.ID, j.Reserved)
		}
	}
}

func reserveInOrder(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	b := bucket("mailbox", store.Limit{N: 2, Per: time.Hour})
	err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
		return store.Change{
			Put:     pending(),
			Acquire: acquisition("", b),
			Enqueue: []store.Job{reserving("first", b), reserving("second", b), job("third", "email")},
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	jobs := map[string]store.Job{}
	for _, j := range lease(t, s, "email", 10, time.Minute) {
		jobs[j.ID] = j
	}
	if len(jobs) != 3 || !jobs["first"].Reserved || jobs["second"].Reserved {
		t.Errorf("leased %+v, want that the first one took what was left", jobs)
	}
}

func reserveTagged(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for i, tag := range []string{"a", "a", "a", "b", "b"} {
		put(t, s, key(1), pending(), reserving(fmt.Sprintf("email-%d", i), tagged("mailbox", tag)))
	}
	reserved(t, s, map[string]bool{
		"email-0": true, "email-1": true, "email-2": false, "email-3": true, "email-4": false,
	})
}

func reserveNothing(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 1, Per: time.Hour}
	full, mailbox := bucket("full", limit), bucket("mailbox", limit)
	acquireAll(t, s, "", full)
	err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
		return store.Change{
			Put: pending(), Acquire: acquisition("", full), Enqueue: []store.Job{reserving("a", mailbox)},
		}, nil
	})
	exceeded(t, err, 1)
	for what, j := range map[string]store.Job{
		"a bucket twice":          reserving("b", mailbox, mailbox),
		"a bucket without a name": reserving("b", mailbox, bucket("", limit)),
	} {
		err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
			return store.Change{Put: pending(), Enqueue: []store.Job{reserving("a", mailbox), j}}, nil
		})
		want(t, what, err, store.ErrInvalid)
	}
	nothingDue(t, s, "email")
	hasRoom(t, s, "mailbox", 1, limit)
}
