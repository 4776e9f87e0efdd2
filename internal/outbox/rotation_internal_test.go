package outbox

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

// newTestRotation makes a rotation in which every queue waits for a turn.
func newTestRotation(workers, perQueue int, names ...store.QueueName) *rotation {
	r := newRotation(&pool{Pool: Pool{Queues: names, Workers: workers, PerQueue: perQueue}})
	r.pollAll(time.Now())
	return r
}

func (r *rotation) pollAll(now time.Time) {
	for _, q := range r.queues {
		r.polled(q, now)
	}
}

// queue returns the queue of a name.
func (r *rotation) queue(name store.QueueName) *queue {
	return r.queues[slices.IndexFunc(r.queues, func(q *queue) bool { return q.name == name })]
}

// found returns as many jobs of a queue as there are numbers.
func found(queue store.QueueName, numbers ...int) (jobs []store.Job) {
	for _, n := range numbers {
		jobs = append(jobs, store.Job{ID: fmt.Sprint(n), Queue: queue})
	}
	return jobs
}

// vain is one lease that finds no job; it returns the queue it was from, or nothing if no queue was worth one.
func (r *rotation) vain() store.QueueName {
	t := r.take()
	if t == nil {
		return ""
	}
	r.leased(t, nil, time.Now())
	r.leave(t.q, 0)
	return t.q.name
}

// allVain is as many turns as there are, if they end.
func (r *rotation) allVain() (seen []store.QueueName) {
	for range 100 {
		q := r.vain()
		if q == "" {
			break
		}
		seen = append(seen, q)
	}
	return seen
}

func TestEveryQueueHasOneTurnInOrderAndThenWaitsForASignal(t *testing.T) {
	queues := []store.QueueName{"a", "b", "c"}
	r := newTestRotation(1, 0, queues...)
	for range 3 {
		if diff := cmp.Diff(queues, r.allVain()); diff != "" {
			t.Error(diff)
		}
		r.pollAll(time.Now())
		r.pollAll(time.Now()) // two signals are one turn
	}
}

func TestAWokenQueueGoesFirstButNotTwiceBeforeTheSameOther(t *testing.T) {
	r := newTestRotation(1, 0, "a", "b", "c")
	r.allVain()
	r.pollAll(time.Now())
	var seen []store.QueueName
	for range 5 {
		r.wake(r.queue("c"))
		seen = append(seen, r.vain())
	}
	if diff := cmp.Diff([]store.QueueName{"c", "a", "b", "c", "c"}, seen); diff != "" {
		t.Error(diff)
	}
	r.allVain()
	if q := r.vain(); q != "" {
		t.Errorf("%s had a turn without a signal", q)
	}
}

func TestOfQueuesThatWereWokenTheOneThatHasWaitedLongestGoesFirst(t *testing.T) {
	r := newTestRotation(1, 0, "a", "b", "c", "d")
	r.allVain()
	for _, name := range []store.QueueName{"a", "c", "b"} {
		r.polled(r.queue(name), time.Now())
	}
	r.wake(r.queue("b"))
	r.wake(r.queue("c"))
	if diff := cmp.Diff([]store.QueueName{"c", "b", "a"}, r.allVain()); diff != "" {
		t.Error(diff)
	}
}

func TestNoQueueWaitsForMoreThanOneTurnOfAnother(t *testing.T) {
	names := make([]store.QueueName, 7)
	for i := range names {
		names[i] = store.QueueName(fmt.Sprint("k", i))
	}
	for name, took := range map[string]time.Duration{"leased one by one": 0, "leased in batches": time.Millisecond} {
		r := newTestRotation(1, 0, names...)
		turns := map[store.QueueName]map[store.QueueName]int{} // of each other queue, since the queue had its last
		leases := 0
		for i := range 2000 {
			for j := range i % 4 {
				r.wake(r.queue(names[(i*i+j)%3])) // three of them are woken all the time
			}
			turn := r.take()
			if turn == nil {
				t.Fatal("no queue has a turn")
			}
			for waiting, had := range turns {
				had[turn.q.name]++
				if waiting != turn.q.name && had[turn.q.name] > 1 {
					t.Fatalf("%s, turn %d: %s had %d turns while %s waited", name, i, turn.q.name,
						had[turn.q.name], waiting)
				}
			}
			turns[turn.q.name] = map[store.QueueName]int{}
			if turn.job == nil {
				leases++
				r.leased(turn, found(turn.q.name, make([]int, turn.n)...), time.Now())
			}
			r.leave(turn.q, took)
		}
		if len(turns) != len(names) {
			t.Errorf("%s: only %d of %d queues had turns", name, len(turns), len(names))
		}
		if want := map[bool]int{true: 2000, false: 2000/maxBatch + 2*len(names)}[took == 0]; leases > want {
			t.Errorf("%s: %d leases for 2000 jobs, want at most %d", name, leases, want)
		}
	}
}

