package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// leases are those of the jobs that run here now. Those of the jobs that no worker has begun are with their rotation.
type leases struct {
	mu   sync.Mutex
	held map[*lease]bool
}

// lease is that of one running job.
type lease struct {
	job   store.Job
	long  time.Duration
	since time.Time // when it was last granted or renewed; leases.mu guards it
	lost  context.CancelCauseFunc
}

// keepLease renews the lease of a job, which was asked for at since, until release is called. The context it returns
// ends when the lease is lost: another process then has the job.
func (p *pool) keepLease(ctx context.Context, job leasedJob) (held context.Context, release func()) {
	b := p.box
	held, end := context.WithCancelCause(ctx)
	if !renewable(job.Job) {
		return held, func() { end(nil) }
	}
	l := &lease{job: job.Job, long: p.LeaseFor, since: job.since, lost: end}
	b.leases.mu.Lock()
	b.leases.held[l] = true
	b.leases.mu.Unlock()
	return held, func() {
		end(nil)
		b.leases.mu.Lock()
		defer b.leases.mu.Unlock()
		delete(b.leases.held, l)
	}
}

// renewable reports whether the lease of a job may be renewed and ended at any time. That of a timer may not: it has no
// number, so it could be that of another lease, or of none since its record was changed.
func renewable(job store.Job) bool { return job.Queue != store.TimerQueue }

// keepLeases renews all leases in time until ctx ends, and gives the jobs back that have been held for long.
//
// A lease is renewed when a third to a half of it is over. So there are two further tries, and a job that is begun in
// the first half of its lease keeps it.
func (b *Outbox) keepLeases(ctx context.Context) {
	shortest := b.LeaseFor
	for _, p := range b.pools {
		shortest = min(shortest, p.LeaseFor)
	}
	tick := time.NewTicker(shortest / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			b.renewLeases(ctx, now)
			b.releaseHeld(ctx, now)
		}
	}
}

// renewLeases renews those leases of which a third is over.
func (b *Outbox) renewLeases(ctx context.Context, now time.Time) {
	var due []*lease
	b.leases.mu.Lock()
	for l := range b.leases.held {
		if now.Sub(l.since) >= l.long/3 {
			due = append(due, l)
		}
	}
	b.leases.mu.Unlock()
	inParallel(due, func(l *lease) {
		asked := time.Now()
		err := b.Store.RenewLease(ctx, l.job, l.long)
		b.leases.mu.Lock()
		defer b.leases.mu.Unlock()
		switch {
		case !b.leases.held[l]: // the job has ended meanwhile
		case err == nil:
			l.since = asked
		case errors.Is(err, store.ErrLeaseLost):
			l.lost(err)
		default:
			b.Log.Warn("outbox: a lease could not be renewed", "queue", l.job.Queue, "job", l.job.ID, "error", err)
		}
	})
}

// releaseHeld gives jobs back that have been held for a third of their lease, because the jobs before them take longer
// than they used to: another process, or a worker here that becomes free, may have them.
func (b *Outbox) releaseHeld(ctx context.Context, now time.Time) {
	for _, p := range b.pools {
		jobs := p.rotation.release(now.Add(-p.LeaseFor/3), now)
		b.giveBack(ctx, jobs)
		for _, job := range jobs {
			p.rotation.polled(b.byQueue[job.Queue], now)
		}
	}
}

// postpone puts off a job that is still running here: its lease could not be renewed, ended, and was granted to another
// worker of this process. If the run that has begun cannot end the job, it comes back after LeaseFor.
func (p *pool) postpone(ctx context.Context, job store.Job) {
	p.box.Log.Warn("outbox: the lease of a running job ended", "queue", job.Queue, "job", job.ID,
		"attempts", job.Attempts)
	if !renewable(job) {
		return // it comes back when this lease ends
	}
	if err := p.box.Store.End(ctx, job, store.Retry(time.Now().Add(p.LeaseFor))); err != nil {
		p.box.Log.Warn("outbox: a job could not be put off and comes back", "queue", job.Queue, "job", job.ID,
			"error", err)
	}
}

// giveBack ends the leases of jobs that no worker has begun. They are due again as they were, so they keep their place
// before later ones.
func (b *Outbox) giveBack(ctx context.Context, jobs []store.Job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	inParallel(jobs, func(job store.Job) {
		if !renewable(job) {
			return
		}
		if err := b.Store.End(ctx, job, store.Retry(job.Due)); err != nil {
			b.Log.Warn("outbox: a lease could not be given back and ends by itself",
				"queue", job.Queue, "job", job.ID, "error", err)
		}
	})
}

// maxCalls is how many calls inParallel makes at a time.
const maxCalls = 16

// inParallel calls f for each of all, some at a time, and returns when all calls have returned.
func inParallel[T any](all []T, f func(T)) {
	var calls sync.WaitGroup
	free := make(chan struct{}, maxCalls)
	for _, one := range all {
		free <- struct{}{}
		calls.Go(func() {
			defer func() { <-free }()
			f(one)
		})
	}
	calls.Wait()
}
