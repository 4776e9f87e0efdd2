// Package outbox works off what is owed: lease, try, settle.
//
// A Lane is one kind of owed work with its workers. Each worker leases an entry, tries it, and settles it by what the
// trial said:
//
//	settled, nil    the trial settled it itself, together with its record: nothing to do
//	false, nil      done
//	error           again, after the next wait of the lane's table, give or take a fifth
//	  RetryAfter()  … and not before that
//	  Park() true   never again: it is kept aside for a person to look at
//
// A lease is short and extended while its trial runs, so a long trial keeps what it has. After the last wait of the table the entry
// is parked, unless the lane repeats that wait. Work is leased, never marked: what a dead process held comes back by itself when the
// hold is over, and a worker that wakes up late finds that its lease has passed on.
//
// Run ends cleanly: leasing stops at once, what is in hand is finished, what was leased and not begun is given back.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// Try does the work of one leased entry; the package comment says what its results mean. Its context ends at the lane's
// limit, and when the lease has passed on.
type Try func(ctx context.Context, e store.Entry) (settled bool, err error)

// Lane is one kind of owed work and how it is worked off.
type Lane struct {
	Kind    store.Kind
	Try     Try
	Workers int             // 1 if zero
	Limit   time.Duration   // how long a trial may take at most. Required
	Waits   []time.Duration // before the second try, the third, …. Required
	Repeat  bool            // the last wait again and again: for work that knows by itself when it is no longer owed
}

// Options are what an Outbox needs. Store and Lanes are required.
type Options struct {
	Store   store.Store
	Lanes   []Lane
	Log     *slog.Logger                                        // slog.Default() if nil
	Poll    time.Duration                                       // how often an idle worker looks; a second if zero
	Hold    time.Duration                                       // how soon what a dead process held comes back; 30 s if zero
	Observe func(k store.Kind, outcome string, d time.Duration) // for metrics; may be nil. Outcomes: done, again, parked, lost
}

// Outbox runs lanes.
type Outbox struct {
	Options
	wake   map[store.Kind]chan struct{}
	inHand sync.Map // ids of the entries that are tried here now
}

// New checks the options.
func New(o Options) (*Outbox, error) {
	if o.Store == nil {
		return nil, errors.New("outbox: no store")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Hold == 0 {
		o.Hold = 30 * time.Second
	}
	if o.Observe == nil {
		o.Observe = func(store.Kind, string, time.Duration) {}
	}
	b := &Outbox{Options: o, wake: map[store.Kind]chan struct{}{}}
	for i, l := range o.Lanes {
		if l.Kind == "" || l.Try == nil || l.Limit <= 0 || len(l.Waits) == 0 {
			return nil, fmt.Errorf("outbox: lane %d (%s) lacks a kind, a trial, its limit or waits", i, l.Kind)
		}
		b.wake[l.Kind] = make(chan struct{}, 1)
	}
	return b, nil
}

// Wake tells the lane of a kind that something is owed now, so that nothing waits for the next look.
func (b *Outbox) Wake(k store.Kind) {
	select {
	case b.wake[k] <- struct{}{}:
	default: // it is awake already, or no lane of ours
	}
}

// Run works until ctx ends and then returns, when everything in hand is finished.
func (b *Outbox) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, l := range b.Lanes {
		for range max(1, l.Workers) {
			all.Go(func() { b.work(ctx, l) })
		}
	}
	all.Wait()
}

// work is one worker: as long as there is work it goes on; then it waits for a wake or the next look.
func (b *Outbox) work(ctx context.Context, l Lane) {
	for failures := 0; ctx.Err() == nil; {
		// Not broken off by a stop: what was leased by then, and never heard of, would come back only when its hold is over.
		entries, err := b.Store.Lease(context.WithoutCancel(ctx), l.Kind, 1, b.Hold)
		switch {
		case ctx.Err() != nil:
			b.giveBack(ctx, entries)
		case err != nil:
			failures++
			if failures == 1 {
				b.Log.Error("outbox: cannot lease", "lane", l.Kind, "error", err)
			}
			b.rest(ctx, l.Kind, min(b.Poll<<min(failures, 5), 30*time.Second))
		case len(entries) == 0:
			failures = 0
			b.rest(ctx, l.Kind, b.Poll)
		default:
			failures = 0
			b.Wake(l.Kind) // there may be more: let a neighbour look
			for _, e := range entries {
				b.one(ctx, l, e)
			}
		}
	}
}

