package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func dueCases() []testCase {
	return []testCase{
		{"DueReturnsTheQueuesThatHaveWork", dueQueues},
		{"DueLeavesOutWhatIsLeasedWaitsOrHasFailed", dueLeavesOut},
		{"DueSeesManyQueuesAtOnce", dueMany},
	}
}

// due fails unless, within a moment, exactly these queues have work.
func due(t *testing.T, s store.Store, wants ...store.QueueName) {
	t.Helper()
	slices.Sort(wants)
	var got []store.QueueName
	for end := time.Now().Add(patience); time.Now().Before(end); {
		var err error
		if got, err = s.Due(t.Context()); err != nil {
			t.Fatal(err)
		}
		if slices.Sort(got); slices.Equal(got, wants) {
			return
		}
		time.Sleep(3 * time.Millisecond)
	}
	t.Fatalf("due are %v, want %v", got, wants)
}

func dueQueues(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	due(t, s)
	put(t, s, key(1), pending(), job("a", "email"), job("b", "email"), job("c", "webhook/gazette"))
	put(t, other, keyAt("another", 1), pending(), job("d", "webhook"))
	due(t, other, "email", "webhook", "webhook/gazette")
	due(t, s, "email", "webhook", "webhook/gazette")
	r := pending()
	r.Timer = time.Now().Add(-time.Second)
	put(t, s, key(2), r)
	due(t, other, "email", "webhook", "webhook/gazette", store.TimerQueue)
	lease(t, s, store.TimerQueue, 1, time.Minute)
	leaseOne(t, s, "email", time.Minute)
	due(t, other, "email", "webhook", "webhook/gazette")
	leaseOne(t, s, "email", time.Minute)
	due(t, other, "webhook", "webhook/gazette")
}

func dueLeavesOut(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	later := job("later", "later")
	later.Due = time.Now().Add(time.Hour)
	r := pending()
	r.Timer = time.Now().Add(time.Hour)
	put(t, s, key(1), r, later, job("a", "email"), job("b", "failed"))
	j := leaseOne(t, s, "failed", time.Minute)
	if err := s.End(t.Context(), j, store.Fail()); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	j = leaseOne(t, s, "email", 100*time.Millisecond)
	if got, err := s.Due(t.Context()); err != nil || len(got) > 0 && time.Since(begun) < 100*time.Millisecond {
		t.Errorf("due are %v, %v, want none", got, err)
	}
	due(t, s, "email") // once the lease is over
	if err := s.End(t.Context(), j, store.Retry(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	due(t, s)
	if n, err := s.RunNow(t.Context(), "later", 1); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	due(t, s, "later")
	if err := s.Requeue(t.Context(), "failed", "b", key(1)); err != nil {
		t.Fatal(err)
	}
	due(t, s, "failed", "later")
}

func dueMany(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	var queues []store.QueueName
	for i := range 300 {
		queue := store.QueueName(fmt.Sprintf("webhook/endpoint-%d", i))
		queues = append(queues, queue)
		put(t, s, key(i%7), pending(), job(fmt.Sprintf("hook-%d", i), queue))
	}
	due(t, s, queues...)
	for _, queue := range queues[10:] {
		leaseOne(t, s, queue, time.Minute)
	}
	due(t, s, queues[:10]...)
}
