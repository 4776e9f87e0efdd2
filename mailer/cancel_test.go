package mailer_test

import (
	"context"
	"errors"
	"testing"
)

func TestCancellationEndsARunUntilDATAAndNotAfter(t *testing.T) {
	for _, at := range []string{"greeting", "EHLO", "MAIL", "RCPT"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			r := startRelay(t)
			r.say = func(s step) string {
				if s.verb == at {
					cancel()
					return stall
				}
				return ""
			}
			env := newEnv(t, r.addr)
			job := env.signUp(ada)
			ended, err := env.Run(ctx, job)
			if ended || !errors.Is(err, context.Canceled) || !env.isDue(job) || r.heard("DATA") != 0 {
				t.Errorf("ended %v, %v", ended, err)
			}
			env.noSecrets(err)
		})
	}
	for _, at := range []string{"DATA", "."} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := startRelay(t)
			r.say = func(s step) string {
				if s.verb == at {
					cancel()
				}
				return ""
			}
			env := newEnv(t, r.addr)
			job := env.signUp(ada)
			if ended, err := env.Run(ctx, job); !ended || err != nil || env.taken(job) == nil {
				t.Errorf("ended %v, %v; want it delivered and recorded all the same", ended, err)
			}
		})
	}
}
