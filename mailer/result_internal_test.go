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

func TestAnErrorSaysWhenAndWhereAnEmailIsRetried(t *testing.T) {
	err := errors.New("not now")
	unreadable := fmt.Errorf("mailer: %w", confirm.ErrUnreadable)
	deep := fmt.Errorf("mailer: %w", notBefore{inLane{soon{err, time.Second}, "email/retry"}, time.Hour})
	for name, c := range map[string]struct {
		ended bool
		err   error
		want  outbox.Result
	}{
		"sent, and recorded":  {true, nil, outbox.Ended()},
		"nothing to send":     {false, nil, outbox.Complete()},
		"no word of when":     {false, err, outbox.Retry(err)},
		"can never be opened": {false, unreadable, outbox.Fail(unreadable)},
		"when, where, how soon": {false, deep, outbox.Move("email/retry",
			deep).WithWait(time.Second).WithNotBefore(time.Hour)},
		"an email in its own lane": {false, inLane{err, "email/1"}, outbox.Move("email/1", inLane{err, "email/1"})},
	} {
		if diff := cmp.Diff(c.want, result(c.ended, c.err), cmpopts.EquateErrors()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
