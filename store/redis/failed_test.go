package redis

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

func TestFailedTellsWhenAJobFailed(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	put(t, s, key(1), &store.Record{}, store.Job{ID: "a", Queue: "email", Due: time.Now().Add(-time.Hour)})
	before := time.Now().Truncate(time.Millisecond)
	if err := s.End(t.Context(), leaseOne(t, s), store.Fail()); err != nil {
		t.Fatal(err)
	}
	jobs, err := s.Failed(t.Context(), "email", "", 1)
	if err != nil || len(jobs) != 1 || jobs[0].Due.Before(before) || jobs[0].Due.After(time.Now()) {
		t.Errorf("failed are %+v, %v, want one that failed not before %v", jobs, err, before)
	}
}

// failAtOnce makes so many jobs of one record fail in one pipeline, and returns their IDs in the order in which they
// failed, backwards by name.
func failAtOnce(t *testing.T, s *Store, n int) (ids []string) {
	t.Helper()
	var jobs []store.Job
	for i := range n {
		jobs = append(jobs, email(fmt.Sprintf("failed-%02d", i)))
	}
	put(t, s, key(1), &store.Record{}, jobs...)
	jobs, err := s.Lease(t.Context(), "email", n, time.Minute)
	if err != nil || len(jobs) != n {
		t.Fatalf("leased %d, %v", len(jobs), err)
	}
	slices.SortFunc(jobs, func(a, b store.Job) int { return cmp.Compare(b.ID, a.ID) })
	var commands []command
	for _, j := range jobs {
		commands = append(commands, endCommand(s.shardOf(j.Key.ID), store.JobEnd{Job: j, Outcome: store.Fail()}))
		ids = append(ids, j.ID)
	}
	if _, err := s.do(t.Context(), 1, commands...); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestFailedKeepsAnOrderFinerThanAMillisecond(t *testing.T) {
	s := patient(t, Options{Location: at(startServer(t).url())})
	want := failAtOnce(t, s, 40)
	jobs, err := s.Failed(t.Context(), "email", "", 99)
	if err != nil || len(jobs) != len(want) {
		t.Fatalf("%d have failed, %v", len(jobs), err)
	}
	for i, j := range jobs {
		if j.ID != want[i] {
			t.Errorf("%s is number %d, want %s", j.ID, i, want[i])
		}
	}
}

func TestJobsThatFailedInOneMomentAreListedByPageAndRequeued(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{Location: at(server.url())}), server.client()
	on, at := s.shardOf(key(1).ID), float64(time.Now().UnixMilli())
	want := failAtOnce(t, s, 9)
	for _, id := range want {
		c.ZAdd(t.Context(), on.failed("email"), goredis.Z{Score: at, Member: id})
	}
	slices.Sort(want)
	var got []string
	for after := ""; len(got) <= len(want); {
		jobs, err := s.Failed(t.Context(), "email", after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) == 0 {
			break
		}
		for _, j := range jobs {
			got, after = append(got, j.ID), j.ID
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("by page they are %v, want %v", got, want)
	}
	for _, id := range got {
		if err := s.Requeue(t.Context(), "email", id, key(1)); err != nil {
			t.Error(err)
		}
	}
	if jobs, err := s.Lease(t.Context(), "email", 9, time.Minute); err != nil || len(jobs) != 9 ||
		jobs[0].Attempts != 1 {
		t.Errorf("leased %+v, %v", jobs, err)
	}
}

func TestARequeueWhoseReplyIsLostIsNotReportedLost(t *testing.T) {
	arm, good := lossy(t)
	put(t, good, key(1), &store.Record{State: "pending"}, email("a"))
	if err := arm().Requeue(t.Context(), "email", "a", key(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("requeuing what is enqueued gave %v, reply lost or not", err)
	}
	j := leaseOne(t, good)
	if err := arm().Requeue(t.Context(), "email", "a", key(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("requeuing what is leased gave %v, reply lost or not", err)
	}
	if err := good.End(t.Context(), j, store.Fail()); err != nil {
		t.Fatal(err)
	}
	if err := arm().Requeue(t.Context(), "email", "a", key(1)); err != nil {
		t.Errorf("requeuing: %v", err)
	}
	if err := good.Requeue(t.Context(), "email", "a", key(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("requeuing again: %v", err)
	}
	if j := leaseOne(t, good); j.Attempts != 1 {
		t.Errorf("leased %+v", j)
	}
}
