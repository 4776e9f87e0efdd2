package outbox

import (
	"context"
	"math"
	"sync"
	"time"
)

const (
	// all is more than any kind holds, and a number that any store can count to.
	all = math.MaxInt32
	// between is the least between two times at which all that waits in a kind is made due.
	between = time.Minute
)

// health is what this process knows of how the trials of a kind go.
type health struct {
	probe time.Duration

	mu       sync.Mutex
	failing  bool
	next     time.Time // when one is probed again
	quiet    time.Time // until then a receiver asked to be left alone
	release  bool      // all that waits is to be made due
	released time.Time // when it last was
	failed   bool      // a store's error was logged
}

func newHealth(probe time.Duration, now time.Time) *health {
	return &health{probe: probe, failing: true, next: now.Add(jitter(probe))}
}

// after keeps how a trial ended; it tells whether all that waits is to be made due because of it.
func (h *health) after(err error, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		well := h.failing && h.probe > 0
		h.release = h.release || well
		h.failing, h.quiet = false, time.Time{}
		return well
	}
	if !h.failing {
		h.failing, h.next = true, now.Add(jitter(h.probe))
	}
	h.release = false
	if d := leaveAlone(err); d > 0 {
		h.quiet = now.Add(d)
	}
	return false
}

// due is how many of those that wait are to be made due now.
func (h *health) due(now time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.probe == 0:
		return 0
	case h.release && now.Sub(h.released) >= between:
		h.release, h.released = false, now
		return all
	case h.failing && !now.Before(h.next) && !now.Before(h.quiet):
		h.next = now.Add(jitter(h.probe))
		return 1
	}
	return 0
}

// could keeps whether the store did what was due; it tells whether an error is news.
func (h *health) could(n int, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	news := err != nil && !h.failed
	h.failed = err != nil
	if err != nil && n == all && !h.failing {
		h.release = true
	}
	return news
}

// hasten makes due what is to be tried out of turn.
func (c *crew) hasten(ctx context.Context, t *turn) {
	n := t.health.due(time.Now())
	if n == 0 {
		return
	}
	_, err := c.Store.RunNow(ctx, t.kind, n)
	if news := t.health.could(n, err); news && ctx.Err() == nil {
		c.Log.Error("outbox: cannot try out of turn", "lane", t.kind, "error", err)
	}
}
