package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// keepLease renews the lease of a job until release is called. The context it returns ends when the lease is lost:
// another process then has the job.
func (b *Outbox) keepLease(ctx context.Context, job store.Job) (held context.Context, release func()) {
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
			err := b.Store.RenewLease(held, job, b.LeaseFor)
			if errors.Is(err, store.ErrLeaseLost) {
				end(err)
			} else if err != nil && held.Err() == nil {
				b.Log.Warn("outbox: a lease could not be renewed", "queue", job.Queue, "job", job.ID, "error", err)
			}
		}
	})
	return held, func() { end(nil); done.Wait() }
}

// postpone puts off a job that is still running here: its lease could not be renewed, ended, and was granted to another
// worker of this process. If the run that has begun cannot end the job, it comes back after LeaseFor.
func (b *Outbox) postpone(ctx context.Context, job store.Job) {
	b.Log.Warn("outbox: the lease of a running job ended", "queue", job.Queue, "job", job.ID, "attempts", job.Attempts)
	if err := b.Store.End(ctx, job, store.Retry(time.Now().Add(b.LeaseFor))); err != nil {
		b.Log.Warn("outbox: a job could not be put off and comes back", "queue", job.Queue, "job", job.ID, "error", err)
	}
}

// giveBack ends the leases of jobs that were leased just when Run was to stop.
func (b *Outbox) giveBack(ctx context.Context, jobs []store.Job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, job := range jobs {
		if err := b.Store.End(ctx, job, store.Retry(time.Time{})); err != nil {
			b.Log.Warn("outbox: a lease could not be given back and ends by itself",
				"queue", job.Queue, "job", job.ID, "error", err)
		}
	}
}
