package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

func TestALinkThatAMailProgramHasDamagedIsFound(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	m := env.email()
	link := tokenOf(m.Confirm)
	for text, want := range map[string]string{
		link: link, "<" + link + ">": link, link + "&utm_source=mail": link, "no link at all": "",
	} {
		got, err := env.Person.FindLink(text, token.UseConfirm)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("in %.60q it finds %.20q, %v", text, got, err)
		}
	}
}

func TestAPageKnowsTheBrowserThatSignedUp(t *testing.T) {
	env := newEnv(t)
	signup := signupOf("ada@example.org", "letter")
	var located store.Key
	signup.Browser, signup.Located = "a cookie", func(key store.Key, _ confirm.Trace) { located = key }
	if err := env.Person.SignUp(t.Context(), "gazette", signup); err != nil {
		t.Fatal(err)
	}
	v, err := env.Person.View(t.Context(), tokenOf(env.email().Confirm))
	if err != nil || v.Browser != confirm.BrowserHash("a cookie") || v.Browser == confirm.BrowserHash("another") {
		t.Errorf("it was signed up by %q, %v", v.Browser, err)
	}
	if located.ID != v.ID || located.ID != env.id("ada@example.org") {
		t.Errorf("it was located at %s, and is %s", located.ID, v.ID)
	}
}

func TestThePageOfARefusalSaysThatItHolds(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	link := tokenOf(env.email().Decline)
	if v, err := env.Person.View(t.Context(), link); err != nil || v.Declined {
		t.Errorf("before: %+v, %v", v, err)
	}
	after, err := env.Person.Decline(t.Context(), link, consent.Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{link, after.Unblock} {
		if v, err := env.Person.View(t.Context(), page); !errors.Is(err, consent.ErrDeclined) || !v.Declined {
			t.Errorf("afterwards: %+v, %v", v, err)
		}
	}
}

// To decline the question whether to go on is no "this was not me": it ends what it asks about, and no more.
func TestWhoDeclinesToRenewIsWithdrawnAndMaySignUpAgain(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		o.Sites[0].Terms.Validity = consent.Validity{For: 700 * day, RenewBefore: 30 * day}
	})
	env.consented("ada@example.org")
	env.later(680 * day)
	env.expire()
	v, err := env.Person.Decline(t.Context(), tokenOf(env.email().Decline), consent.Evidence{How: consent.ByLink})
	if err != nil || v.Declined || v.Agreed.IsZero() {
		t.Errorf("%+v, %v", v, err)
	}
	if state := env.state("ada@example.org"); state != consent.Withdrawn {
		t.Errorf("she is %s", state)
	}
	env.consented("ada@example.org")
}

// What a renewal takes of the quotas of its client says nothing of what became of it.
func TestARenewalTakesOfItsClientsQuotasInAnyCase(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	link := tokenOf(env.email().Confirm)
	quotas := func(string) []ratelimit.Quota {
		return []ratelimit.Quota{{Name: "ip", Bucket: store.Bucket{
			Name: "ip", Limits: []store.Limit{{N: 2, Per: time.Hour}},
		}}}
	}
	for i := range 3 { // the link is good, so there is nothing to renew
		_, err := env.Person.Renew(t.Context(), link, quotas, consent.Evidence{})
		var exceeded *ratelimit.Exceeded
		if errors.As(err, &exceeded) != (i == 2) || i < 2 && err != nil {
			t.Errorf("time %d: %v", i+1, err)
		}
	}
	_, err := env.Person.Renew(t.Context(), "no link", quotas, consent.Evidence{})
	if !errors.Is(err, token.ErrUnknown) {
		t.Errorf("without a link: %v", err)
	}
}

func TestTheLinkOfARightIsGoodUntilItsEndAndForThatRight(t *testing.T) {
	env := newEnv(t)
	env.consented("ada@example.org")
	status, err := env.Website.ByID(t.Context(), "gazette", env.id("ada@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	leave := tokenOf(*status.UnsubscribeURL)
	links := map[consent.Right]string{}
	for _, right := range []consent.Right{consent.RightCopy, consent.RightErase} {
		env.later(time.Hour)
		if _, err := env.Person.ClaimRight(t.Context(), leave, right, consent.Evidence{}); err != nil {
			t.Fatal(err)
		}
		links[right] = tokenOf(env.email().Confirm)
	}
	if v, err := env.Person.Right(t.Context(), links[consent.RightErase]); err != nil || v.Use != token.UseErase {
		t.Errorf("%+v, %v", v, err)
	}
	if _, _, err := env.Person.TakeCopy(t.Context(), links[consent.RightErase], consent.Evidence{}); err == nil {
		t.Error("a copy is taken by the link that erases")
	}
	if _, err := env.Person.Erase(t.Context(), links[consent.RightCopy]); err == nil {
		t.Error("she is erased by the link to a copy")
	}
	_, err = env.Person.ClaimRight(t.Context(), links[consent.RightCopy], consent.RightCopy, consent.Evidence{})
	if err == nil {
		t.Error("a right is claimed by the link of another")
	}
	env.later(consent.ClaimTTL)
	if _, err := env.Person.Right(t.Context(), links[consent.RightCopy]); !errors.Is(err, consent.ErrExpired) {
		t.Errorf("after its end: %v", err)
	}
	env.later(40 * day) // nothing of the claims is left
	if _, err := env.Person.Right(t.Context(), links[consent.RightCopy]); !errors.Is(err, consent.ErrExpired) {
		t.Errorf("long after its end: %v", err)
	}
}

func TestTheLinkToACopyOfAnErasedPersonLeadsToNobody(t *testing.T) {
	env := newEnv(t)
	env.consented("ada@example.org")
	status, err := env.Website.ByID(t.Context(), "gazette", env.id("ada@example.org"))
	if err == nil {
		env.later(time.Hour)
		_, err = env.Person.ClaimRight(
			t.Context(), tokenOf(*status.UnsubscribeURL), consent.RightCopy, consent.Evidence{})
	}
	if err != nil {
		t.Fatal(err)
	}
	link := tokenOf(env.email().Confirm)
	env.erase("ada@example.org")
	if v, err := env.Person.Right(t.Context(), link); !errors.Is(err, token.ErrUnknown) || v.ID != "" {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestAReportThatIsNewsChangesNothing(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	m := env.email()
	for name, row := range map[string]struct {
		report confirm.Report
		err    error
	}{
		"news":            {confirm.Report{ReturnPath: m.ReturnPath, Kind: confirm.ReportNews}, nil},
		"a short id":      {confirm.Report{MessageID: "short", Kind: confirm.ReportHard}, token.ErrNotOurs},
		"another's id":    {confirm.Report{MessageID: "x" + m.ID[1:], Kind: confirm.ReportHard}, token.ErrNotOurs},
		"another's path":  {confirm.Report{ReturnPath: "x" + m.ReturnPath, Kind: confirm.ReportHard}, token.ErrNotOurs},
		"of no email":     {confirm.Report{Site: "gazette", Kind: confirm.ReportHard}, token.ErrNotOurs},
		"of another site": {confirm.Report{Site: "club", Address: m.To, Kind: confirm.ReportHard}, token.ErrNotOurs},
		"of a person whom nobody knows": {
			confirm.Report{Site: "gazette", Address: mustParse("bob@example.org"), Kind: confirm.ReportHard}, nil,
		},
	} {
		if err := env.Relay.Report(t.Context(), row.report); !errors.Is(err, row.err) {
			t.Errorf("%s: %v", name, err)
		}
		if state := env.state("ada@example.org"); state != consent.Pending {
			t.Fatalf("%s: she is %s", name, state)
		}
	}
}
