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

func TestAnErrorSaysWhenAndInWhichQueueAnEmailIsRetried(t *testing.T) {
	err := errors.New("not now")
	unreadable := fmt.Errorf("mailer: %w", confirm.ErrUnreadable)
	all := fmt.Errorf("mailer: %w", retryError{err, time.Second, time.Hour, "email/retry"})
	nothing := retryError{error: err}
	for name, c := range map[string]struct {
		attempts int
		ended    bool
		err      error
		want     outbox.Result
	}{
		"sent, and recorded":     {1, true, nil, outbox.Ended()},
		"nothing to send":        {1, false, nil, outbox.Complete()},
		"no word of when":        {500, false, err, outbox.Retry(err)},
		"cannot be opened":       {189, false, unreadable, outbox.Retry(unreadable)},
		"could not, for a month": {190, false, unreadable, outbox.Fail(unreadable)},
		"when, where, how soon": {1, false, all,
			outbox.Move("email/retry", all).WithWait(time.Second).WithNotBefore(time.Hour)},
		"zeros say nothing": {1, false, nothing, outbox.Retry(nothing)},
	} {
		got := result(store.Job{Attempts: c.attempts}, c.ended, c.err)
		if diff := cmp.Diff(c.want, got, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
