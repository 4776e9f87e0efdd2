package consent_test

import (
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestWhoCameBackAfterAWithdrawalAndDidNotPressIsForgottenAgain(t *testing.T) {
	e := newEnv(t)
	e.does(consent.Signup{ID: "1", Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr", Statements: oneLetter(), Terms: terms, Evidence: consent.Evidence{At: e.now}})
	e.does(consent.Confirm{Request: "1", Evidence: consent.Evidence{At: e.now}})
	e.does(consent.Withdraw{Evidence: consent.Evidence{At: e.now}})
	follows(t, e.does(consent.Erase{}), "subscription.erased")
	e.is(consent.Withdrawn).later(time.Hour)
	e.does(consent.Signup{ID: "2", Address: mustParse("ada@example.org"), Site: "gazette", Locale: "en", Statements: oneLetter(), Terms: terms, Evidence: consent.Evidence{At: e.now}})
	e.is(consent.Pending)
	if e.sub.Locale != "en" {
		t.Errorf("the language is %q", e.sub.Locale)
	}
	e.later(terms.TTL + consent.Grace)
	e.does(consent.Expire{})
	if e.is(consent.Withdrawn); !e.sub.Address.IsZero() || !e.sub.Expires().IsZero() {
		t.Errorf("%+v", e.sub)
	}
}
