package mailer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

// carry brings a letter to the relays, if it is its turn, and answers a relay's words. It is composed only if somebody may take it.
func (m *Mailer) carry(ctx context.Context, e store.Job, d confirm.Message) (l *letter, reply string, err error) {
	v, wait, err := m.domains.enter(ctx, d.To.Domain())
	switch {
	case errors.Is(err, errResting), errors.Is(err, errSlow):
		return nil, "", notBefore{err, wait}
	case err != nil:
		return nil, "", soon{err, wait}
	}
	err = errBusy // should anything panic, nothing is learnt of the domain
	defer func() { v.end(err) }()
	if wait := m.pausedFor(d); wait > 0 {
		return nil, "", soon{errPaused, wait}
	}
	if err := m.place(ctx, e, d); err != nil {
		return nil, "", err
	}
	if l, err = m.compose(e, d); err != nil {
		return nil, "", err
	}
	l.patience = m.patience(e.Queue)
	reply, err = m.deliver(ctx, l)
	return l, reply, err
}

// pausedFor is how long every relay is paused for the sender of a letter.
func (m *Mailer) pausedFor(d confirm.Message) time.Duration {
	site := m.Sites[d.Site]
	if site.BounceDomain != "" && d.ReturnPath != "" {
		return m.rest(site.BounceDomain)
	}
	return m.rest(site.domain())
}

// patience is how long a letter waits for the answer to RCPT; zero: as long as the session.
func (m *Mailer) patience(k store.QueueName) time.Duration {
	switch first, short := firstTry(k), m.domains.stalling(); {
	case first && short:
		return m.Hasty / 5
	case first, short:
		return m.Hasty
	}
	return 0
}

// firstTry tells whether nobody has heard of a letter yet.
func firstTry(k store.QueueName) bool {
	return k != confirm.QueueEmailRetry && k != confirm.QueueEmailMaybeSent
}

// place gives the letter its place in its mailbox, once for all its tries.
func (m *Mailer) place(ctx context.Context, e store.Job, d confirm.Message) error {
	wait, err := m.Service.AcquireMailbox(ctx, e, d)
	switch {
	case err != nil:
		return untold(e, err)
	case wait > 0:
		return notBefore{inLane{errCrowded, e.Queue}, wait} // as fresh as it was
	}
	return nil
}

// refused decides what becomes of a letter that no relay took.
func (m *Mailer) refused(ctx context.Context, e store.Job, err error, r *report) (bool, error) {
	if errors.Is(err, errNoUTF8) {
		return m.undeliverable(ctx, e, errNoUTF8.Error(), r)
	}
	var f *fault
	if errors.As(err, &f) {
		r.code = f.code
	}
	var unheard soon
	var resting notBefore
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return false, err
	case errors.As(err, &unheard):
		r.outcome = outLater
		return false, inLane{err, e.Queue} // it is as fresh as it was
	case errors.As(err, &resting):
		r.outcome = outLater
		return false, err
	case f == nil:
		return false, err
	}
	return m.answered(ctx, e, f, r)
}

// answered decides what becomes of a letter by the relay's answer, or by the lack of one.
func (m *Mailer) answered(ctx context.Context, e store.Job, f *fault, r *report) (bool, error) {
	r.outcome = outLater
	if flooded.MatchString(f.text) {
		m.trip(ctx, e.Key.Site)
	}
	switch {
	case f.permanent():
		return m.undeliverable(ctx, e, f.line, r)
	case f.ambiguous() && e.Queue == confirm.QueueEmailMaybeSent:
		r.outcome = outLeft
		return false, nil
	case f.ambiguous():
		r.outcome = outMaybe
		return false, notBefore{inLane{fmt.Errorf("%w; the letter was maybe sent", f), confirm.QueueEmailMaybeSent}, MaybeAfter}
	case errors.Is(f, context.Canceled):
		return false, inLane{f, e.Queue}
	case f.stalled():
		return false, inLane{f, confirm.QueueEmailRetry}
	}
	return false, f
}

// trip makes a site ask who signs up for a challenge: a mailbox says that its form is used to flood it. Should the store be away, the next
// letter says so again.
func (m *Mailer) trip(ctx context.Context, site string) {
	err := m.Service.StartSurge(ctx, site)
	m.Log.WarnContext(ctx, "a mailbox is flooded by forms: who signs up at this site is asked for a challenge", "site", site, "error", err)
}
