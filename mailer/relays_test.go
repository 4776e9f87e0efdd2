package mailer_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
)

// then adds relays to be tried after the first.
func then(more ...*relay) func(*mailer.Options) {
	return func(o *mailer.Options) {
		for _, r := range more {
			o.Relays = append(o.Relays, &url.URL{Scheme: "smtp", Host: r.addr})
		}
	}
}

// waitOf is how long an error asks to wait this time; -1 if it does not.
func waitOf(err error) time.Duration {
	var soon interface{ Wait() time.Duration }
	if errors.As(err, &soon) {
		return soon.Wait()
	}
	return -1
}

func TestWhereOneRelayFailsBeforeItTookTheSenderTheNextIsTriedAtOnce(t *testing.T) {
	for _, row := range onTheWay() {
		if row.verb == "STARTTLS" || row.verb == "AUTH" || row.verb == "EHLO" && row.code == 0 && row.pause == long { // none of them is needed here
			continue
		}
		t.Run(row.verb+" "+row.reply[:min(len(row.reply), 12)], func(t *testing.T) {
			t.Parallel()
			bad, good := startRelay(t), startRelay(t)
			o := openOffice(t, bad.addr, then(good), func(o *mailer.Options) {
				o.Dial, o.Session = 500*time.Millisecond, 10*time.Second
				if row.reply == stall {
					o.Session = 2 * time.Second
				}
			})
			bad.change(func(r *relay) {
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
			o.sends(o.owe(ada))
			if len(good.received()) != 1 || bad.heard("RCPT") > 0 {
				t.Errorf("the second has %d letters; the first heard %q", len(good.received()), bad.said)
			}
			if o.PausedFor() != 0 {
				t.Errorf("all rest for %s, though one takes letters", o.PausedFor())
			}
			before := bad.dialled()
			o.sends(o.owe("grace@example.org"))
			if bad.dialled() != before || len(good.received()) != 2 {
				t.Errorf("the paused relay was bothered again; the second has %d letters", len(good.received()))
			}
		})
	}
}

func TestARelayThatHangsIsNotWaitedForWhereAnotherMayTakeTheLetter(t *testing.T) {
	for _, at := range []string{"greeting", "EHLO", "MAIL"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			bad, good := startRelay(t, says(at, stall)), startRelay(t)
			o := openOffice(t, bad.addr, then(good), func(o *mailer.Options) { o.Dial, o.Session = 200*time.Millisecond, 2*time.Minute })
			began := time.Now()
			o.sends(o.owe(ada))
			if took := time.Since(began); len(good.received()) != 1 || took > 20*time.Second {
				t.Errorf("the second has %d letters after %s", len(good.received()), took)
			}
		})
	}
}

func TestALetterIsOfferedToOneRelayOnly(t *testing.T) {
	for _, row := range onceKnown() {
		if row.reply == stall {
			continue
		}
		t.Run(row.verb+" "+row.reply[:min(len(row.reply), 12)], func(t *testing.T) {
			t.Parallel()
			first, second := startRelay(t, says(row.verb, row.reply)), startRelay(t)
			o := openOffice(t, first.addr, then(second))
			_, err := o.Run(t.Context(), o.owe(ada))
			if got := o.line()["outcome"]; got != row.outcome || second.dialled() != 0 {
				t.Errorf("%v, %v; %d connections to the second", got, err, second.dialled())
			}
		})
	}
}

func TestWhenAllRelaysFailTheLetterWaitsForTheFirstThatMayTakeItAgain(t *testing.T) {
	long, brief := startRelay(t, says("greeting", "554 5.7.1 not you")), startRelay(t, says("MAIL", "452 4.3.1 full"))
	o := openOffice(t, long.addr, then(brief))
	e := o.owe(ada)
	_, err := o.Run(t.Context(), e)
	if waitOf(err) != 5*time.Second || laneOf(err) != e.Queue || !strings.Contains(err.Error(), "MAIL: 452") {
		t.Errorf("%v waits %s in %s", err, waitOf(err), laneOf(err))
	}
	_, err = o.Run(t.Context(), e)
	if waitOf(err) != 5*time.Second || long.dialled() != 1 || brief.dialled() != 1 || o.line()["outcome"] != "later" {
		t.Errorf("%v waits %s, %d and %d connections; want both left alone", err, waitOf(err), long.dialled(), brief.dialled())
	}
	o.later(5 * time.Second)
	brief.change(func(r *relay) { r.say = func(step) string { return "" } })
	o.sends(e)
	if long.dialled() != 1 {
		t.Error("the other was bothered")
	}
}

func TestAnAddressBeyondASCIIGoesByTheRelayThatCanAndIsGivenUpOnlyWhereNoneCan(t *testing.T) {
	const jörg = "jörg@example.org"
	plain := func(r *relay) { r.ext = []string{"8BITMIME"} }
	t.Run("the second can", func(t *testing.T) {
		first, second := startRelay(t, plain), startRelay(t)
		o := openOffice(t, first.addr, then(second))
		o.sends(o.owe(jörg))
		o.sends(o.owe(ada))
		if len(second.received()) != 1 || len(first.received()) != 1 {
			t.Errorf("%d and %d letters, want one each", len(first.received()), len(second.received()))
		}
	})
	t.Run("the second is away", func(t *testing.T) {
		first, second := startRelay(t, plain), startRelay(t, says("greeting", "421 no"))
		o := openOffice(t, first.addr, then(second))
		e := o.owe(jörg)
		for range 2 {
			if settled, err := o.Run(t.Context(), e); settled || waitOf(err) <= 0 || o.request(e).State != consent.Pending {
				t.Errorf("settled %v, %v", settled, err)
			}
		}
	})
	t.Run("none can", func(t *testing.T) {
		first, second := startRelay(t, plain), startRelay(t, plain)
		o := openOffice(t, first.addr, then(second))
		e := o.owe(jörg)
		if settled, err := o.Run(t.Context(), e); !settled || err != nil || o.request(e).State != consent.Undeliverable {
			t.Errorf("settled %v, %v", settled, err)
		}
	})
}

func TestCheckNamesEachRelayThatWouldNotDo(t *testing.T) {
	good, bad := startRelay(t), startRelay(t, says("greeting", "554 5.7.1 not you"))
	o := openOffice(t, good.addr, then(bad))
	err := o.Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), bad.addr+": mailer: relay, greeting: 554") || strings.Contains(err.Error(), good.addr) {
		t.Errorf("%v", err)
	}
}

func TestALetterThatIsCancelledGoesNowhereElse(t *testing.T) {
	first, second := startRelay(t, says("greeting", stall)), startRelay(t)
	o := openOffice(t, first.addr, then(second))
	ctx, cancel := context.WithCancel(t.Context())
	e := o.owe(ada)
	done := make(chan error)
	go func() {
		_, err := o.Run(ctx, e)
		done <- err
	}()
	eventually(t, "a connection", func() bool { return first.dialled() == 1 })
	cancel()
	if err := <-done; laneOf(err) != e.Queue || waitOf(err) != -1 || second.dialled() != 0 || o.PausedFor() != 0 {
		t.Errorf("%v; %d connections to the second; rest %s", err, second.dialled(), o.PausedFor())
	}
}
