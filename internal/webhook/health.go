package webhook

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/optin/optin/store"
)

// enabledFor is how long an endpoint that was found enabled is not asked about again. A disabled endpoint is asked
// about for every event, so that it gets its events as soon as it is enabled.
const enabledFor = time.Minute

// Health knows which endpoints are disabled because they answered 410 Gone. *Endpoints is one that all replicas share.
type Health interface {
	// Disabled reports whether the endpoint of a queue is disabled.
	Disabled(ctx context.Context, queue store.QueueName) (bool, error)
	// Disable disables it; first is false if it is disabled already.
	Disable(ctx context.Context, queue store.QueueName) (first bool, err error)
	// Note keeps how a call went, of an event that happened at a time: failed is nil if it was taken.
	Note(ctx context.Context, queue store.QueueName, happened time.Time, failed *CallError) error
}

// ownHealth is that of a single Sender, which has a single endpoint.
type ownHealth struct{ disabled atomic.Bool }

func (h *ownHealth) Disabled(context.Context, store.QueueName) (bool, error) {
	return h.disabled.Load(), nil
}

func (h *ownHealth) Disable(context.Context, store.QueueName) (bool, error) {
	return h.disabled.CompareAndSwap(false, true), nil
}

func (h *ownHealth) Note(context.Context, store.QueueName, time.Time, *CallError) error { return nil }

// enabledUntil is the time until which an endpoint is taken to be enabled.
type enabledUntil struct {
	mu sync.Mutex
	t  time.Time
}

func (e *enabledUntil) set(t time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.t = t
}

func (e *enabledUntil) after(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return now.Before(e.t)
}

// disabled reports whether the endpoint is disabled. When that is unknown it is called, since another 410 does no harm.
func (s *Sender) disabled(ctx context.Context, queue store.QueueName) bool {
	now := s.Now()
	if s.enabled.after(now) {
		return false
	}
	disabled, err := s.Health.Disabled(ctx, queue)
	if err != nil {
		s.Log.WarnContext(ctx, "webhook: it is unknown whether the endpoint is disabled; it is called",
			"queue", queue, "error", err)
		return false
	}
	if !disabled {
		s.enabled.set(now.Add(enabledFor))
	}
	return disabled
}

// disable disables an endpoint that answered 410 Gone, and logs an error if nobody has done so before.
func (s *Sender) disable(ctx context.Context, queue store.QueueName, call *CallError) {
	s.enabled.set(time.Time{})
	first, err := s.Health.Disable(ctx, queue)
	if err != nil {
		s.Log.WarnContext(ctx,
			"webhook: the endpoint answered 410 Gone and could not be disabled; only this event fails",
			"queue", queue, "host", call.Host, "event", call.Event, "error", err)
	}
	if first {
		s.Log.ErrorContext(ctx, "webhook: the endpoint answered 410 Gone and is disabled; "+
			"its events are kept as failed. Remove it from the configuration; or mend it and run: optin retry",
			"queue", queue, "host", call.Host, "event", call.Event, "status", http.StatusGone)
	}
}
