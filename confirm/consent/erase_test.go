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