func TestASignalDuringALeaseIsNotUndoneByItsAnswer(t *testing.T) {
	r := newTestRotation(2, 0, "a")
	turn := r.take()
	if r.take() != nil {
		t.Error("two lease at once")
	}
	r.wake(turn.q)
	r.leased(turn, nil, time.Now())
	r.leave(turn.q, 0)
	if r.vain() != "a" {
		t.Error("the wake was lost")
	}
	if r.vain() != "" {
		t.Error("it had another turn without a signal")
	}
}

func TestALeaseAsksForWhatIsRunSoon(t *testing.T) {
	for name, c := range map[string]struct {
		workers, perQueue int
		took              time.Duration // of the jobs of this queue
		busy              int           // workers at any queue
		here              int           // workers at this one
		held              int           // of other queues, which take half a second each
		want              int
	}{
		"what is not known: one for each idle worker": {workers: 8, perQueue: 4, want: 4},
		"… and no more":                        {workers: 8, perQueue: 4, busy: 6, want: 2},
		"… and not too many":                   {workers: 64, want: maxBatch},
		"… that may be at the queue":           {workers: 8, perQueue: 4, busy: 3, here: 3, want: 1},
		"long jobs: the same":                  {workers: 8, busy: 5, took: time.Minute, want: 3},
		"short ones: a batch":                  {workers: 1, took: 5 * time.Millisecond, want: maxBatch},
		"less short ones: a second's worth":    {workers: 2, took: 200 * time.Millisecond, want: 10},
		"… for those that may be at the queue": {workers: 4, perQueue: 2, took: 200 * time.Millisecond, want: 10},
		"… beside what is held already":        {workers: 4, busy: 3, held: 4, took: 250 * time.Millisecond, want: 8},
		"… which may be too much":              {workers: 4, busy: 3, held: 12, took: 250 * time.Millisecond, want: 1},
	} {
		r := newTestRotation(c.workers, c.perQueue, "a", "b")
		a, b := r.queue("a"), r.queue("b")
		a.took, a.workers, r.busy = c.took, c.here, c.busy
		b.took, b.waiting = time.Second/2, false
		for range c.held {
			b.held = append(b.held, leasedJob{})
		}
		if got := r.batch(a); got != c.want {
			t.Errorf("%s: it asks for %d, want %d", name, got, c.want)
		}
	}
}

func TestALeaseAsksForNoMoreThanThereAreIdleWorkers(t *testing.T) {
	r := newTestRotation(3, 0, "a", "b")
	for range 2 { // the second time after all have left
		var turns []*turn
		for _, want := range []int{3, 2} {
			turn := r.take()
			if turn == nil || turn.n != want {
				t.Fatalf("the turn is %+v, want a lease of %d", turn, want)
			}
			r.leased(turn, found(turn.q.name, 1), time.Now())
			turns = append(turns, turn)
		}
		for _, turn := range turns {
			r.leave(turn.q, 0)
		}
		r.pollAll(time.Now())
	}
}

func TestHowLongJobsTakeIsAnAverageOfWhichTheLastCountMost(t *testing.T) {
	r := newTestRotation(1, 0, "a")
	q := r.queue("a")
	for _, run := range []struct{ took, average time.Duration }{
		{8 * time.Second, 8 * time.Second}, {4 * time.Second, 7 * time.Second}, {0, 7 * time.Second},
		{7 * time.Second, 7 * time.Second}, {27 * time.Second, 12 * time.Second},
	} {
		if r.leave(q, run.took); q.took != run.average {
			t.Errorf("after one of %v it is %v, want %v", run.took, q.took, run.average)
		}
	}
}

