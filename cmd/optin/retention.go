package main

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

// Once a day one process looks through all subscriptions, in small steps: what it does is never urgent.
const (
	retentionCell  = "retention"
	retentionEvery = 23 * time.Hour
	retentionAsks  = time.Hour // how often a process asks whether it is time
	retentionStep  = 200       // subscriptions
	retentionPause = 100 * time.Millisecond
)

// retain applies the retention policy once a day, until ctx ends.
func (g *generation) retain(ctx context.Context, c *core) {
	for wait := time.Minute; pause(ctx, wait); wait = retentionAsks { // a start has other things to do
		turn, err := retentionTurn(ctx, c.store)
		if err != nil || turn == nil {
			continue
		}
		did, err := g.retainAll(ctx, c)
		if err == nil && ctx.Err() == nil {
			g.log.Info("the retention policy was applied", "subscriptions", did.Read, "cut", did.Cut,
				"erased", did.Erased, "superseded", did.Superseded, "dated", did.Dated, "unreadable", did.Unreadable)
			continue
		}
		if ctx.Err() == nil {
			g.log.Warn("the retention policy could not be applied to everything, and will be again", "error", err)
		}
		// It is not done: the next process to ask does it.
		_ = c.store.CompareAndSwap(context.WithoutCancel(ctx), retentionCell, turn, []byte("again"), time.Millisecond)
	}
}

// retentionTurn returns what marks the turn of this process; nil if another one had it within a day.
func retentionTurn(ctx context.Context, st store.Store) ([]byte, error) {
	me := make([]byte, 16)
	_, _ = rand.Read(me)
	current, err := st.SetNX(ctx, retentionCell, me, retentionEvery)
	if err != nil || current != nil {
		return nil, err
	}
	return me, nil
}

// retainAll applies the retention policy to all subscriptions of all sites, until ctx ends, and counts what each step
// did.
func (g *generation) retainAll(ctx context.Context, c *core) (all confirm.Retained, err error) {
	for _, site := range c.service.Sites() {
		for from, more := (store.Cursor{}), true; more; more = from != (store.Cursor{}) {
			did, next, err := c.service.Clock.Retain(ctx, site.ID, from, retentionStep)
			all.Add(did)
			g.metrics.Retained(map[string]int{
				"read": did.Read, "cut": did.Cut, "erased": did.Erased, "superseded": did.Superseded,
				"dated":      did.Dated,
				"unreadable": did.Unreadable,
			})
			if err != nil || !pause(ctx, retentionPause) {
				return all, err
			}
			from = next
		}
	}
	return all, nil
}

// pause waits, and reports whether the time passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
