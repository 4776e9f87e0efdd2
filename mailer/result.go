package mailer

import (
	"errors"
	"fmt"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// The reasons why an email waits that no relay refused.
var (
	errDomainLimit  = errors.New("mailer: the domain has had as many emails as its limit allows for now")
	errMailboxLimit = errors.New("mailer: the mailbox has had as many emails as its limit allows for now")
	errPaused       = errors.New("mailer: every relay is paused")
	errBusy         = errors.New("mailer: every connection to the relay is in use")
	errRefused      = errors.New("mailer: every relay refuses us for the recipient's domain, or is paused")
	errDomainPaused = errors.New("mailer: the recipient's domain is paused")
	errDomainSlow   = errors.New("mailer: the recipient's domain has not answered yet")
	errDomainBusy   = errors.New("mailer: enough emails to the recipient's domain are under way")
)

// storeAwayDelay is how long a job waits because the store was unavailable.
const storeAwayDelay = 5 * time.Second

// unreadableAttempts is how often an email is tried that does not open: its secret may be put back, or another process
// may have it. By Waits that is for a month, and no link is good for longer.
const unreadableAttempts = 190

// result returns how a job ends: what Run's outcome means for the outbox.
func result(job store.Job, ended bool, err error) outbox.Result {
	switch {
	case err == nil && ended:
		return outbox.Ended()
	case err == nil:
		return outbox.Complete()
	case errors.Is(err, confirm.ErrUnreadable) && job.Attempts >= unreadableAttempts:
		return outbox.Fail(err)
	}
	later := retry(err)
	return outbox.Move(later.queue, err).WithWait(later.delay).WithNotBefore(later.notBefore)
}

// retryError is the error of a job that is retried otherwise than its queue has it by default. A zero field leaves the
// default.
type retryError struct {
	error
	delay     time.Duration   // instead of the schedule's; the attempt does not count as one
	notBefore time.Duration   // the least delay
	queue     store.QueueName // where the job waits, which says what is known of its email
}

func (e retryError) Unwrap() error { return e.error }

// retry returns err with what an earlier retryError in its tree says.
func retry(err error) retryError {
	r := retryError{}
	errors.As(err, &r)
	r.error = err
	return r
}

// retryIn is for an email that was out of turn: the attempt does not count.
func retryIn(err error, delay time.Duration) error {
	r := retry(err)
	r.delay = delay
	return r
}

// retryNotBefore is for an email that is better left alone for a while.
func retryNotBefore(err error, delay time.Duration) error {
	r := retry(err)
	r.notBefore = delay
	return r
}

// moveTo is for an email that waits in a certain queue: its own, because the attempt found out nothing about it, or one
// that says what is now known of it.
func moveTo(err error, queue store.QueueName) error {
	r := retry(err)
	r.queue = queue
	return r
}

// storeError is for an email that the service could say nothing about. While the store is unavailable the attempt does
// not count.
func storeError(job store.Job, err error) error {
	err = fmt.Errorf("mailer: email %s: %w", job.ID, err)
	if errors.Is(err, store.ErrUnavailable) {
		return moveTo(retryIn(err, storeAwayDelay), job.Queue)
	}
	return err
}
