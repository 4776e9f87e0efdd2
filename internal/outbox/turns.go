package outbox

import (
	"context"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// turns says which of a lane's kinds a worker looks at next.
type turns struct {
	each   int           // workers at one kind
	signal chan struct{} // one token: who takes it, and leaves something over, puts it back

	mu    sync.Mutex
	kinds []*turn
	count int64 // numbers what happens in the line
}

// turn is one kind in the line. turns.mu guards all of it but kind and health.
type turn struct {
	kind   store.QueueName
	health *health

	at      int   // workers at it, looking or trying
	looking int   // those that have no answer yet
	owed    bool  // a look may find something
	reasons int   // why it may, counted: the answer to an earlier look does not undo a later reason
	streak  int   // looks that found something, one after another
	place   int64 // when it joined the line
	served  int64 // when it had its last turn
	woken   bool
	errors  int       // looks that were refused, one after another
	until   time.Time // not looked at because of them, unless woken
}

// newTurns makes a line in which every kind is worth a look.
func newTurns(kinds []store.QueueName, each int, probe time.Duration) *turns {
	t := &turns{each: each, signal: make(chan struct{}, 1)}
	now := time.Now()
	for _, k := range kinds {
		t.kinds = append(t.kinds, &turn{kind: k, health: newHealth(probe, now)})
	}
	t.lookAtAll(now)
	return t
}

// take gives the kind whose turn it is, and the reasons that looking at it answers; nil if none is worth a look.
func (t *turns) take() (*turn, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.next()
	if next == nil {
		return nil, 0
	}
	t.count++
	next.place, next.served, next.woken = t.count, t.count, false
	next.at++
	next.looking++
	t.pass()
	return next, next.reasons
}

// next is the first in line that may be looked at; or one that was woken and has had no turn since that one joined.
func (t *turns) next() *turn {
	var first, woken *turn
	for _, k := range t.kinds {
		if t.free(k) && (first == nil || k.place < first.place) {
			first = k
		}
	}
	for _, k := range t.kinds {
		if k.woken && t.free(k) && k.served < first.place && (woken == nil || k.place < woken.place) {
			woken = k
		}
	}
	if woken != nil {
		return woken
	}
	return first
}

// free tells whether one more worker may look at a kind: one alone at first, and one more for each look in a row that found something, so
// that an idle store is asked once and a full one by all.
func (t *turns) free(k *turn) bool {
	return k.owed && (t.each == 0 || k.at < t.each) && k.looking < max(1, k.streak)
}

// pass wakes an idle worker if there is something to look at.
func (t *turns) pass() {
	if t.next() == nil {
		return
	}
	select {
	case t.signal <- struct{}{}:
	default: // somebody is about to come
	}
}

// wait returns when there may be something to take, or ctx ends.
func (t *turns) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-t.signal:
	}
}

// looked keeps what a look found.
func (t *turns) looked(k *turn, reasons int, found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k.looking--
	k.errors, k.until = 0, time.Time{}
	if found {
		k.streak++
		t.reason(k)
	} else {
		k.streak = 0
		k.owed = k.reasons != reasons
	}
	t.pass()
}

// refused keeps that a look failed, and how long the kind is left alone for it; it returns how many did in a row.
func (t *turns) refused(k *turn, reasons int, poll time.Duration) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	k.looking--
	k.streak = 0
	k.owed = k.reasons != reasons
	k.errors++
	k.until = time.Now().Add(min(poll<<min(k.errors, 5), 30*time.Second))
	t.pass()
	return k.errors
}

// leave frees a worker from a kind.
func (t *turns) leave(k *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k.at--
}
