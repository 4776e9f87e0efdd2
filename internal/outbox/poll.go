package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/optin/optin/store"
)

// maxProbes is how many queues are probed every Poll at most. Each costs two calls of the store.
const maxProbes = 8

// poll signals the queues that have due jobs, or should be probed, every Poll until ctx ends.
func (b *Outbox) poll(ctx context.Context) {
	tick := time.NewTicker(b.Poll)
	defer tick.Stop()
	failed, next := false, 0
	for {
		failed = b.signalDue(ctx, failed)
		next = b.signalProbes(time.Now(), next)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// signalDue signals the queues that have due jobs. It reports whether the store said which; failed is whether it did
// not the time before.
func (b *Outbox) signalDue(ctx context.Context, failed bool) (fails bool) {
	due, err := b.Store.Due(ctx)
	// That the store cannot be reached is logged elsewhere, once for all.
	if err != nil && ctx.Err() == nil && !failed && !errors.Is(err, store.ErrUnavailable) {
		b.Log.Error("outbox: cannot ask which queues have due jobs", "error", err)
	}
	now := time.Now()
	for _, name := range due {
		if q := b.byQueue[name]; q != nil {
			q.pool.rotation.polled(q, now)
		}
	}
	return err != nil
}

// signalProbes signals the queues whose waiting jobs should run out of turn, beginning with the one numbered from. It
// returns where to begin the next time.
func (b *Outbox) signalProbes(now time.Time, from int) (next int) {
	left := maxProbes
	for i := range b.probed {
		q := b.probed[(from+i)%len(b.probed)]
		if !q.prober.wants(now) || !q.pool.rotation.polled(q, now) {
			continue
		}
		if left--; left == 0 {
			return from + i + 1
		}
	}
	return from
}
