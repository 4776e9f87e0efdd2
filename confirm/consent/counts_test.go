package consent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
)

// counts applies an action that must succeed, and returns what it is counted as, by name and purpose.
func (env *env) counts(a consent.Action) map[string]int64 {
	env.t.Helper()
	change, err := consent.Apply(env.sub, a, env.now)
	if err != nil {
		env.t.Fatal(err)
	}
	all := map[string]int64{}
	if change.Changed {
		for _, c := range consent.Counts(env.sub, change.Subscription, nil) {
			switch c.By {
			case "":
				all[c.Name] += c.N
			case consent.DimensionPurpose:
				all[c.Name+"/"+c.Of] += c.N
			}
		}
	}
	env.sub = change.Subscription
	return all
}

func TestEveryActionIsCountedAsWhatItChanged(t *testing.T) {
	env := newEnv(t)
	at := func() consent.Evidence { return consent.Evidence{At: env.now} }
	signup := func(id string) consent.Signup { return env.signup(id, "letter", "offers") }
	check := func(a consent.Action, want map[string]int64) {
		t.Helper()
		if diff := cmp.Diff(want, env.counts(a)); diff != "" {
			t.Errorf("%T (-want +got):\n%s", a, diff)
		}
	}
	none := map[string]int64{}
	check(signup("1"), map[string]int64{"signups": 1, "signups/letter": 1, "signups/offers": 1})
	check(signup("2"), none) // pending already, and too soon for another email
	check(consent.Delivered{RequestID: "1", Delivery: consent.Delivery{At: env.now}}, map[string]int64{"emails": 1})
	check(consent.Delivered{RequestID: "1", Delivery: consent.Delivery{At: env.now}}, none)
	env.later(11 * time.Minute)
	check(consent.Resend{Terms: terms}, none)
	check(consent.Delivered{RequestID: "1", Delivery: consent.Delivery{At: env.now}}, map[string]int64{"emails": 1})
	check(consent.Confirm{RequestID: "1", Evidence: at()}, map[string]int64{
		"confirmations": 1, "confirmations/letter": 1, "confirmations/offers": 1,
		"confirm_seconds": 660, "confirm_within_1h": 1,
	})
	check(consent.Confirm{RequestID: "1", Evidence: at()}, none)
	check(consent.Withdraw{Purposes: []string{"offers"}, Evidence: at()}, map[string]int64{
		"withdrawals": 1, "withdrawals/offers": 1,
	})
	env.later(time.Hour)
	check(signup("3"), map[string]int64{"signups": 1, "signups/offers": 1})
	env.later(terms.TTL)
	check(consent.Expire{}, map[string]int64{"expiries": 1})
	check(consent.Renew{RequestID: "3", ID: "4", Evidence: at(), Terms: terms}, none)
	check(consent.Bounced{RequestID: "4", Evidence: at()}, map[string]int64{"undeliverable": 1})
	check(signup("5"), map[string]int64{"signups": 1, "signups/offers": 1})
	env.later(terms.TTL + 2*consent.Grace)
	check(consent.Expire{}, map[string]int64{"expiries": 1}) // and deleted in the same step
	env.later(time.Hour)
	check(signup("6"), map[string]int64{"signups": 1, "signups/offers": 1})
	reported := consent.Evidence{At: env.now, How: consent.ByReport}
	check(consent.Bounced{RequestID: "6", Evidence: reported}, map[string]int64{"undeliverable": 1, "bounces": 1})
	complaint := func() consent.Complained {
		return consent.Complained{Evidence: consent.Evidence{At: env.now, How: consent.ByComplaint}}
	}
	check(complaint(), map[string]int64{"complaints": 1, "withdrawals": 1, "withdrawals/letter": 1})
	check(complaint(), none)
	env.later(time.Hour)
	remind := terms
	remind.RemindAfter = time.Hour
	again := signup("7")
	again.Terms = remind
	check(again, map[string]int64{"signups": 1, "signups/letter": 1, "signups/offers": 1})
	check(consent.Delivered{RequestID: "7", Delivery: consent.Delivery{At: env.now}}, map[string]int64{"emails": 1})
	env.later(time.Hour)
	check(consent.Expire{Terms: remind}, map[string]int64{"reminders": 1})
	check(consent.Expire{Terms: remind}, none)
	check(complaint(), map[string]int64{"complaints": 1}) // the second one
	check(consent.Decline{Site: "gazette", Evidence: at()}, map[string]int64{"declines": 1})
	check(consent.Erase{}, none)
	check(consent.Unblock{Evidence: at()}, none)
}

func TestATimeToConfirmIsCountedInOneBucket(t *testing.T) {
	for after, want := range map[time.Duration]string{
		0: "1m", time.Minute - 1: "1m", time.Minute: "10m", 10 * time.Minute: "1h", time.Hour: "24h",
		24 * time.Hour: "later", -time.Second: "1m",
	} {
		env := newEnv(t)
		env.does(env.signup("1"))
		env.later(after)
		got := env.counts(consent.Confirm{RequestID: "1", Evidence: consent.Evidence{At: env.now}})
		seconds := max(0, int64(after/time.Second))
		if got["confirm_within_"+want] != 1 || got["confirmations"] != 1 || got["confirm_seconds"] != seconds {
			t.Errorf("after %v: %v", after, got)
		}
	}
}

func TestSignupsAndConfirmationsAreCountedByWhereTheyComeFrom(t *testing.T) {
	text := strings.Repeat("ab", 32)
	value := consent.TextValue(text)
	if back := consent.TextSHA256(value); len(value) != 43 || back != text {
		t.Fatalf("%s is counted as %s, which is %s", text, value, back)
	}
	for name, row := range map[string]struct {
		email, form string
		want        map[string]string
	}{
		"a form that is listed": {"ada@gmail.com", "footer", map[string]string{
			"form": "footer", "language": "fr", "provider": "gmail.com", "text": value, "purpose": "letter",
		}},
		"one that is not, and a domain that could name somebody": {"ada@lovelace.example", "x", map[string]string{
			"form": "other", "language": "fr", "provider": "other", "text": value, "purpose": "letter",
		}},
		"none, and another domain of a provider": {"ada@googlemail.com", "", map[string]string{
			"form": "other", "language": "fr", "provider": "gmail.com", "text": value, "purpose": "letter",
		}},
	} {
		env := newEnv(t)
		signup := env.signup("1", "letter")
		signup.Address, signup.Evidence.Form, signup.Locale = mustParse(row.email), row.form, "fr"
		signup.Statements[0].SHA256 = text
		for _, a := range []consent.Action{signup, consent.Confirm{RequestID: "1"}} {
			before := env.sub
			env.does(a)
			got := map[string]string{}
			for _, c := range consent.Counts(before, env.sub, map[string]bool{"footer": true}) {
				if c.By != "" {
					got[c.By] += c.Of
				}
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("%s, %T (-want +got):\n%s", name, a, diff)
			}
		}
	}
}
