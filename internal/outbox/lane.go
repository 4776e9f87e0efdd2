package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/optin/optin/store"
)

// Try does the work of one leased entry; the package comment says what its results mean. Its context ends at the lane's
// limit, and when the lease has passed on.
type Run func(ctx context.Context, e store.Job) (settled bool, err error)

// Lane is some kinds of owed work and how they are worked off.
type Pool struct {
	Queues     []store.QueueName    // worked by the same workers in turn, so that what is owed in one never waits for all of another. At least one
	Run        Run                  // Required
	Workers    int                  // 1 if zero
	PerQueue   int                  // how many workers may be at one kind at once; 0: all
	Timeout    time.Duration        // how long a trial may take at most. Required
	Waits      []time.Duration      // before the second try, the third, …. Required
	RepeatLast bool                 // the last wait again and again: for work that knows by itself when it is no longer owed
	RetryQueue store.QueueName      // where an entry waits that is to be tried again; empty: where it is
	Paused     func() time.Duration // asked before each lease: how long the lane is to rest because nothing in it can go well now; 0: go on. May be nil
	// Probe is how often one waiting entry is tried out of turn while everything fails; and once one is done after failures, all that waits
	// is due at once. Such a try counts like any other, so only a lane that repeats may probe. 0: never.
	Probe time.Duration
}

// check says what is missing, or nil.
func (l Pool) check() error {
	if len(l.Queues) == 0 || l.Run == nil || l.Timeout <= 0 || len(l.Waits) == 0 {
		return errors.New("lacks a kind, a trial, its limit or waits")
	}
	if l.Workers < 0 || l.PerQueue < 0 || l.Probe < 0 {
		return errors.New("has fewer than no workers, or would probe before it failed")
	}
	if l.Probe > 0 && !l.RepeatLast {
		return errors.New("probes, and would soon park what it tried out of turn: it must repeat")
	}
	for _, k := range l.Queues {
		if k == "" {
			return errors.New("has a kind without a name")
		}
	}
	return nil
}

// crew is a lane at work.
type crew struct {
	*Outbox
	Pool
	turns *turns
}

// work is one worker: as long as a kind is worth a look it goes on; then it waits for a reason.
func (c *crew) work(ctx context.Context) {
	for ctx.Err() == nil {
		if rest := c.resting(); rest > 0 {
			pause(ctx, min(rest, c.Poll))
			continue
		}
		t, reasons := c.turns.take()
		if t == nil {
			c.turns.wait(ctx)
			continue
		}
		c.look(ctx, t, reasons)
		c.turns.leave(t)
	}
}

func (c *crew) resting() time.Duration {
	if c.Paused == nil {
		return 0
	}
	return c.Paused()
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// look leases an entry of a kind and tries it, if there is one.
func (c *crew) look(ctx context.Context, t *turn, reasons int) {
	c.hasten(ctx, t)
	// Not broken off by a stop: what was leased by then, and never heard of, would come back only when its hold is over.
	entries, err := c.Store.Lease(context.WithoutCancel(ctx), t.kind, 1, c.LeaseFor)
	switch {
	case ctx.Err() != nil:
		c.turns.looked(t, reasons, len(entries) > 0)
		c.giveBack(ctx, entries)
	case err != nil:
		if c.turns.refused(t, reasons, c.Poll) == 1 {
			c.Log.Error("outbox: cannot lease", "lane", t.kind, "error", err)
		}
	default:
		c.turns.looked(t, reasons, len(entries) > 0)
		for _, e := range entries {
			c.one(ctx, t, e)
		}
	}
}
