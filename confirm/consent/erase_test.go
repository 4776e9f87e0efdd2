package consent_test

import (
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestAnErasedPersonWhoSignsUpAndDoesNotConfirmIsErasedAgain(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("1"))
	env.does(consent.Confirm{RequestID: "1", Evidence: consent.Evidence{At: env.now}})
	env.does(consent.Withdraw{Evidence: consent.Evidence{At: env.now}})
	follows(t, env.does(consent.Erase{}), "subscription.erased")
	env.is(consent.Withdrawn).later(time.Hour)
	again := env.signup("2")
	again.Locale = "en"
	env.does(again)
	env.is(consent.Pending)
	if env.sub.Locale != "en" {
		t.Errorf("the language is %q", env.sub.Locale)
	}
	env.later(terms.TTL + consent.Grace)
	env.does(consent.Expire{})
	if env.is(consent.Withdrawn); !env.sub.Address.IsZero() || !env.sub.DeletableAt().IsZero() {
		t.Errorf("%+v", env.sub)
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
