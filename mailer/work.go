package mailer

import (
	"context"
	"errors"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// Work is the outbox.Run of the email queues.
func (m *Mailer) Work(ctx context.Context, job store.Job) outbox.Result {
	return result(m.Run(ctx, job))
}

// result turns what Run returns into a result.
func result(ended bool, err error) outbox.Result {
	switch {
	case err == nil && ended:
		return outbox.Ended()
	case err == nil:
		return outbox.Complete()
	case errors.Is(err, confirm.ErrUnreadable):
		return outbox.Fail(err)
	}
	r := outbox.Retry(err)
	var in interface{ Lane() store.QueueName }
	if errors.As(err, &in) {
		r = outbox.Move(in.Lane(), err)
	}
	var soon interface{ Wait() time.Duration }
	if errors.As(err, &soon) {
		r = r.WithWait(soon.Wait())
	}
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		r = r.WithNotBefore(later.RetryAfter())
	}
	return r
}
