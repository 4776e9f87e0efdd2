package mailer_test

import (
	"context"
	"errors"
	"testing"
)

func TestCancellationEndsARunUntilDATAAndNotAfter(t *testing.T) {
	for way, change := range ways() {
		warm := way != oneByOne
		for _, at := range []string{"greeting", "EHLO", "MAIL", "RCPT"} {
			if warm && (at == "greeting" || at == "EHLO") {
				continue
			}
			t.Run(way+"/"+at, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(t.Context())
				r := startRelay(t, change)
				env := newEnv(t, r.addr)
				if warm {
					env.warm()
				}
				before := len(r.received())
				r.change(func(r *fakeRelay) {
					r.say = func(s step) string {
						if s.verb == at {
							cancel()
							return stall
						}
						return ""
					}
				})
				job := env.signUp(ada)
				ended, err := env.Run(ctx, job)
				if ended || !errors.Is(err, context.Canceled) || !env.isDue(job) ||
					len(r.received()) != before {
					t.Errorf("ended %v, %v", ended, err)
				}
				env.noSecrets(err)
			})
		}
		for _, at := range []string{"DATA", "."} {
			if warm && at == "DATA" {
				continue // it may be sent before the recipient is accepted
			}
			t.Run(way+"/"+at, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r := startRelay(t, change)
				env := newEnv(t, r.addr)
				if warm {
					env.warm()
				}
				r.change(func(r *fakeRelay) {
					r.say = func(s step) string {
						if s.verb == at {
							cancel()
						}
						return ""
					}
				})
				job := env.signUp(ada)
				if ended, err := env.Run(ctx, job); !ended || err != nil || env.taken(job) == nil {
					t.Errorf("ended %v, %v; want it delivered and recorded all the same", ended, err)
				}
			})
		}
	}
}
