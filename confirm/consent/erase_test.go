package consent_test

import (
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestAnErasedPersonWhoSignsUpAndDoesNotConfirmIsErasedAgain(t *testing.T) {
	for name, row := range map[string]struct {
		withdraws bool
		receipts  time.Duration // for which they are kept
		left      consent.State
	}{
		"who had withdrawn":     {withdraws: true, left: consent.Withdrawn},
		"whose receipt is kept": {receipts: 3 * 365 * 24 * time.Hour},
		"of both":               {withdraws: true, receipts: 3 * 365 * 24 * time.Hour, left: consent.Withdrawn},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.does(env.signup("1"))
			env.does(env.confirm("1"))
			if row.withdraws {
				env.does(env.withdraw())
			}
			var erase consent.Erase
			over := time.Time{}
			if row.receipts > 0 {
				over = env.now.Add(row.receipts)
				erase.Receipts = []consent.KeptReceipt{{Text: "signed", Until: over}}
			}
			follows(t, env.does(erase), "subscription.erased")
			env.is(row.left).later(time.Hour)
			again := env.signup("2")
			again.Locale = "en"
			env.does(again)
			env.is(consent.Pending)
			if env.sub.Locale != "en" {
				t.Errorf("the language is %q", env.sub.Locale)
			}
			env.later(terms.TTL).does(consent.Expire{})
			if end := env.now.Add(consent.Grace); !env.sub.ExpireAt().Equal(end) {
				t.Errorf("the clock acts at %v, not at %v", env.sub.ExpireAt(), end)
			}
			env.later(consent.Grace).does(consent.Expire{})
			env.is(row.left)
			if !env.sub.Address.IsZero() || len(env.sub.Receipts) != len(erase.Receipts) {
				t.Errorf("%+v", env.sub)
			}
			if end := env.sub.DeletableAt(); !row.withdraws && !end.Equal(over) || row.withdraws && !end.IsZero() {
				t.Errorf("it may be deleted at %v", end)
			}
		})
	}
}

func TestWhoUnblocksIsKnownForAWhile(t *testing.T) {
	sms := consent.Evidence{How: consent.ByServer, Channel: consent.ChannelSMS}
	for name, before := range map[string]func(*env){
		"who was erased": func(env *env) {
			env.does(env.signup("0"))
			env.does(env.confirm("0"))
			env.does(env.withdraw())
			env.does(consent.Erase{})
		},
		"whose receipt is kept": func(env *env) {
			env.does(env.signup("0"))
			env.does(env.confirm("0"))
			kept := consent.KeptReceipt{Text: "signed", Until: env.now.Add(3 * 365 * 24 * time.Hour)}
			env.does(consent.Erase{Receipts: []consent.KeptReceipt{kept}})
		},
		"who wants no text messages": func(env *env) {
			sms.At = env.now
			env.does(consent.Object{Site: "gazette", Mailbox: "m", Evidence: sms})
		},
	} {
		env := newEnv(t)
		before(env)
		env.later(time.Hour).does(env.signup("1"))
		env.later(terms.TTL + consent.Grace - time.Hour).does(env.decline())
		env.later(2 * time.Hour).does(consent.Unblock{Evidence: consent.Evidence{At: env.now}})
		env.does(consent.Expire{})
		if end := env.now.Add(consent.Grace); env.sub.Address.IsZero() || !env.sub.ExpireAt().Equal(end) {
			t.Fatalf("%s: known until %v, not %v: %+v", name, env.sub.ExpireAt(), end, env.sub)
		}
		env.later(consent.Grace).does(consent.Expire{})
		if !env.sub.Address.IsZero() {
			t.Errorf("%s: %+v", name, env.sub)
		}
	}
}
