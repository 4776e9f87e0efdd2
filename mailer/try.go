package mailer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// What became of a try, as it stands in the log.
const (
	outDelivered     = "delivered"
	outUndeliverable = "undeliverable" // for good; the request is closed
	outNotOwed       = "not owed"
	outMaybe         = "maybe sent" // one more try
	outLeft          = "left"       // maybe sent, twice
	outUnrecorded    = "unrecorded" // the relay's answer is known here, and could not be told to the store
	outFailed        = "failed"     // nothing was said to the relay
	outLost          = "lost"       // the relay answered, and by then the lease had passed on
	outLater         = "later"
)

// report is the log line of one try.
type report struct {
	site, duty, to, outcome string
	code                    int
}

// Try sends the letter of a leased entry, if it is still owed.
//
//	settled, nil      the entry was settled, together with what the relay answered; or the lease was lost meanwhile
//	not settled, nil  there is nothing to send (any more): the caller settles the entry as done
//	error             the letter is still owed: try again later, as the methods say that something in the error's tree has:
//	                  RetryAfter() time.Duration  not before that
//	                  Wait() time.Duration        after that, however often it was tried
//	                  Lane() store.Kind           in that lane
//
// It takes less than Longest. Cancelling ctx ends it soon until DATA was said to the relay, and is not heard afterwards.
func (m *Mailer) Run(ctx context.Context, e store.Job) (settled bool, err error) {
	began := time.Now()
	r := &report{site: e.Key.Site}
	settled, err = m.try(ctx, e, r)
	if err != nil && e.Queue == confirm.QueueEmailMaybeSent {
		err = inLane{err, e.Queue} // whatever hinders it now: it was maybe sent
	}
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("letter", e.ID), slog.String("site", r.site), slog.String("duty", r.duty), slog.String("to", r.to),
		slog.String("outcome", r.outcome), slog.Int("code", r.code), slog.Int64("ms", time.Since(began).Milliseconds()),
	}
	if err != nil {
		level, attrs = slog.LevelWarn, append(attrs, slog.String("error", err.Error()))
	}
	m.Log.LogAttrs(context.WithoutCancel(ctx), level, "letter", attrs...)
	return settled, err
}

func (m *Mailer) try(ctx context.Context, e store.Job, r *report) (bool, error) {
	if taken := m.notes.get(e.ID).taken; taken != nil {
		return m.delivered(ctx, e, *taken, r)
	}
	r.outcome = outFailed
	d, err := m.Service.Message(ctx, e)
	if errors.Is(err, confirm.ErrNotDue) {
		r.outcome = outNotOwed
		m.notes.forget(e.ID)
		return false, nil
	}
	if err != nil {
		return false, untold(e, err)
	}
	r.duty, r.to = string(d.Type), d.To.Masked()
	l, reply, err := m.carry(ctx, e, d)
	if err != nil {
		settled, err := m.refused(ctx, e, err, r)
		if r.outcome == outUndeliverable {
			m.Service.ReleaseMailbox(context.WithoutCancel(ctx), e, d)
		}
		return settled, err
	}
	taken := consent.Delivery{MessageID: l.id, Reply: reply, SHA256: l.sum}
	m.notes.set(e.ID, note{taken: &taken})
	return m.delivered(ctx, e, taken, r)
}

// untold is the error of a letter of which the desk said nothing: while the store is away it is as fresh as it was.
func untold(e store.Job, err error) error {
	err = fmt.Errorf("mailer: letter %s: %w", e.ID, err)
	if errors.Is(err, store.ErrUnavailable) {
		return inLane{soon{err, awayFor}, e.Queue}
	}
	return err
}

// delivered records that the relay took the letter. Should that fail, or the lease be lost, it stays noted: the next try records
// it, and sends nothing.
func (m *Mailer) delivered(ctx context.Context, e store.Job, taken consent.Delivery, r *report) (bool, error) {
	r.code = 250
	err := record(ctx, func(ctx context.Context) error { return m.Service.Delivered(ctx, e, taken) })
	return m.recorded(e, err, outDelivered, r)
}

// recorded tells whether the relay's answer was recorded, and the entry settled with it. A lost lease leaves the caller nothing to settle.
func (m *Mailer) recorded(e store.Job, err error, as string, r *report) (bool, error) {
	switch {
	case err == nil:
		r.outcome = as
		m.notes.forget(e.ID)
		return true, nil
	case errors.Is(err, store.ErrLeaseLost):
		r.outcome = outLost
		return true, nil
	}
	r.outcome = outUnrecorded
	return false, fmt.Errorf("mailer: letter %s is %s, which could not be recorded: %w", e.ID, as, err)
}

// undeliverable closes the letter's request, with the reason as evidence.
func (m *Mailer) undeliverable(ctx context.Context, e store.Job, words string, r *report) (bool, error) {
	err := record(ctx, func(ctx context.Context) error { return m.Service.Undeliverable(ctx, e, words) })
	return m.recorded(e, err, outUndeliverable, r)
}

// record tells the store what the relay said, for recordFor if it is away, cancelled or not.
func record(ctx context.Context, act func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordFor)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := act(ctx)
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
