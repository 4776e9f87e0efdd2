package outbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

// oneWorker is a rotation with one worker, who finds no job.
type oneWorker struct{ *rotation }

// turn is one vain lease; it returns the queue it was from, or nothing if no queue was worth one.
func (w oneWorker) turn() store.QueueName {
	q, signals := w.take()
	if q == nil {
		return ""
	}
	w.leased(q, signals, false)
	w.leave(q)
	return q.name
}

// all is as many turns as there are.
func (w oneWorker) all() (seen []store.QueueName) {
	for q := w.turn(); q != ""; q = w.turn() {
		seen = append(seen, q)
	}
	return seen
}

func TestEveryQueueHasOneTurnInOrderAndThenWaitsForASignal(t *testing.T) {
	queues := []store.QueueName{"a", "b", "c"}
	w := oneWorker{newRotation(queues, 0, 0)}
	for range 3 {
		if diff := cmp.Diff(queues, w.all()); diff != "" {
			t.Error(diff)
		}
		w.signalAll(time.Now())
		w.signalAll(time.Now()) // two signals are one turn
	}
}

func TestAWokenQueueGoesFirstButNotTwiceBeforeTheSameOther(t *testing.T) {
	w := oneWorker{newRotation([]store.QueueName{"a", "b", "c"}, 0, 0)}
	w.all()
	w.signalAll(time.Now())
	var seen []store.QueueName
	for range 5 {
		w.wake("c")
		seen = append(seen, w.turn())
	}
	if diff := cmp.Diff([]store.QueueName{"c", "a", "b", "c", "c"}, seen); diff != "" {
		t.Error(diff)
	}
	w.wake("not in this rotation")
	w.all()
	if q := w.turn(); q != "" {
		t.Errorf("%s had a turn without a signal", q)
	}
}

func TestNoQueueWaitsForMoreThanOneTurnOfAnother(t *testing.T) {
	names := make([]store.QueueName, 7)
	for i := range names {
		names[i] = store.QueueName(fmt.Sprint("k", i))
	}
	r := newRotation(names, 0, 0)
	turns := map[store.QueueName]map[store.QueueName]int{} // of each other queue, since the queue had its last
	for i := range 2000 {
		for j := range i % 4 {
			r.wake(names[(i*i+j)%3]) // three of them are woken all the time
		}
		q, signals := r.take()
		if q == nil {
			t.Fatal("no queue has a turn")
		}
		for waiting, had := range turns {
			had[q.name]++
			if waiting != q.name && had[q.name] > 1 {
				t.Fatalf("turn %d: %s had %d turns while %s waited", i, q.name, had[q.name], waiting)
			}
		}
		turns[q.name] = map[store.QueueName]int{}
		r.leased(q, signals, true)
		r.leave(q)
	}
	if len(turns) != len(names) {
		t.Errorf("only %d of %d queues had turns", len(turns), len(names))
	}
}

func TestASignalDuringALeaseIsNotUndoneByItsAnswer(t *testing.T) {
	w := oneWorker{newRotation([]store.QueueName{"a"}, 0, 0)}
	q, signals := w.take()
	if again, _ := w.take(); again != nil {
		t.Error("two lease at once where one has no answer yet")
	}
	w.wake("a")
	w.leased(q, signals, false)
	w.leave(q)
	if w.turn() != "a" {
		t.Error("the wake was lost")
	}
	if w.turn() != "" {
		t.Error("it had another turn without a signal")
	}
}

func TestTheMoreLeasesFindJobsTheMoreWorkersLeaseAtOnce(t *testing.T) {
	r := newRotation([]store.QueueName{"a"}, 5, 0)
	for want := range 4 { // one more for each lease that found a job
		q, signals := r.take()
		if q == nil {
			t.Fatalf("no worker may lease after %d jobs were found", want)
		}
		r.leased(q, signals, true)
	}
	q, signals := r.take()
	if other, _ := r.take(); other != nil {
		t.Error("six are at it, want PerQueue, which is five")
	}
	r.leave(q)
	other, _ := r.take()
	if other == nil {
		t.Fatal("only one worker leases where many jobs were found")
	}
	r.leased(other, signals, true)
	r.leased(q, signals, false) // it leased before the other found a job
	r.leave(other)
	if q, _ := r.take(); q == nil {
		t.Error("the answer to an earlier lease undid a job found")
	}
}

func TestAQueueWhoseLeaseFailedIsLeftAloneUntilItIsWoken(t *testing.T) {
	r := newRotation([]store.QueueName{"a"}, 0, 0)
	now := time.Now()
	for i, want := range []time.Duration{2, 4, 8, 16, 30, 30} {
		q, signals := r.take()
		if n := r.leaseFailed(q, signals, time.Second); n != i+1 {
			t.Errorf("failed %d times, want %d", n, i+1)
		}
		r.leave(q)
		r.signalAll(now.Add(want*time.Second - time.Second/2))
		if q, _ := r.take(); q != nil {
			t.Fatalf("it had a turn before %v s", want)
		}
		r.signalAll(time.Now().Add(want * time.Second))
	}
	q, signals := r.take()
	r.leaseFailed(q, signals, time.Second)
	r.leave(q)
	r.wake("a")
	q, signals = r.take()
	if q == nil {
		t.Fatal("a wake did not help")
	}
	r.leased(q, signals, false)
	if n := r.leaseFailed(q, signals, time.Second); n != 1 {
		t.Error("an answer did not end the row of failures")
	}
}
