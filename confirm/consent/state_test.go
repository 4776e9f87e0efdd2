package consent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestARefusalAndAnObjectionBothOutliveAnErasure(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.object("letter"))
	env.does(env.decline())
	env.does(consent.Erase{})
	if env.sub.IsEmpty() || env.sub.Refusals.Declined() == nil || !env.sub.Objections.Active() {
		t.Errorf("left: %+v", env.sub)
	}
}

func TestARefusalIsKeptBesideAReceipt(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.decline())
	env.does(consent.Erase{Receipts: []consent.KeptReceipt{{Text: "a.b.c", Until: env.now.Add(time.Hour)}}})
	if env.sub.IsEmpty() || env.sub.Refusals.Declined() == nil || len(env.sub.Receipts) != 1 {
		t.Errorf("left: %+v", env.sub)
	}
}

func TestARequestNamesEachPurposeOnce(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter", "news", "letter"))
	if got := env.sub.Requests[0].Purposes(); !slices.Equal(got, []string{"letter", "news"}) {
		t.Errorf("%q", got)
	}
}

func TestWithoutAConsentThereIsNoProofToDelete(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.later(terms.TTL + time.Hour)
	follows(t, env.does(retain()), "subscription.expired")
	if env.is(consent.Expired); env.sub.Address.IsZero() {
		t.Error("who may still renew is erased")
	}
}

func TestWhatEndsOfAnotherChannelSaysNothingOfEmails(t *testing.T) {
	for channel, want := range map[consent.Channel]consent.State{
		consent.ChannelSMS: "", consent.ChannelPost: "", consent.ChannelEmail: consent.Declined,
	} {
		env := newEnv(t)
		e := consent.Evidence{At: env.now, How: consent.ByServer, Channel: channel}
		env.does(consent.Object{Site: "gazette", Mailbox: "m", Evidence: e})
		env.later(time.Hour)
		env.does(consent.Unblock{Evidence: e})
		if got := env.sub.State(env.now); got != want {
			t.Errorf("%s: %q", channel, got)
		}
	}
}

func TestAWebsiteSeesByWhichWordsAnEmailWasRefused(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	if got := env.sub.Status("id", env.now).LastRefusal; got != nil {
		t.Errorf("before any: %+v", got)
	}
	env.later(time.Minute)
	env.does(consent.Bounced{RequestID: "r1", Evidence: consent.Evidence{
		At: env.now, How: consent.ByRelay, Reply: "550 unknown",
	}})
	got := env.sub.Status("id", env.now).LastRefusal
	if got == nil || got.Reply != "550 unknown" || got.Reason != consent.RefusalRecipient || !got.At.Equal(env.now) {
		t.Errorf("%+v", got)
	}
	other := newEnv(t)
	other.does(other.signup("r1"))
	confirm := other.confirm("r1")
	confirm.Evidence.Reply = "no refusal"
	other.does(confirm)
	if got := other.sub.Status("id", other.now).LastRefusal; got != nil {
		t.Errorf("of a confirmation: %+v", got)
	}
}

func TestWhosIPAnActIs(t *testing.T) {
	for name, row := range map[string]struct {
		e           consent.Evidence
		ip, network string
	}{
		"a person's":  {consent.Evidence{How: consent.ByLink, IP: "192.0.2.7"}, "192.0.2.7", "192.0.2.7"},
		"cut":         {consent.Evidence{How: consent.ByForm, IP: "192.0.2.0/24"}, "192.0.2.0/24", "192.0.2.0"},
		"a website's": {consent.Evidence{How: consent.ByServer, IP: "192.0.2.7"}, "", ""},
		"which it attests": {consent.Evidence{
			How: consent.ByServer, IP: "192.0.2.7", Attested: &consent.Attested{IP: "198.51.100.9"},
		}, "198.51.100.9", "198.51.100.9"},
	} {
		if ip, network := row.e.PersonIP(), row.e.PersonNetwork(); ip != row.ip || network != row.network {
			t.Errorf("%s: %q, %q", name, ip, network)
		}
	}
}

func TestTheLatestReceiptIsFoundOrTheOneOfARequest(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	env.does(env.confirm("r1"))
	env.later(25 * time.Hour).does(env.signup("r2", "offers"))
	env.does(env.confirm("r2"))
	env.later(25 * time.Hour).does(env.signup("r3", "events"))
	if r := env.sub.Requests.WithReceipt(""); r != nil {
		t.Errorf("none was made: %+v", r)
	}
	env.sub.Requests.Find("r1").Receipt = &consent.Receipt{ID: "one"}
	env.sub.Requests.Find("r2").Receipt = &consent.Receipt{ID: "two"}
	names := map[string]string{} // by purpose
	for _, s := range env.sub.Timeline(func(string, int) string { return "" }) {
		if s.Action == consent.StepConfirmed {
			names[s.Purposes[0].ID] = s.Request
		}
	}
	for name, want := range map[string]string{"": "two", names["letter"]: "one", names["offers"]: "two"} {
		if r := env.sub.Requests.WithReceipt(name); r == nil || r.Receipt.ID != want {
			t.Errorf("%q: %+v, want %s", name, r, want)
		}
	}
	if r := env.sub.Requests.WithReceipt("nobody's"); r != nil {
		t.Errorf("%+v", r)
	}
}

func TestOfWhatEndedAtOneMomentTheFirstPurposeCounts(t *testing.T) {
	for first, want := range map[string]consent.State{"letter": consent.Withdrawn, "offers": consent.Declined} {
		env := newEnv(t)
		second := map[string]string{"letter": "offers", "offers": "letter"}[first]
		env.does(env.signup("r1", first, second))
		env.does(env.confirm("r1"))
		env.later(time.Hour).does(env.withdraw("letter"))
		env.does(env.object("offers"))
		env.is(want)
	}
}

func TestOnlyWhileAPersonIsAskedThereIsALinkThatExpires(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	env.later(time.Hour).does(env.signup("r2", "news"))
	last := env.now.Add(terms.TTL)
	if at := env.is(consent.Pending).sub.Status("x", env.now).ExpiresAt; at == nil || !at.Equal(last) {
		t.Errorf("two links expire at %v, want %v, which is the later", at, last)
	}
	env.does(env.confirm("r2"))
	if at := env.is(consent.Confirmed).sub.Status("x", env.now).ExpiresAt; at != nil {
		t.Errorf("a confirmed subscription expires at %v", at)
	}
}
