package consent_test

import (
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestWhoCameBackAfterAWithdrawalAndDidNotPressIsForgottenAgain(t *testing.T) {
	s := tell(t)
	s.does(consent.Signup{ID: "1", Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr", Statements: oneLetter(), Terms: terms, Evidence: consent.Evidence{At: s.now}})
	s.does(consent.Confirm{Request: "1", Evidence: consent.Evidence{At: s.now}})
	s.does(consent.Withdraw{Evidence: consent.Evidence{At: s.now}})
	owes(t, s.does(consent.Erase{}), "subscription.erased")
	s.is(consent.Withdrawn).later(time.Hour)
	s.does(consent.Signup{ID: "2", Address: mustParse("ada@example.org"), Site: "gazette", Locale: "en", Statements: oneLetter(), Terms: terms, Evidence: consent.Evidence{At: s.now}})
	s.is(consent.Pending)
	if s.sub.Locale != "en" {
		t.Errorf("the language is %q", s.sub.Locale)
	}
	s.later(terms.TTL + consent.Grace)
	s.does(consent.Expire{})
	if s.is(consent.Withdrawn); !s.sub.Address.IsZero() || !s.sub.Expires().IsZero() {
		t.Errorf("%+v", s.sub)
	}
}
