package outbox

import (
	"context"
	"time"

	"github.com/optin/optin/store"
)

// reason puts a kind in line.
func (t *turns) reason(k *turn) {
	k.reasons++
	if !k.owed {
		t.count++
		k.owed, k.place = true, t.count
	}
}

// wake puts a kind in line, in front if it may.
func (t *turns) wake(kind store.QueueName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range t.kinds {
		if k.kind == kind {
			t.reason(k)
			k.woken = true
		}
	}
	t.pass()
}

// lookAtAll puts every kind in line but those that were just refused.
func (t *turns) lookAtAll(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range t.kinds {
		if !now.Before(k.until) {
			t.reason(k)
		}
	}
	t.pass()
}

// poll has the whole lane looked through again and again until ctx ends.
func (t *turns) poll(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			t.lookAtAll(now)
		}
	}
}
