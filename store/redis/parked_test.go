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

func TestTheParkedTellWhenTheyDied(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{URL: server.url()})
	put(t, s, key(1), &store.Record{}, store.Job{ID: "a", Queue: "letter", Due: time.Now().Add(-time.Hour)})
	before := time.Now().Truncate(time.Millisecond)
	if err := s.End(t.Context(), leaseOne(t, s), store.Fail()); err != nil {
		t.Fatal(err)
	}
	es, err := s.Failed(t.Context(), "letter", "", 1)
	if err != nil || len(es) != 1 || es[0].Due.Before(before) || es[0].Due.After(time.Now()) {
		t.Errorf("parked are %+v, %v, died not before %v", es, err, before)
	}
}

// dying parks so many entries of one record at once, and returns their IDs in the order in which they died, backwards by name.
func dying(t *testing.T, s *Store, n int) (ids []string) {
	t.Helper()
	var owed []store.Job
	for i := range n {
		owed = append(owed, letter(fmt.Sprintf("dead-%02d", i)))
	}
	put(t, s, key(1), &store.Record{}, owed...)
	es, err := s.Lease(t.Context(), "letter", n, time.Minute)
	if err != nil || len(es) != n {
		t.Fatalf("leased %d, %v", len(es), err)
	}
	slices.SortFunc(es, func(a, b store.Job) int { return cmp.Compare(b.ID, a.ID) })
	var questions []question
	for _, e := range es {
		questions = append(questions, settleQuestion(store.JobEnd{Job: e, Outcome: store.Fail()}))
		ids = append(ids, e.ID)
	}
	if _, err := s.ask(t.Context(), 1, questions...); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestTheOrderOfDeathsIsFinerThanAMillisecond(t *testing.T) {
	s := patient(t, Options{URL: startServer(t).url()})
	want := dying(t, s, 40)
	es, err := s.Failed(t.Context(), "letter", "", 99)
	if err != nil || len(es) != len(want) {
		t.Fatalf("%d are parked, %v", len(es), err)
	}
	for i, e := range es {
		if e.ID != want[i] {
			t.Errorf("%s is number %d, want %s", e.ID, i, want[i])
		}
	}
}

// Before, an entry was parked by the millisecond, and without its tries.
func TestWhatWasParkedBeforeIsListedByPageAndRevived(t *testing.T) {
	server := startServer(t)
	s, c := patient(t, Options{URL: server.url()}), server.client()
	on, at := shardOf(key(1).ID), float64(time.Now().UnixMilli())
	want := dying(t, s, 9)
	for _, id := range want {
		c.HDel(t.Context(), on.tries("letter"), id)
		c.ZAdd(t.Context(), on.parked("letter"), goredis.Z{Score: at, Member: member(id, key(1))})
	}
	slices.Sort(want)
	var got []string
	for after := ""; len(got) <= len(want); {
		es, err := s.Failed(t.Context(), "letter", after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(es) == 0 {
			break
		}
		for _, e := range es {
			got, after = append(got, e.ID), e.ID
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("by page they are %v, want %v", got, want)
	}
	for _, id := range got {
		if err := s.Requeue(t.Context(), "letter", id, key(1)); err != nil {
			t.Error(err)
		}
	}
	if es, err := s.Lease(t.Context(), "letter", 9, time.Minute); err != nil || len(es) != 9 || es[0].Attempts != 1 {
		t.Errorf("leased %+v, %v", es, err)
	}
}

func TestARevivalWhoseReplyIsLostIsNotReportedLost(t *testing.T) {
	arm, good := lossy(t)
	put(t, good, key(1), &store.Record{State: "pending"}, letter("a"))
	if err := arm().Requeue(t.Context(), "letter", "a", key(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("reviving what is owed gave %v, reply lost or not", err)
	}
	e := leaseOne(t, good)
	if err := arm().Requeue(t.Context(), "letter", "a", key(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("reviving what is leased gave %v, reply lost or not", err)
	}
	if err := good.End(t.Context(), e, store.Fail()); err != nil {
		t.Fatal(err)
	}
	if err := arm().Requeue(t.Context(), "letter", "a", key(1)); err != nil {
		t.Errorf("reviving: %v", err)
	}
	if err := good.Requeue(t.Context(), "letter", "a", key(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("reviving again: %v", err)
	}
	if e := leaseOne(t, good); e.Attempts != 1 {
		t.Errorf("leased %+v", e)
	}
}
