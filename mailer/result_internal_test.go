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
)

func TestAnErrorSaysWhenAndInWhichQueueAnEmailIsRetried(t *testing.T) {
	err := errors.New("not now")
	unreadable := fmt.Errorf("mailer: %w", confirm.ErrUnreadable)
	all := fmt.Errorf("mailer: %w", retryError{err, time.Second, time.Hour, "email/retry"})
	nothing := retryError{error: err}
	for name, c := range map[string]struct {
		ended bool
		err   error
		want  outbox.Result
	}{
		"sent, and recorded":  {true, nil, outbox.Ended()},
		"nothing to send":     {false, nil, outbox.Complete()},
		"no word of when":     {false, err, outbox.Retry(err)},
		"can never be opened": {false, unreadable, outbox.Fail(unreadable)},
		"when, where, how soon": {false, all,
			outbox.Move("email/retry", all).WithWait(time.Second).WithNotBefore(time.Hour)},
		"zeros say nothing": {false, nothing, outbox.Retry(nothing)},
	} {
		if diff := cmp.Diff(c.want, result(c.ended, c.err), cmpopts.EquateErrors()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
