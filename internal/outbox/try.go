package outbox

import (
	"cmp"
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/optin/optin/store"
)

// one tries an entry and settles it. Shutting down does not break off what has begun; nor does the trial's limit end its settling, or
// what hangs would come back when its hold is over, whatever the table says.
func (c *crew) one(ctx context.Context, t *turn, e store.Job) {
	ctx = context.WithoutCancel(ctx)
	if _, there := c.inHand.LoadOrStore(e.ID, true); there {
		c.putOff(ctx, e)
		return
	}
	defer c.inHand.Delete(e.ID)
	begun := time.Now()
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	held, release := c.keep(limited, e)
	settled, err := c.guard(held, e)
	release()
	cancel()
	outcome := c.settle(ctx, e, settled, err)
	c.Observe(e.Queue, outcome, time.Since(begun))
	if t.health.after(err, time.Now()) {
		c.turns.wake(t.kind)
	}
}

// settle keeps what a trial said, unless it did so itself, and gives the outcome a word.
func (c *crew) settle(ctx context.Context, e store.Job, settled bool, err error) string {
	outcome, what := c.judge(c.counted(e, err), err, time.Now())
	if c.byKind[what.Queue] == nil && what.Queue != "" {
		c.Log.Error("outbox: nobody works the lane that an entry is to wait in; it stays where it is",
			"lane", e.Queue, "entry", e.ID, "to", what.Queue)
		what = store.Retry(what.At)
	}
	if errors.Is(err, store.ErrLeaseLost) {
		settled, outcome = true, "lost"
	}
	if !settled {
		if err := c.Store.End(ctx, e, what); err != nil {
			outcome = "lost"
			c.Log.Warn("outbox: an outcome could not be kept; the entry comes back", "lane", e.Queue, "entry", e.ID, "error", err)
		}
	}
	if outcome != "again" {
		c.misses.forget(e)
	}
	if outcome != "done" {
		log := c.Log.With("lane", e.Queue, "entry", e.ID, "tries", e.Attempts, "outcome", outcome)
		if outcome == "again" {
			log = log.With("next", what.At, "waits", cmp.Or(what.Queue, e.Queue))
		}
		log.Warn("outbox: not done", "error", err)
	}
	return outcome
}

// counted is the entry with its failures for its tries, where its lane repeats: a try that named its own wait was none, so it does not
// make the table's waits longer. Where the table ends, tries count, as they outlive the process.
func (c *crew) counted(e store.Job, err error) store.Job {
	if err != nil && c.RepeatLast && ownWait(err) == 0 {
		e.Attempts = c.misses.another(e, time.Now())
	}
	return e
}

// guard keeps one bad entry from stopping the others.
func (c *crew) guard(ctx context.Context, e store.Job) (settled bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.Log.Error("outbox: a trial panicked", "lane", e.Queue, "entry", e.ID, "stack", string(debug.Stack()))
			settled, err = false, errors.New("outbox: the trial panicked")
		}
	}()
	return c.Pool.Run(ctx, e)
}
