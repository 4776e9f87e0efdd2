package mailer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/nondelivery"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/store"
)

// The outcomes of an attempt, as logged.
const (
	outDelivered     = "delivered"
	outUndeliverable = "undeliverable" // for good; the request is closed
	outNotDue        = "not due"
	outMaybe         = "maybe sent"       // one more attempt
	outMaybeTwice    = "maybe sent twice" // no more attempts
	outUnrecorded    = "unrecorded"       // the relay's answer is known to this process and could not be stored
	outError         = "error"            // nothing was said to the relay
	outLost          = "lost"             // the relay answered, and another process had the lease by then
	outRetry         = "retry"
)

// Attempt is what became of one attempt at an email. It names nobody.
type Attempt struct {
	Site    string
	Job     string
	Type    string // of the email; empty: that is not known
	Outcome string // as the log has it
	// Class is that of the relay's reply: class and subject of its enhanced status code (RFC 3463), such as 5.7; the
	// class alone where it has no such code; "none" where there was no reply.
	Class string
	Took  time.Duration // from the signup to the relay's acceptance, of the first email of a request; 0: it is none
	Began time.Time
	Trace confirm.Trace // of its request; zero: none is known
}

// Failed reports whether the email is still to be sent, or cannot be.
func (a Attempt) Failed() bool { return a.Outcome != outDelivered && a.Outcome != outNotDue }

// attemptLog is the log line of one attempt.
type attemptLog struct {
	site, jobType, to, outcome string
	code                       int
	class, reply               string        // of the relay
	took                       time.Duration // as of Attempt
	recipient                  address.Address
	trace                      confirm.Trace
}

// answered notes what a relay replied.
func (l *attemptLog) answered(code int, reply string) {
	l.code, l.class = code, replyClass(code, reply)
	if !l.recipient.IsZero() { // or it cannot be masked
		l.reply = loggedWords(reply, l.recipient)
	}
}

// Run sends the email of a leased job, if it is still due, and returns how the job ends:
//
//	Ended     the job was ended together with what the relay answered, or its lease was lost meanwhile
//	Complete  there is nothing to send, or no longer
//	Retry     the email is still due, or may be: it does not open now (confirm.ErrUnreadable)
//	Move      the email is still due, and waits in a queue that says what is known of it
//	Fail      it did not open for a month
//
// It takes less than MaxDuration. Cancelling ctx ends it soon until the relay has accepted the recipient. Afterwards
// the relay has a few seconds left to say what became of the email; without an answer to its end it was maybe sent.
func (m *Mailer) Run(ctx context.Context, job store.Job) outbox.Result {
	began := time.Now()
	line := &attemptLog{site: job.Key.Site}
	ended, err := m.attempt(ctx, job, line)
	if err != nil && job.Queue == confirm.QueueEmailMaybeSent {
		err = moveTo(err, job.Queue) // whatever stopped this attempt, the email was maybe sent
	}
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("job", job.ID), slog.String("site", line.site), slog.String("type", line.jobType),
		// The id is a keyed hash of the address: with it lines about one person can be found, and nobody named.
		slog.String("to", line.to), slog.String("subscription", job.Key.ID),
		slog.String("outcome", line.outcome), slog.Int("code", line.code),
		slog.Int64("ms", time.Since(began).Milliseconds()),
	}
	if !line.trace.IsZero() {
		attrs = append(attrs, slog.String("trace_id", line.trace.String()))
	}
	if line.reply != "" {
		attrs = append(attrs, slog.String("reply", line.reply))
	}
	if err != nil {
		level, attrs = slog.LevelWarn, append(attrs, slog.String("error", err.Error()))
	}
	m.Log.LogAttrs(context.WithoutCancel(ctx), level, "email", attrs...)
	m.Observe(Attempt{
		Site: line.site, Job: job.ID, Type: line.jobType, Outcome: line.outcome, Class: cmp.Or(line.class, "none"),
		Took: line.took, Began: began, Trace: line.trace,
	})
	return result(job, ended, err)
}

func (m *Mailer) attempt(ctx context.Context, job store.Job, line *attemptLog) (ended bool, err error) {
	if delivery := m.unrecorded.get(job.ID); delivery != nil {
		return m.recordDelivered(ctx, job, nil, *delivery, line)
	}
	line.outcome = outError
	msg, err := m.Service.Relay.Message(ctx, job)
	line.trace = msg.Trace
	if errors.Is(err, confirm.ErrNotDue) {
		line.outcome = outNotDue
		m.unrecorded.remove(job.ID)
		return false, nil
	}
	if err != nil {
		return false, storeError(job, err)
	}
	line.jobType, line.to = string(msg.Type), msg.To.Logged()
	line.recipient = msg.To
	e, reply, err := m.send(ctx, job, msg)
	if err != nil {
		return m.notTaken(ctx, job, msg.Tries, err, line)
	}
	delivery := e.delivery(reply)
	m.release(e)
	m.unrecorded.set(job.ID, delivery)
	return m.recordDelivered(ctx, job, &msg, delivery, line)
}

