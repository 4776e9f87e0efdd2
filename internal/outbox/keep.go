package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// keep extends the lease while a trial takes its time, until release is called. When the lease has passed on, the trial's context ends:
// somebody else is at it.
func (b *Outbox) keep(ctx context.Context, e store.Job) (held context.Context, release func()) {
	held, end := context.WithCancelCause(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(b.LeaseFor / 3)
		defer tick.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-tick.C:
			}
			err := b.Store.RenewLease(held, e, b.LeaseFor)
			if errors.Is(err, store.ErrLeaseLost) {
				end(err)
			} else if err != nil && held.Err() == nil {
				b.Log.Warn("outbox: a lease could not be extended", "lane", e.Queue, "entry", e.ID, "error", err)
			}
		}
	})
	return held, func() { end(nil); done.Wait() }
}

// putOff leaves an entry to the neighbour that is still trying it: the lease could not be extended, and ran out. Once the neighbour has
// ended, the entry comes back for what it could not settle.
func (b *Outbox) putOff(ctx context.Context, e store.Job) {
	b.Log.Warn("outbox: the lease of what is in hand ran out", "lane", e.Queue, "entry", e.ID, "tries", e.Attempts)
	if err := b.Store.End(ctx, e, store.Retry(time.Now().Add(b.LeaseFor))); err != nil {
		b.Log.Warn("outbox: an entry could not be put off and comes back", "lane", e.Queue, "entry", e.ID, "error", err)
	}
}

// giveBack frees what was leased just when work was to stop.
func (b *Outbox) giveBack(ctx context.Context, entries []store.Job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, e := range entries {
		if err := b.Store.End(ctx, e, store.Retry(time.Time{})); err != nil {
			b.Log.Warn("outbox: a lease could not be given back and ends by itself", "lane", e.Queue, "entry", e.ID, "error", err)
		}
	}
}
