package mailer

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// says is an error that says all that one can.
type says struct {
	error
	queue           store.QueueName
	wait, notBefore time.Duration
}

func (s says) Lane() store.QueueName     { return s.queue }
func (s says) Wait() time.Duration       { return s.wait }
func (s says) RetryAfter() time.Duration { return s.notBefore }

func TestAnErrorSaysWhenAndWhereAnEmailIsRetried(t *testing.T) {
	err := errors.New("not now")
	unreadable := fmt.Errorf("mailer: %w", confirm.ErrUnreadable)
	all := fmt.Errorf("mailer: %w", says{err, "email/retry", time.Second, time.Hour})
	nothing := says{error: err}
	for name, c := range map[string]struct {
		ended bool
		err   error
		want  outbox.Result
	}{
		"sent, and recorded":    {true, nil, outbox.Ended()},
		"nothing to send":       {false, nil, outbox.Complete()},
		"no word of when":       {false, err, outbox.Retry(err)},
		"can never be opened":   {false, unreadable, outbox.Fail(unreadable)},
		"when, where, how soon": {false, all, outbox.Move("email/retry", all).WithWait(time.Second).WithNotBefore(time.Hour)},
		"zeros say nothing":     {false, nothing, outbox.Retry(nothing)},
	} {
		if diff := cmp.Diff(c.want, result(c.ended, c.err), cmpopts.EquateErrors()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
