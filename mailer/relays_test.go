package mailer_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
)

// withMoreRelays adds relays to be tried after the first.
func withMoreRelays(t *testing.T, more ...*fakeRelay) func(*mailer.Options) {
	return func(o *mailer.Options) {
		for _, r := range more {
			o.Relays = append(o.Relays, relayAt(t, "smtp://"+r.addr))
		}
	}
}

func TestIfOneRelayFailsUpToMAILTheNextIsTriedAtOnce(t *testing.T) {
	for _, row := range repliesUpToMAIL() {
		// none of them is needed here
		if row.verb == "STARTTLS" || row.verb == "AUTH" || row.verb == "EHLO" && row.code == 0 &&
			row.pause == longPause {
			continue
		}
		t.Run(row.verb+" "+row.reply[:min(len(row.reply), 12)], func(t *testing.T) {
			t.Parallel()
			bad, good := startRelay(t), startRelay(t)
			env := newEnv(t, bad.addr, withMoreRelays(t, good), func(o *mailer.Options) {
				o.Dial, o.Session = 500*time.Millisecond, 10*time.Second
				if row.reply == stall {
					o.Session = 2 * time.Second
				}
			})
			bad.change(func(r *fakeRelay) {
				r.say = func(s step) string {
					if slices.Contains(strings.Fields(row.verb), s.verb) {
						return row.reply
					}
					return ""
				}
			})
			if row.verb == "dial" {
				bad.listener.Close()
			}
			env.deliver(env.signUp(ada))
			if len(good.received()) != 1 || bad.heard("RCPT") > 0 {
				t.Errorf("the second has %d emails; the first heard %q", len(good.received()), bad.said)
			}
			if env.PausedFor() != 0 {
				t.Errorf("all are paused for %s, though one takes emails", env.PausedFor())
			}
			before := bad.dialled()
			env.deliver(env.signUp("grace@example.org"))
			if bad.dialled() != before || len(good.received()) != 2 {
				t.Errorf("the paused relay was contacted again; the second has %d emails", len(good.received()))
			}
		})
	}
}

func TestARelayThatHangsIsNotWaitedForIfThereIsAnother(t *testing.T) {
	for _, at := range []string{"greeting", "EHLO", "MAIL"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			bad, good := startRelay(t, says(at, stall)), startRelay(t)
			env := newEnv(t, bad.addr, withMoreRelays(t, good),
				func(o *mailer.Options) { o.Dial, o.Session = 200*time.Millisecond, 2*time.Minute })
			began := time.Now()
			env.deliver(env.signUp(ada))
			if took := time.Since(began); len(good.received()) != 1 || took > 20*time.Second {
				t.Errorf("the second has %d emails after %s", len(good.received()), took)
			}
		})
	}
}

func TestAnEmailIsOfferedToOneRelayOnlyUnlessThatRefusesUs(t *testing.T) {
	for _, row := range repliesAfterMAIL() {
		full := strings.Contains(row.reply, "5.2.2") || strings.Contains(row.reply, "5.3.0")
		refusesUs := row.code/100 == 5 && row.outcome == retried && !full
		if row.reply == stall || refusesUs {
			continue
		}
		t.Run(row.verb+" "+row.reply[:min(len(row.reply), 12)], func(t *testing.T) {
			t.Parallel()
			first, second := startRelay(t, says(row.verb, row.reply)), startRelay(t)
			env := newEnv(t, first.addr, withMoreRelays(t, second))
			_, err := env.Run(t.Context(), env.signUp(ada))
			if got := env.lastLog()["outcome"]; got != row.outcome || second.dialled() != 0 {
				t.Errorf("%v, %v; %d connections to the second", got, err, second.dialled())
			}
		})
	}
}

func TestWhenAllRelaysFailTheEmailWaitsForTheShortestPause(t *testing.T) {
	long, brief := startRelay(t, says("greeting", "554 5.7.1 not you")), startRelay(t, says("MAIL", "452 4.3.1 full"))
	env := newEnv(t, long.addr, withMoreRelays(t, brief))
	job := env.signUp(ada)
	_, err := env.Run(t.Context(), job)
	if waitOf(err) != 5*time.Second || queueOf(err) != job.Queue || !strings.Contains(err.Error(), "MAIL: 452") {
		t.Errorf("%v is retried in %s in queue %s", err, waitOf(err), queueOf(err))
	}
	_, err = env.Run(t.Context(), job)
	if waitOf(err) != 5*time.Second || long.dialled() != 1 || brief.dialled() != 1 ||
		env.lastLog()["outcome"] != "retry" {
		t.Errorf("%v is retried in %s, %d and %d connections; want both left alone", err, waitOf(err), long.dialled(),
			brief.dialled())
	}
	env.advance(5 * time.Second)
	brief.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
	env.deliver(job)
	if long.dialled() != 1 {
		t.Error("the other was contacted")
	}
}

func TestAnAddressBeyondASCIIGoesToARelayWithSMTPUTF8OrIsUndeliverable(t *testing.T) {
	const jörg = "jörg@example.org"
	plain := func(r *fakeRelay) { r.ext = []string{"8BITMIME"} }
	t.Run("the second can", func(t *testing.T) {
		first, second := startRelay(t, plain), startRelay(t)
		env := newEnv(t, first.addr, withMoreRelays(t, second))
		env.deliver(env.signUp(jörg))
		env.deliver(env.signUp(ada))
		if len(second.received()) != 1 || len(first.received()) != 1 {
			t.Errorf("%d and %d emails, want one each", len(first.received()), len(second.received()))
		}
	})
	t.Run("the second is away", func(t *testing.T) {
		first, second := startRelay(t, plain), startRelay(t, says("greeting", "421 no"))
		env := newEnv(t, first.addr, withMoreRelays(t, second))
		job := env.signUp(jörg)
		for range 2 {
			if ended, err := env.Run(t.Context(), job); ended || waitOf(err) <= 0 ||
				env.request(job).State != consent.Pending {
				t.Errorf("ended %v, %v", ended, err)
			}
		}
	})
	t.Run("none can", func(t *testing.T) {
		first, second := startRelay(t, plain), startRelay(t, plain)
		env := newEnv(t, first.addr, withMoreRelays(t, second))
		job := env.signUp(jörg)
		if ended, err := env.Run(t.Context(), job); !ended || err != nil ||
			env.request(job).State != consent.Undeliverable {
			t.Errorf("ended %v, %v", ended, err)
		}
	})
}

func TestCheckNamesEachRelayThatFails(t *testing.T) {
	good, bad := startRelay(t), startRelay(t, says("greeting", "554 5.7.1 not you"))
	env := newEnv(t, good.addr, withMoreRelays(t, bad))
	err := env.Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), bad.addr+": mailer: relay, greeting: 554") ||
		strings.Contains(err.Error(), good.addr) {
		t.Errorf("%v", err)
	}
}

func TestACancelledEmailGoesToNoOtherRelay(t *testing.T) {
	first, second := startRelay(t, says("greeting", stall)), startRelay(t)
	env := newEnv(t, first.addr, withMoreRelays(t, second))
	ctx, cancel := context.WithCancel(t.Context())
	job := env.signUp(ada)
	done := make(chan error)
	go func() {
		_, err := env.Run(ctx, job)
		done <- err
	}()
	eventually(t, "a connection", func() bool { return first.dialled() == 1 })
	cancel()
	if err := <-done; queueOf(err) != job.Queue || waitOf(err) != -1 || second.dialled() != 0 || env.PausedFor() != 0 {
		t.Errorf("%v; %d connections to the second; paused for %s", err, second.dialled(), env.PausedFor())
	}
}
