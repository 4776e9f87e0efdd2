package webhook

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/optin/optin/store"
)

// askAgain is for how long an endpoint is taken to be on before the Switch is asked anew. Off is asked for every event: what was
// switched on again is on at once.
const askAgain = time.Minute

// Switch knows which endpoints are off, for they answered 410. *confirm.Service is one for all replicas together.
type Switch interface {
	// Off tells whether a lane is off.
	Disabled(ctx context.Context, lane store.QueueName) (bool, error)
	// Disable switches it off; first is false if somebody else has done so already.
	Disable(ctx context.Context, lane store.QueueName) (first bool, err error)
}

// ownSwitch is one for a single Caller, which calls a single endpoint.
type ownSwitch struct{ off atomic.Bool }

func (s *ownSwitch) Disabled(context.Context, store.QueueName) (bool, error) {
	return s.off.Load(), nil
}

func (s *ownSwitch) Disable(context.Context, store.QueueName) (bool, error) {
	return s.off.CompareAndSwap(false, true), nil
}

// watch remembers when the endpoint was last found to be on.
type watch struct {
	mu sync.Mutex
	on time.Time // until then nobody is asked
}

func (w *watch) until(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.on = t
}

func (w *watch) fresh(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return now.Before(w.on)
}

// off tells whether the endpoint is switched off. When nobody can be asked, it is called: the worst that comes is another 410.
func (c *Caller) off(ctx context.Context, lane store.QueueName) bool {
	now := c.Now()
	if c.watch.fresh(now) {
		return false
	}
	off, err := c.Switch.Disabled(ctx, lane)
	if err != nil {
		c.Log.WarnContext(ctx, "webhook: whether the endpoint is switched off is unknown; it is called", "lane", lane, "error", err)
		return false
	}
	if !off {
		c.watch.until(now.Add(askAgain))
	}
	return off
}

// switchOff switches off an endpoint that answered 410, and whoever does so first raises the alarm.
func (c *Caller) switchOff(ctx context.Context, lane store.QueueName, f *Failure) {
	c.watch.until(time.Time{})
	first, err := c.Switch.Disable(ctx, lane)
	if err != nil {
		c.Log.WarnContext(ctx, "webhook: the endpoint answered 410 Gone and could not be switched off; only this event is parked",
			"lane", lane, "host", f.Host, "event", f.Event, "error", err)
	}
	if first {
		c.Log.ErrorContext(ctx, "webhook: the endpoint answered 410 Gone and is switched off; what it is owed is parked. "+
			"Take it out of the configuration; or mend it and run: optin webhook replay", "lane", lane, "host", f.Host,
			"event", f.Event, "status", http.StatusGone)
	}
}