// send hands the email of msg to a relay, if it is its turn, and returns the email and the relay's reply. The email is
// composed only once a relay may take it.
func (m *Mailer) send(ctx context.Context, job store.Job, msg confirm.Message) (e *email, reply string, err error) {
	slot, wait, err := m.domains.acquire(ctx, msg.To.Domain())
	switch {
	case errors.Is(err, errDomainPaused), errors.Is(err, errDomainSlow):
		return nil, "", retryNotBefore(err, wait)
	case err != nil:
		return nil, "", retryIn(err, wait)
	}
	err = errBusy // after a panic, nothing is learned about the domain
	defer func() { slot.release(err) }()
	if wait := m.pausedForSender(msg, ""); wait > 0 {
		return nil, "", retryIn(errPaused, wait)
	}
	if wait := m.pausedForSender(msg, msg.To.Domain()); wait > 0 {
		return nil, "", retryNotBefore(errRefused, wait)
	}
	if err := m.acquireMailbox(ctx, job, msg); err != nil {
		return nil, "", err
	}
	if e, err = m.compose(&msg); err != nil {
		return nil, "", err
	}
	if err := m.keep(ctx, e.skeleton); err != nil {
		return nil, "", storeError(job, err)
	}
	e.rcptTimeout, e.domainAnswers = m.rcptTimeout(job.Queue), !slot.unproven
	reply, err = m.deliver(ctx, e)
	return e, reply, err
}

// pausedForSender returns how long every relay is paused for the envelope sender of an email, and for a recipient's
// domain if there is one.
func (m *Mailer) pausedForSender(msg confirm.Message, recipient string) time.Duration {
	site := m.Sites[msg.Site]
	if site.BounceDomain != "" && msg.ReturnPath != "" {
		return m.relaysPausedFor(site.BounceDomain, recipient)
	}
	return m.relaysPausedFor(site.fromDomain(), recipient)
}

// rcptTimeout returns how long an email of a queue waits for the answer to RCPT. Zero means as long as the session.
func (m *Mailer) rcptTimeout(queue store.QueueName) time.Duration {
	switch first, stalling := firstAttempt(queue), m.domains.stalling(); {
	case first && stalling:
		return m.FirstRcpt / 5
	case first, stalling:
		return m.FirstRcpt
	}
	return 0
}

// firstAttempt reports whether the emails of a queue have not been offered to a relay before.
func firstAttempt(queue store.QueueName) bool {
	return queue != confirm.QueueEmailRetry && queue != confirm.QueueEmailMaybeSent
}

// acquireMailbox counts an email against the limits of its mailbox, once for all its attempts.
func (m *Mailer) acquireMailbox(ctx context.Context, job store.Job, msg confirm.Message) error {
	err := m.Service.Relay.AcquireMailbox(ctx, job, msg)
	if exceeded := new(ratelimit.Exceeded); errors.As(err, &exceeded) {
		if exceeded.HasNoRoom(ratelimit.Domain) {
			return moveTo(retryNotBefore(errDomainLimit, exceeded.Wait()+domainSpread(job.Attempts)), job.Queue)
		}
		return moveTo(retryNotBefore(errMailboxLimit, exceeded.Wait()), job.Queue)
	}
	if err != nil {
		return storeError(job, err)
	}
	return nil
}

// domainSpread returns how much later than there is room for one email again a job is tried that waits for its domain:
// at random, and longer the more often it found none, so that a thousand that wait do not all come for the same place.
func domainSpread(attempts int) time.Duration {
	return rand.N(time.Minute << min(max(attempts, 1), 6)) // #nosec G404 -- nobody gains by foreseeing it
}

// notTaken decides how the job of an email ends that no relay took.
func (m *Mailer) notTaken(
	ctx context.Context, job store.Job, tries int, err error, line *attemptLog,
) (ended bool, _ error) {
	if errors.Is(err, errNoUTF8) {
		return m.recordUndeliverable(ctx, job, errNoUTF8.Error(), line)
	}
	var failure *smtpError
	if errors.As(err, &failure) {
		line.answered(failure.code, failure.reply)
	}
	var later retryError
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return false, err
	case errors.As(err, &later):
		line.outcome = outRetry
		if later.delay > 0 { // nothing was learned about the email
			err = moveTo(err, job.Queue)
		}
		return false, err
	case failure == nil:
		return false, err
	}
	return m.conversationFailed(ctx, job, tries, failure, line)
}