func (b *Outbox) rest(ctx context.Context, k store.Kind, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-b.wake[k]:
	case <-t.C:
	}
}

// giveBack frees what was leased just when work was to stop.
func (b *Outbox) giveBack(ctx context.Context, entries []store.Entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, e := range entries {
		if err := b.Store.Settle(ctx, e, store.Again(time.Time{})); err != nil {
			b.Log.Warn("outbox: a lease could not be given back and ends by itself", "lane", e.Kind, "entry", e.ID, "error", err)
		}
	}
}

// one tries an entry and settles it. Shutting down does not break off what has begun.
func (b *Outbox) one(ctx context.Context, l Lane, e store.Entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.Limit)
	defer cancel()
	if _, there := b.inHand.LoadOrStore(e.ID, true); there {
		b.putOff(ctx, e)
		return
	}
	defer b.inHand.Delete(e.ID)
	begun := time.Now()
	held, release := b.keep(ctx, e)
	settled, err := b.guard(held, l, e)
	release()
	outcome, what := l.judge(e, err, begun)
	if errors.Is(err, store.ErrLost) {
		settled, outcome = true, "lost"
	}
	if !settled {
		if err := b.Store.Settle(ctx, e, what); err != nil {
			outcome = "lost"
			b.Log.Warn("outbox: an outcome could not be kept; the entry comes back", "lane", e.Kind, "entry", e.ID, "error", err)
		}
	}
	if outcome != "done" {
		b.Log.Warn("outbox: not done", "lane", e.Kind, "entry", e.ID, "tries", e.Tries, "outcome", outcome, "next", what.At, "error", err)
	}
	b.Observe(l.Kind, outcome, time.Since(begun))
}

// putOff leaves an entry to the neighbour that is still trying it: the lease could not be extended, and ran out. Once the neighbour has
// ended, the entry comes back for what it could not settle.
func (b *Outbox) putOff(ctx context.Context, e store.Entry) {
	b.Log.Warn("outbox: the lease of what is in hand ran out", "lane", e.Kind, "entry", e.ID, "tries", e.Tries)
	if err := b.Store.Settle(ctx, e, store.Again(time.Now().Add(b.Hold))); err != nil {
		b.Log.Warn("outbox: an entry could not be put off and comes back", "lane", e.Kind, "entry", e.ID, "error", err)
	}
}

// keep extends the lease while a trial takes its time, until release is called. When the lease has passed on, the trial's context ends:
// somebody else is at it.
func (b *Outbox) keep(ctx context.Context, e store.Entry) (held context.Context, release func()) {
	held, end := context.WithCancelCause(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(b.Hold / 3)
		defer tick.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-tick.C:
			}
			err := b.Store.Extend(held, e, b.Hold)
			if errors.Is(err, store.ErrLost) {
				end(err)
			} else if err != nil && held.Err() == nil {
				b.Log.Warn("outbox: a lease could not be extended", "lane", e.Kind, "entry", e.ID, "error", err)
			}
		}
	})
	return held, func() { end(nil); done.Wait() }
}

// guard keeps one bad entry from stopping the others.
func (b *Outbox) guard(ctx context.Context, l Lane, e store.Entry) (settled bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			b.Log.Error("outbox: a trial panicked", "lane", e.Kind, "entry", e.ID, "stack", string(debug.Stack()))
			settled, err = false, errors.New("outbox: the trial panicked")
		}
	}()
	return l.Try(ctx, e)
}

// judge says what becomes of an entry after a trial.
func (l Lane) judge(e store.Entry, err error, now time.Time) (string, store.Outcome) {
	if err == nil {
		return "done", store.Done()
	}
	var park interface{ Park() bool }
	n := max(0, e.Tries-1)
	if n >= len(l.Waits) && !l.Repeat || errors.As(err, &park) && park.Park() {
		return "parked", store.Dead()
	}
	wait := jitter(l.Waits[min(n, len(l.Waits)-1)])
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		wait = max(wait, later.RetryAfter())
	}
	return "again", store.Again(now.Add(wait))
}

// jitter spreads a wait by a fifth either way, so that what failed together does not come back together.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return d - d/5 + rand.N(2*d/5+1)
}
