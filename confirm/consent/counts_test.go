package consent_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
)

// counts are those of the act, by name.
func (e *env) counts(a consent.Action) map[string]int64 {
	e.t.Helper()
	change, err := consent.Apply(e.sub, a, e.now)
	if err != nil {
		e.t.Fatal(err)
	}
	all := map[string]int64{}
	if change.Changed {
		for _, c := range consent.Counts(e.sub, change.Subscription) {
			all[c.Name] += c.N
		}
	}
	e.sub = change.Subscription
	return all
}

func TestEveryActIsCountedAsWhatItChanged(t *testing.T) {
	e := newEnv(t)
	at := func() consent.Evidence { return consent.Evidence{At: e.now} }
	both := []consent.Statement{{Purpose: "letter", SHA256: "1"}, {Purpose: "offers", SHA256: "2"}}
	signup := func(id string, shown ...consent.Statement) consent.Signup {
		return consent.Signup{ID: id, Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr", Statements: shown, Terms: terms, Evidence: at()}
	}
	check := func(a consent.Action, want map[string]int64) {
		t.Helper()
		if diff := cmp.Diff(want, e.counts(a)); diff != "" {
			t.Errorf("%T (-want +got):\n%s", a, diff)
		}
	}
	none := map[string]int64{}
	check(signup("1", both...), map[string]int64{"signups": 1, "signups/letter": 1, "signups/offers": 1})
	check(signup("2", both...), none) // pending already, and too soon for another letter
	check(consent.Delivered{Request: "1", Delivery: consent.Delivery{At: e.now}}, map[string]int64{"emails": 1})
	check(consent.Delivered{Request: "1", Delivery: consent.Delivery{At: e.now}}, none)
	e.later(11 * time.Minute)
	check(consent.Resend{Terms: terms}, none)
	check(consent.Delivered{Request: "1", Delivery: consent.Delivery{At: e.now}}, map[string]int64{"emails": 1})
	check(consent.Confirm{Request: "1", Evidence: at()}, map[string]int64{
		"confirmations": 1, "confirmations/letter": 1, "confirmations/offers": 1, "confirm_seconds": 660, "confirm_within/1h": 1})
	check(consent.Confirm{Request: "1", Evidence: at()}, none)
	check(consent.Withdraw{Purposes: []string{"offers"}, Evidence: at()}, map[string]int64{"withdrawals": 1, "withdrawals/offers": 1})
	e.later(time.Hour)
	check(signup("3", both...), map[string]int64{"signups": 1, "signups/offers": 1})
	e.later(terms.TTL)
	check(consent.Expire{}, map[string]int64{"expiries": 1})
	check(consent.Renew{Request: "3", ID: "4", Evidence: at(), Terms: terms}, none)
	check(consent.Bounced{Request: "4", Evidence: at()}, map[string]int64{"undeliverable": 1})
	check(signup("5", both...), map[string]int64{"signups": 1, "signups/offers": 1})
	e.later(terms.TTL + 2*consent.Grace)
	check(consent.Expire{}, map[string]int64{"expiries": 1}) // and forgotten in the same step
	e.later(time.Hour)
	check(signup("6", both...), map[string]int64{"signups": 1, "signups/offers": 1})
	check(consent.Bounced{Request: "6", Evidence: consent.Evidence{At: e.now, How: consent.ByReport}}, map[string]int64{"undeliverable": 1, "bounces": 1})
	complaint := func() consent.Complained {
		return consent.Complained{Evidence: consent.Evidence{At: e.now, How: consent.ByComplaint}}
	}
	check(complaint(), map[string]int64{"complaints": 1, "withdrawals": 1, "withdrawals/letter": 1})
	check(complaint(), none)
	e.later(time.Hour)
	remind := terms
	remind.RemindAfter = time.Hour
	again := signup("7", both...)
	again.Terms = remind
	check(again, map[string]int64{"signups": 1, "signups/letter": 1, "signups/offers": 1})
	check(consent.Delivered{Request: "7", Delivery: consent.Delivery{At: e.now}}, map[string]int64{"emails": 1})
	e.later(time.Hour)
	check(consent.Expire{Terms: remind}, map[string]int64{"reminders": 1})
	check(consent.Expire{Terms: remind}, none)
	check(complaint(), map[string]int64{"complaints": 1}) // the second one
	check(consent.Decline{Site: "gazette", Evidence: at()}, map[string]int64{"declines": 1})
	check(consent.Erase{}, none)
	check(consent.Unblock{Evidence: at()}, none)
}

func TestTheTimeToConfirmFallsIntoOneBucket(t *testing.T) {
	for after, want := range map[time.Duration]string{
		0: "1m", time.Minute - 1: "1m", time.Minute: "10m", 10 * time.Minute: "1h", time.Hour: "24h", 24 * time.Hour: "later", -time.Second: "1m",
	} {
		e := newEnv(t)
		e.does(consent.Signup{ID: "1", Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr", Statements: oneLetter(), Terms: terms, Evidence: consent.Evidence{At: e.now}})
		e.later(after)
		got := e.counts(consent.Confirm{Request: "1", Evidence: consent.Evidence{At: e.now}})
		if got["confirm_within/"+want] != 1 || got["confirmations"] != 1 || got["confirm_seconds"] != max(0, int64(after/time.Second)) {
			t.Errorf("after %v: %v", after, got)
		}
	}
}

func oneLetter() []consent.Statement { return []consent.Statement{{Purpose: "letter", SHA256: "1"}} }