// conversationFailed decides how the job ends by the relay's answer to RCPT or later, or by its silence.
func (m *Mailer) conversationFailed(
	ctx context.Context, job store.Job, tries int, failure *smtpError, line *attemptLog,
) (ended bool, err error) {
	line.outcome = outRetry
	if failure.judged.Reason == nondelivery.Flood {
		m.startSurge(ctx, job.Key.Site)
	}
	if failure.final {
		return m.recordUndeliverable(ctx, job, failure.reply, line)
	}
	m.recordTried(ctx, job, failure)
	switch {
	case failure.maybeTaken() && job.Queue == confirm.QueueEmailMaybeSent:
		line.outcome = outMaybeTwice
		return false, nil
	case failure.maybeTaken():
		line.outcome = outMaybe
		err := fmt.Errorf("%w; the email was maybe sent", failure)
		return false, moveTo(retryNotBefore(err, MaybeSentDelay), confirm.QueueEmailMaybeSent)
	case errors.Is(failure, context.Canceled):
		return false, moveTo(failure, job.Queue)
	case failure.stalled():
		return false, moveTo(failure, confirm.QueueEmailRetry)
	case failure.dropped() && tries < len(dropWaits()):
		return false, moveTo(retryIn(failure, dropWaits()[tries]), confirm.QueueEmailRetry)
	}
	return false, failure
}

// startSurge makes a site ask everyone who signs up for a challenge, because a mail system says that its form is used
// to flood a mailbox. If the store is unavailable, the next such reply does it.
func (m *Mailer) startSurge(ctx context.Context, site string) {
	err := m.Service.Relay.Flooded(ctx, site)
	m.Log.WarnContext(ctx, "forms are flooding a mailbox: signups at this site now need a challenge", "site", site,
		"error", err)
}

// recordDelivered records that the relay took the email. If that fails, or the lease is lost, the delivery stays in
// m.unrecorded: the next attempt records it and sends nothing.
func (m *Mailer) recordDelivered(
	ctx context.Context, job store.Job, said *confirm.Message, delivery consent.Delivery, line *attemptLog,
) (ended bool, err error) {
	line.answered(250, delivery.Reply)
	err = retryRecording(ctx, func(ctx context.Context) error {
		return m.Service.Relay.Delivered(ctx, job, said, delivery)
	})
	if ended, err = m.recorded(job, err, outDelivered, line); line.outcome == outDelivered && said.IsFirst() {
		line.took = m.Now().Sub(said.Asked)
	}
	return ended, err
}

// recordUndeliverable closes the request, with the relay's reply as evidence.
func (m *Mailer) recordUndeliverable(
	ctx context.Context, job store.Job, reply string, line *attemptLog,
) (ended bool, err error) {
	err = retryRecording(ctx, func(ctx context.Context) error { return m.Service.Relay.Undeliverable(ctx, job, reply) })
	return m.recorded(job, err, outUndeliverable, line)
}

// recordTried keeps as evidence that a relay did not take the email, in its words or, where it had none, in ours. The
// email does not wait for a store that is unavailable: then this answer is missing.
func (m *Mailer) recordTried(ctx context.Context, job store.Job, failure *smtpError) {
	if errors.Is(failure, context.Canceled) && !failure.maybeTaken() {
		return
	}
	err := m.Service.Relay.Tried(context.WithoutCancel(ctx), job, consent.Answer{
		Relay: failure.relay, Reply: cmp.Or(failure.reply, failure.text),
		Reason: consent.RefusalReason(failure.judged.Reason),
	})
	if err != nil {
		m.Log.WarnContext(ctx, "a relay's answer could not be kept", "site", job.Key.Site, "job", job.ID, "error", err)
	}
}

// recorded returns how the job ends after err, the result of recording an outcome and ending the job with it. After a
// lost lease the caller has nothing left to end.
func (m *Mailer) recorded(job store.Job, err error, outcome string, line *attemptLog) (ended bool, _ error) {
	switch {
	case err == nil:
		line.outcome = outcome
		m.unrecorded.remove(job.ID)
		return true, nil
	case errors.Is(err, store.ErrLeaseLost):
		line.outcome = outLost
		return true, nil
	}
	line.outcome = outUnrecorded
	return false, fmt.Errorf("mailer: email %s is %s, which could not be recorded: %w", job.ID, outcome, err)
}

// retryRecording calls record until the store is available, for at most recordTimeout. Cancelling ctx does not end it.
func retryRecording(ctx context.Context, record func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := record(ctx)
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

// keepUnrecorded is how long an unrecorded delivery is remembered if this process does not attempt its job again:
// another process may have ended the job.
const keepUnrecorded = 48 * time.Hour

// unrecorded holds the deliveries that a relay took and that are not yet recorded, by job. They are few.
type unrecorded struct {
	now   func() time.Time
	mu    sync.Mutex
	byJob map[string]unrecordedDelivery
}

type unrecordedDelivery struct {
	at       time.Time
	delivery consent.Delivery
}

// get returns the delivery of a job, or nil.
func (u *unrecorded) get(job string) *consent.Delivery {
	u.mu.Lock()
	defer u.mu.Unlock()
	if d, ok := u.byJob[job]; ok {
		return &d.delivery
	}
	return nil
}

func (u *unrecorded) set(job string, delivery consent.Delivery) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	if u.byJob == nil {
		u.byJob = map[string]unrecordedDelivery{}
	}
	maps.DeleteFunc(u.byJob, func(_ string, old unrecordedDelivery) bool { return now.Sub(old.at) > keepUnrecorded })
	u.byJob[job] = unrecordedDelivery{now, delivery}
}

func (u *unrecorded) remove(job string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.byJob, job)
}