func TestALeaseThatFindsFewerThanAskedForIsTheLast(t *testing.T) {
	r := newTestRotation(4, 0, "a")
	turn := r.take()
	first, _ := r.leased(turn, found("a", 1, 2, 3), time.Now())
	if turn.n != 4 || first.ID != "1" {
		t.Fatalf("it asked for %d and got %s first", turn.n, first.ID)
	}
	for _, want := range []string{"2", "3"} {
		if turn := r.take(); turn == nil || turn.job == nil || turn.job.ID != want {
			t.Fatalf("no turn for job %s", want)
		}
	}
	if r.take() != nil {
		t.Error("a fourth worker leases again")
	}
	r.wake(r.queue("a"))
	turn = r.take()
	r.leased(turn, found("a", 4), time.Now()) // the one that it asked for
	r.leave(turn.q, time.Second)
	if r.take() == nil {
		t.Error("nobody leases again after a lease that found all it asked for")
	}
}

func TestHeldJobsAreReleasedAndThenFewerAreLeased(t *testing.T) {
	r, now := newTestRotation(1, 0, "a"), time.Now()
	turn := r.take()
	turn.q.took, turn.n = time.Millisecond, 3
	r.leased(turn, found("a", 1, 2, 3), now)
	if jobs := r.release(now, now.Add(time.Second)); len(jobs) != 0 {
		t.Errorf("%d jobs were released that were leased no earlier", len(jobs))
	}
	jobs := r.release(now.Add(1), now.Add(10*time.Second))
	if len(jobs) != 2 || jobs[0].ID != "2" || jobs[1].ID != "3" {
		t.Errorf("released are %v, want the two that are held", jobs)
	}
	r.leave(turn.q, 0)
	if turn = r.take(); turn == nil || turn.n != 1 {
		t.Errorf("the next turn is %+v, want a lease of one", turn)
	}
}

func TestAClosedRotationHoldsNothing(t *testing.T) {
	r := newTestRotation(4, 0, "a", "b")
	a, b := r.take(), r.take()
	r.leased(a, found("a", 1, 2, 3), time.Now())
	if held := r.close(); len(held) != 2 {
		t.Errorf("%d jobs were held, want 2", len(held))
	}
	if first, back := r.leased(b, found("b", 4), time.Now()); first != nil || len(back) != 1 {
		t.Errorf("a late lease runs %v and gives %d back", first, len(back))
	}
	if r.take() != nil {
		t.Error("there is a turn")
	}
}

func TestAQueueWhoseLeaseFailedIsLeftAloneUntilItIsWoken(t *testing.T) {
	r := newTestRotation(1, 0, "a")
	now := time.Now()
	for i, want := range []time.Duration{2, 4, 8, 16, 30, 30} {
		turn := r.take()
		if n := r.leaseFailed(turn, time.Second); n != i+1 {
			t.Errorf("failed %d times, want %d", n, i+1)
		}
		r.leave(turn.q, 0)
		r.pollAll(now.Add(want*time.Second - time.Second/2))
		if r.take() != nil {
			t.Fatalf("it had a turn before %v s", want)
		}
		r.pollAll(time.Now().Add(want * time.Second))
	}
	turn := r.take()
	r.leaseFailed(turn, time.Second)
	r.leave(turn.q, 0)
	r.wake(turn.q)
	if turn = r.take(); turn == nil {
		t.Fatal("a wake did not help")
	}
	r.leased(turn, nil, time.Now())
	if n := r.leaseFailed(turn, time.Second); n != 1 {
		t.Error("an answer did not end the row of failures")
	}
}

func TestWhatIsPreparedTogetherIsWhatRunsNext(t *testing.T) {
	r := newRotation(&pool{Pool: Pool{
		Queues: []store.QueueName{"a", "b"}, Workers: 4, Prepare: func(context.Context, []store.Job) {},
	}})
	for _, q := range r.queues {
		q.took = time.Millisecond
		for i := range 20 {
			q.held = append(q.held, leasedJob{Job: store.Job{ID: fmt.Sprint(q.name, i)}})
		}
	}
	r.queue("b").held[1].prepared = true
	var ids []string
	first := r.take().job
	for _, job := range first.together {
		ids = append(ids, job.ID)
	}
	want := []string{"a0", "a1", "b0", "a2", "a3", "b2", "a4", "b3", "a5", "b4", "a6", "b5", "a7", "b6", "a8", "b7"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("prepared together (-want +got):\n%s", diff)
	}
	if next := r.take().job; next.ID != "b0" || next.together != nil {
		t.Errorf("the next job is %s, to be prepared with %d", next.ID, len(next.together))
	}
}
