package mailer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/mailer"
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

// A process that is told to stop cancels what it has in hand. The relay then has a moment left to say what became of an
// email that it has got; if it says nothing, the email was maybe sent, and is not sent again at once.
func TestAnEmailThatIsCancelledAtItsEndWasMaybeSent(t *testing.T) {
	for way, change := range ways() {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := startRelay(t, change)
			env := newEnv(t, r.addr)
			if way != oneByOne {
				env.warm()
			}
			r.change(func(r *fakeRelay) {
				r.say = func(s step) string {
					if s.verb == "." {
						cancel()
						return stall
					}
					return ""
				}
			})
			job, begun := env.signUp(ada), time.Now()
			ended, err := env.Run(ctx, job)
			if ended || queueOf(err) != confirm.QueueEmailMaybeSent || notBeforeOf(err) != mailer.MaybeSentDelay ||
				env.lastLog()["outcome"] != "maybe sent" {
				t.Errorf("ended %v, %v; %v", ended, err, env.lastLog())
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v: a stop does not wait so long", took)
			}
			env.noSecrets(err)
		})
	}
}
