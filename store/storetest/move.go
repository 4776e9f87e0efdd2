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

func moving() []testCase {
	return []testCase{
		{"AnEntryMovesToAnotherLane", moved},
		{"AnEntryMovesOnAndBack", movedOn},
		{"AMoveCommitsWithItsRecord", movedInside},
		{"OnlyOneOfManyMovesALease", movedOnce},
		{"WhatMovedIsOwedOnce", movedOwedOnce},
		{"WhatMovedMayDieAndLiveAgain", movedDies},
		{"ALaneThatCannotBeIsRefused", laneRefused},
	}
}

const slow = store.QueueName("email/slow")

// move settles a lease: the entry waits in another lane.
func move(t *testing.T, s store.Store, e store.Job, lane store.QueueName, at time.Time) {
	t.Helper()
	if err := s.End(t.Context(), e, store.Move(lane, at)); err != nil {
		t.Fatalf("moving %s from %s to %s: %v", e.ID, e.Queue, lane, err)
	}
}

// lostForAll fails unless nothing can be done with a lease.
func lostForAll(t *testing.T, s store.Store, what string, e store.Job) {
	t.Helper()
	for _, o := range []store.Outcome{store.Complete(), store.Fail(), store.Retry(time.Now()), store.Move(slow, time.Now()), store.Move("other", time.Now())} {
		want(t, fmt.Sprintf("settling %s by %+v", what, o), s.End(t.Context(), e, o), store.ErrLeaseLost)
	}
	want(t, "extending "+what, s.RenewLease(t.Context(), e, time.Hour), store.ErrLeaseLost)
}

func moved(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := owed(t, s, time.Minute)
	at := time.Now().Add(200 * time.Millisecond).Truncate(time.Millisecond)
	move(t, other, e, slow, at)
	lostForAll(t, s, "what has moved", e)
	next := leaseOne(t, other, slow, time.Minute)
	if now := time.Now(); now.Before(at) || !next.Due.Equal(at) {
		t.Errorf("leased at %v what was due at %v, want %v", now, next.Due, at)
	}
	if next.ID != "a" || next.Queue != slow || next.Attempts != 2 || next.Key != key(1) || string(next.Body) != "body of a" {
		t.Errorf("leased %+v, want the second try of a in %s", next, slow)
	}
	nothingDue(t, s, "letter")
	lostForAll(t, s, "what somebody else has in the other lane", e)
	if err := s.RenewLease(t.Context(), next, time.Minute); err != nil {
		t.Errorf("extending what moved: %v", err)
	}
	if err := s.End(t.Context(), next, store.Complete()); err != nil {
		t.Errorf("settling what moved: %v", err)
	}
	lostForAll(t, s, "what is done", next)
	nothingDue(t, s, "letter")
	nothingDue(t, s, slow)
}

func movedOn(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	bare, large := store.Job{ID: "bare", Queue: "letter"}, entry("large", "letter")
	large.Body = noise(store.MaxBody)
	bodies := map[string]string{"bare": "", "large": string(large.Body)}
	put(t, clients[0], key(1), pending(), bare)
	put(t, clients[0], key(2), pending(), large)
	past := time.Now().Add(-time.Minute)
	lanes := []store.QueueName{"letter", slow, "letter/slow/2", "letter", "letter", slow}
	here := lanes[0]
	for i, next := range lanes[1:] {
		es := lease(t, clients[i%2], here, 10, time.Minute)
		if len(es) != 2 {
			t.Fatalf("before move %d there are %+v in %s, want two", i, es, here)
		}
		for _, e := range es {
			if e.Attempts != i+1 || e.Queue != here || string(e.Body) != bodies[e.ID] {
				t.Errorf("before move %d %s of %s has %d bytes, tried %d times", i, e.ID, e.Queue, len(e.Body), e.Attempts)
			}
			move(t, clients[(i+1)%2], e, next, past)
		}
		if here != next {
			nothingDue(t, clients[i%2], here)
		}
		here = next
	}
}

func movedInside(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	old := owed(t, s, 30*time.Millisecond)
	e := leaseOne(t, other, "letter", time.Minute)
	past := time.Now().Add(-time.Minute)
	want(t, "a change that moves too late", settleBy(t, s, key(1), old, store.Move(slow, past)), store.ErrLeaseLost)
	nothingDue(t, s, slow)
	nothingDue(t, s, "webhook")
	if err := settleBy(t, s, key(1), e, store.Move(slow, past)); err != nil {
		t.Fatal(err)
	}
	if r := get(t, other, key(1)); r.State != "confirmed" {
		t.Errorf("the record is %+v", r)
	}
	if hook := leaseOne(t, other, "webhook", time.Minute); hook.ID != "hook" {
		t.Errorf("leased %+v", hook)
	}
	want(t, "a change that moves what has moved", settleBy(t, s, key(1), e, store.Move("other", past)), store.ErrLeaseLost)
	nothingDue(t, s, "webhook")
	nothingDue(t, s, "letter")
	e = leaseOne(t, other, slow, time.Minute)
	if e.Attempts != 3 || string(e.Body) != "body of a" || e.Key != key(1) {
		t.Errorf("leased %+v, want its third try", e)
	}
	if err := settleBy(t, s, key(1), e, store.Complete()); err != nil {
		t.Errorf("settling what moved: %v", err)
	}
	nothingDue(t, s, slow)
}

func movedOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	e := owed(t, clients[0], time.Minute)
	lanes := []store.QueueName{"letter", slow, "other"}
	past := time.Now().Add(-time.Minute)
	var won atomic.Int32
	atOnce(t, 30, func(i int) error {
		err := clients[i%2].End(t.Context(), e, store.Move(lanes[i%3], past))
		if err == nil {
			won.Add(1)
		}
		if errors.Is(err, store.ErrLeaseLost) {
			return nil
		}
		return err
	})
	var there []store.Job
	for _, lane := range lanes {
		there = append(there, lease(t, clients[0], lane, 10, time.Minute)...)
	}
	if won.Load() != 1 || len(there) != 1 || there[0].Attempts != 2 {
		t.Errorf("%d moved it, and there are %+v, want one in its second try", won.Load(), there)
	}
}

func movedOwedOnce(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	past := time.Now().Add(-time.Minute)
	owedOnce := func(when string) {
		t.Helper()
		put(t, other, key(1), pending(), entry("a", "letter"), entry("a", slow), entry("b-"+when, "letter"))
		if ids := names(lease(t, s, "letter", 10, time.Minute)); !slices.Equal(ids, []string{"b-" + when}) {
			t.Errorf("owed again while it %s, in its first lane are %v", when, ids)
		}
	}
	move(t, s, owed(t, s, time.Minute), slow, time.Now().Add(200*time.Millisecond))
	owedOnce("waits")
	e := leaseOne(t, s, slow, time.Minute)
	if e.Attempts != 2 {
		t.Errorf("leased %+v, want its second try", e)
	}
	owedOnce("is-leased")
	nothingDue(t, s, slow)
	move(t, s, e, "other", past)
	owedOnce("has-moved-on")
	nothingDue(t, s, slow)
	e = leaseOne(t, s, "other", time.Minute)
	if err := s.End(t.Context(), e, store.Fail()); err != nil {
		t.Fatal(err)
	}
	owedOnce("is-dead")
	nothingDue(t, s, slow)
}

func movedDies(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	past := time.Now().Add(-time.Minute)
	move(t, s, owed(t, s, time.Minute), slow, past)
	if err := s.End(t.Context(), leaseOne(t, s, slow, time.Minute), store.Fail()); err != nil {
		t.Fatal(err)
	}
	if ids := names(parked(t, s, "letter", "", 9)); len(ids) != 0 {
		t.Errorf("in its first lane the dead are %v", ids)
	}
	if es := parked(t, other, slow, "", 9); len(es) != 1 || es[0].Attempts != 2 || string(es[0].Body) != "body of a" || es[0].Queue != slow {
		t.Errorf("in the other the dead are %+v", es)
	}
	want(t, "reviving it where it began", other.Requeue(t.Context(), "letter", "a", key(1)), store.ErrNotFound)
	if err := other.Requeue(t.Context(), slow, "a", key(1)); err != nil {
		t.Fatal(err)
	}
	nothingDue(t, s, "letter")
	e := leaseOne(t, s, slow, time.Minute)
	if e.Attempts != 1 {
		t.Errorf("leased %+v, want its first try", e)
	}
	move(t, s, e, "letter", past)
	if e := leaseOne(t, s, "letter", time.Minute); e.Attempts != 2 || string(e.Body) != "body of a" {
		t.Errorf("leased %+v, want its second try", e)
	}
}

func laneRefused(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	e := owed(t, s, time.Minute)
	past := time.Now().Add(-time.Minute)
	for what, o := range map[string]store.Outcome{
		"a colon":           store.Move("letter:slow", past),
		"a space":           store.Move("letter slow", past),
		"a lane too long":   store.Move(store.QueueName(strings.Repeat("a", 97)), past),
		"no such verdict":   {End: 4},
		"one before Done":   {End: -1},
		"no queue":          store.Move("", past),
		"a queue not meant": {End: store.EndComplete, Queue: "*"},
		"a retry elsewhere": {End: store.EndRetry, At: past, Queue: "other"},
	} {
		want(t, "settling with "+what, s.End(t.Context(), e, o), store.ErrInvalid)
		want(t, "a change that settles with "+what, settleBy(t, s, key(1), e, o), store.ErrInvalid)
	}
	if r := get(t, s, key(1)); r.State != "pending" {
		t.Errorf("the record is %+v", r)
	}
	nothingDue(t, s, "webhook")
	longest := store.QueueName(strings.Repeat("a", 96))
	move(t, s, e, longest, past)
	leaseOne(t, s, longest, time.Minute)
}
