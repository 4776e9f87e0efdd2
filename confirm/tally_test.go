package confirm_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
)

// counts are those of the act, by name.
func (s *story) counts(a confirm.Action) map[string]int64 {
	s.t.Helper()
	after, _, changed, err := confirm.Apply(s.sub, a, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]int64{}
	if changed {
		for _, c := range confirm.Tally(s.sub, after) {
			all[c.Name] += c.N
		}
	}
	s.sub = after
	return all
}

func TestEveryActIsCountedAsWhatItChanged(t *testing.T) {
	s := tell(t)
	at := func() confirm.Evidence { return confirm.Evidence{At: s.now} }
	both := []confirm.Statement{{Purpose: "letter", SHA256: "1"}, {Purpose: "offers", SHA256: "2"}}
	signup := func(id string, shown ...confirm.Statement) confirm.Signup {
		return confirm.Signup{ID: id, Address: address("ada@example.org"), Site: "gazette", Locale: "fr", Statements: shown, Terms: terms, Evidence: at()}
	}
	check := func(a confirm.Action, want map[string]int64) {
		t.Helper()
		if diff := cmp.Diff(want, s.counts(a)); diff != "" {
			t.Errorf("%T (-want +got):\n%s", a, diff)
		}
	}
	none := map[string]int64{}
	check(signup("1", both...), map[string]int64{"signups": 1, "signups/letter": 1, "signups/offers": 1})
	check(signup("2", both...), none) // pending already, and too soon for another letter
	check(confirm.Delivered{Request: "1", Delivery: confirm.Delivery{At: s.now}}, map[string]int64{"emails": 1})
	check(confirm.Delivered{Request: "1", Delivery: confirm.Delivery{At: s.now}}, none)
	s.later(11 * time.Minute)
	check(confirm.Resend{Terms: terms}, none)
	check(confirm.Delivered{Request: "1", Delivery: confirm.Delivery{At: s.now}}, map[string]int64{"emails": 1})
	check(confirm.Confirm{Request: "1", Evidence: at()}, map[string]int64{
		"confirmations": 1, "confirmations/letter": 1, "confirmations/offers": 1, "confirm_seconds": 660, "confirm_within/1h": 1})
	check(confirm.Confirm{Request: "1", Evidence: at()}, none)
	check(confirm.Withdraw{Purposes: []string{"offers"}, Evidence: at()}, map[string]int64{"withdrawals": 1, "withdrawals/offers": 1})
	s.later(time.Hour)
	check(signup("3", both...), map[string]int64{"signups": 1, "signups/offers": 1})
	s.later(terms.TTL)
	check(confirm.Expire{}, map[string]int64{"expiries": 1})
	check(confirm.Renew{Request: "3", ID: "4", Evidence: at(), Terms: terms}, none)
	check(confirm.Bounced{Request: "4", Evidence: at()}, map[string]int64{"undeliverable": 1})
	check(signup("5", both...), map[string]int64{"signups": 1, "signups/offers": 1})
	s.later(terms.TTL + 2*confirm.Grace)
	check(confirm.Expire{}, map[string]int64{"expiries": 1}) // and forgotten in the same step
	s.later(time.Hour)
	check(signup("6", both...), map[string]int64{"signups": 1, "signups/offers": 1})
	check(confirm.Bounced{Request: "6", Evidence: confirm.Evidence{At: s.now, How: confirm.ByReport}}, map[string]int64{"undeliverable": 1, "bounces": 1})
	complaint := func() confirm.Complained {
		return confirm.Complained{Evidence: confirm.Evidence{At: s.now, How: confirm.ByComplaint}}
	}
	check(complaint(), map[string]int64{"complaints": 1, "withdrawals": 1, "withdrawals/letter": 1})
	check(complaint(), none)
	s.later(time.Hour)
	remind := terms
	remind.RemindAfter = time.Hour
	again := signup("7", both...)
	again.Terms = remind
	check(again, map[string]int64{"signups": 1, "signups/letter": 1, "signups/offers": 1})
	check(confirm.Delivered{Request: "7", Delivery: confirm.Delivery{At: s.now}}, map[string]int64{"emails": 1})
	s.later(time.Hour)
	check(confirm.Expire{Terms: remind}, map[string]int64{"reminders": 1})
	check(confirm.Expire{Terms: remind}, none)
	check(complaint(), map[string]int64{"complaints": 1}) // the second one
	check(confirm.Decline{Site: "gazette", Evidence: at()}, map[string]int64{"declines": 1})
	check(confirm.Erase{}, none)
	check(confirm.Unblock{Evidence: at()}, none)
}

func TestTheTimeToConfirmFallsIntoOneBucket(t *testing.T) {
	for after, want := range map[time.Duration]string{
		0: "1m", time.Minute - 1: "1m", time.Minute: "10m", 10 * time.Minute: "1h", time.Hour: "24h", 24 * time.Hour: "later", -time.Second: "1m",
	} {
		s := tell(t)
		s.does(confirm.Signup{ID: "1", Address: address("ada@example.org"), Site: "gazette", Locale: "fr", Statements: oneLetter(), Terms: terms, Evidence: confirm.Evidence{At: s.now}})
		s.later(after)
		got := s.counts(confirm.Confirm{Request: "1", Evidence: confirm.Evidence{At: s.now}})
		if got["confirm_within/"+want] != 1 || got["confirmations"] != 1 || got["confirm_seconds"] != max(0, int64(after/time.Second)) {
			t.Errorf("after %v: %v", after, got)
		}
	}
}

func TestWhatWasCountedIsReadByDayAndPurpose(t *testing.T) {
	d := newDesk(t)
	d.ask("ada@example.org", "letter", "offers")
	first := d.letter()
	d.later(24 * time.Hour)
	d.ask("bob@example.org", "letter")
	if _, err := d.press(token(first.Confirm)); err != nil {
		t.Fatal(err)
	}
	got, err := d.Stats(t.Context(), "gazette", "2026-11-21", "2026-11-30")
	if err != nil {
		t.Fatal(err)
	}
	within := func(later int64) confirm.TimeToConfirm {
		return confirm.TimeToConfirm{Seconds: later * 86400, Within: []confirm.WithinCount{{Under: "1m"}, {Under: "10m"}, {Under: "1h"}, {Under: "24h"}, {Under: "later", Count: later}}}
	}
	want := []confirm.Day{
		{Day: "2026-11-21", Signups: 1, Emails: 1, TimeToConfirm: within(0), Purposes: []confirm.PurposeCount{{ID: "letter", Signups: 1}, {ID: "offers", Signups: 1}}},
		{Day: "2026-11-22", Signups: 1, Confirmations: 1, TimeToConfirm: within(1), Purposes: []confirm.PurposeCount{{ID: "letter", Signups: 1, Confirmations: 1}, {ID: "offers", Confirmations: 1}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if none, err := d.Stats(t.Context(), "gazette", "2026-11-23", "2026-11-30"); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

func oneLetter() []confirm.Statement { return []confirm.Statement{{Purpose: "letter", SHA256: "1"}} }
