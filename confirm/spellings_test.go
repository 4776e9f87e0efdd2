package confirm_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// consented signs an address up and confirms it, some time after the last email.
func (env *env) consented(email string) {
	env.t.Helper()
	env.later(25 * time.Hour)
	env.signUp(email, "letter")
	if _, err := env.confirm(tokenOf(env.email().Confirm)); err != nil {
		env.t.Fatal(err)
	}
}

// declines signs an address up, and declines in the name of its mailbox. It returns the token that did.
func (env *env) declines(email string) string {
	env.t.Helper()
	env.later(25 * time.Hour)
	env.signUp(email, "offers")
	token := tokenOf(env.email().Decline)
	if _, err := env.Person.Decline(env.t.Context(), token, consent.Evidence{How: consent.ByLink}); err != nil {
		env.t.Fatal(err)
	}
	env.later(25 * time.Hour)
	return token
}

func TestTheCaseOfAnAddressMakesNobodyElse(t *testing.T) {
	env := newEnv(t)
	env.signUp("Ada@Example.org", "letter")
	first := env.email()
	env.later(11 * time.Minute)
	env.signUp("ADA@example.org", "offers")
	second := env.email()
	if first.To.String() != "Ada@example.org" || second.To.String() != "ADA@example.org" {
		t.Errorf("the emails go to %s and %s, not to who asked", first.To, second.To)
	}
	if env.id("ada@example.org") != env.id("Ada@example.org") {
		t.Error("the case of one letter makes another person")
	}
	for _, row := range []struct{ token, email string }{
		{tokenOf(second.Confirm), "ADA@example.org"}, {tokenOf(first.Confirm), "Ada@example.org"},
	} {
		v, err := env.confirm(row.token)
		if err != nil || v.Address.String() != row.email {
			t.Errorf("the page of %s is for %s, %v", row.email, v.Address, err)
		}
		st, err := env.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
		if err != nil || st.Email != row.email || st.Also != nil {
			t.Errorf("after %s confirmed, a lookup returns %q, also %v, %v", row.email, st.Email, st.Also, err)
		}
	}
	env.later(25 * time.Hour)
	env.signUp("aDa@example.org", "letter", "offers")
	if m := env.email(); m.Type != consent.EmailAlreadyConfirmed || m.To.String() != "aDa@example.org" {
		t.Errorf("%s to %s", m.Type, m.To)
	}
	st, _ := env.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
	if st.Email != "Ada@example.org" {
		t.Errorf("a signup changed the confirmed address to %s", st.Email)
	}
	for _, other := range []string{"adá@example.org", "ADÁ@example.org", "\u212bda@example.org"} {
		if got := env.state(other); got != "" {
			t.Errorf("%s is %s", other, got)
		}
	}
}

func TestALookupTellsOfOtherSpellingsOfTheMailbox(t *testing.T) {
	env := newEnv(t)
	env.consented("ada@gmail.com")
	env.consented("a.da@gmail.com")
	env.later(25 * time.Hour)
	env.signUp("ada+news@googlemail.com", "letter")
	env.email()
	env.consented("bob+x@gmail.com")
	of := func(email string) []string {
		st, err := env.Website.Lookup(t.Context(), "gazette", mustParse(email))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		var all []string
		for _, also := range st.Also {
			other, err := env.Website.ByID(t.Context(), "gazette", also.ID)
			if err != nil || other.State != also.State {
				t.Errorf("%s has also %v, which is %v, %v", email, also, other, err)
			}
			all = append(all, fmt.Sprintf("%s %s", other.Email, also.State))
		}
		slices.Sort(all)
		return all
	}
	plain, dotted, tagged := "ada@gmail.com confirmed", "a.da@gmail.com confirmed", "ada+news@googlemail.com pending"
	for email, want := range map[string][]string{
		"ada@gmail.com":           {dotted, tagged},
		"a.da@gmail.com":          {tagged, plain},
		"ada+news@googlemail.com": {dotted, plain},
		"Ada+other@gmail.com":     {dotted, tagged, plain},
		"bob@gmail.com":           {"bob+x@gmail.com confirmed"},
		"bob+x@gmail.com":         nil,
		"ada@example.org":         nil,
		"eve@gmail.com":           nil,
	} {
		slices.Sort(want)
		if diff := cmp.Diff(want, of(email)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", email, diff)
		}
	}
	if err := env.Website.Erase(t.Context(), "gazette", env.id("a.da@gmail.com")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{tagged}, of("ada@gmail.com")); diff != "" {
		t.Errorf("after an erasure (-want +got):\n%s", diff)
	}
	env.later(30 * 24 * time.Hour)
	if diff := cmp.Diff([]string(nil), of("ada@gmail.com")); diff != "" {
		t.Errorf("when what was pending is long over (-want +got):\n%s", diff)
	}
}

func TestARefusalHoldsForTheMailboxInEverySpelling(t *testing.T) {
	for name, row := range map[string]struct {
		declines string
		others   []string
	}{
		"the plainest declines": {"grace@example.org", []string{
			"grace@example.org", "Grace@example.org", "grace+news@example.org", "GRACE+x+y@EXAMPLE.org",
		}},
		"a tag declines": {"grace+a@example.org", []string{
			"grace@example.org", "grace+a@example.org", "grace+b@example.org",
		}},
		"Gmail":             {"gr.ace+a@gmail.com", []string{"grace@gmail.com", "g.r.a.c.e@googlemail.com"}},
		"Yahoo":             {"grace@yahoo.fr", []string{"grace-shop@yahoo.fr", "grace+x@yahoo.fr"}},
		"Proton":            {"gra_ce@pm.me", []string{"grace@proton.me", "gra-ce@protonmail.com"}},
		"Yandex":            {"gra-ce@ya.ru", []string{"gra.ce@yandex.ru"}},
		"subdomains":        {"grace@fastmail.com", []string{"shop@grace.fastmail.com"}},
		"another subdomain": {"shop@grace.fastmail.com", []string{"x@grace.fastmail.com", "grace@fastmail.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			token := env.declines(row.declines)
			for _, other := range row.others {
				env.signUp(other, "letter")
				env.emails(0)
				if got := env.state(other); got != consent.Declined {
					t.Errorf("%s is %q", other, got)
				}
				env.later(11 * time.Minute)
			}
			env.signUp("gracie@example.org", "letter") // somebody else
			env.email()
			if _, err := env.Person.Unblock(t.Context(), token, consent.Evidence{}); err != nil {
				t.Fatal(err)
			}
			for _, other := range append(row.others, row.declines) {
				env.later(25 * time.Hour)
				env.signUp(other, "letter")
				if m := env.email(); m.Type != consent.EmailConfirm || m.To != mustParse(other) {
					t.Errorf("after it ended, %s gets %+v", other, m)
				}
			}
		})
	}
}

func TestARefusalEndsWhatOtherSpellingsAgreedTo(t *testing.T) {
	env := newEnv(t)
	env.consented("ada@gmail.com")
	env.consented("a.da@gmail.com")
	env.later(25 * time.Hour)
	env.signUp("ada+pending@gmail.com", "letter")
	pending := env.email()
	env.consented("bob@gmail.com")
	token := env.declines("ada+x@gmail.com")
	for _, email := range []string{"ada@gmail.com", "a.da@gmail.com", "ada+pending@gmail.com", "ada+x@gmail.com"} {
		if got := env.state(email); got != consent.Declined {
			t.Errorf("%s is %s", email, got)
		}
	}
	if _, err := env.confirm(tokenOf(pending.Confirm)); !errors.Is(err, consent.ErrDeclined) {
		t.Errorf("a link to another spelling still confirms: %v", err)
	}
	if got := env.state("bob@gmail.com"); got != consent.Confirmed {
		t.Errorf("somebody else is %s", got)
	}
	v, err := env.Person.Unblock(t.Context(), token, consent.Evidence{})
	if err != nil || v.Declined {
		t.Fatalf("%+v, %v", v, err)
	}
	if _, err := env.confirm(tokenOf(pending.Confirm)); err == nil {
		t.Error("an email from before the refusal confirms")
	}
	env.consented("a.da@gmail.com") // a new confirmation
}

func TestARefusalInOneSpellingEndsByTheLinkOfAnother(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada+1@example.org", "letter")
	first := env.email()
	env.later(25 * time.Hour)
	env.signUp("ada+2@example.org", "letter")
	second := env.email()
	if _, err := env.Person.Decline(t.Context(), tokenOf(first.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	v, err := env.Person.View(t.Context(), tokenOf(second.Confirm))
	if !errors.Is(err, consent.ErrDeclined) || !v.Declined {
		t.Errorf("the page of the other link: %+v, %v", v, err)
	}
	if _, err := env.Person.Unblock(t.Context(), v.Unblock, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"ada+1@example.org", "ada+2@example.org", "ada@example.org"} {
		env.later(25 * time.Hour)
		env.signUp(email, "letter")
		env.email()
	}
}

// TestARefusalOutlivesItsPerson: a week after a refusal nothing personal is left, and an erasure leaves nothing either.
func TestARefusalOutlivesItsPerson(t *testing.T) {
	for name, row := range map[string]func(*env, string){
		"a week":     func(env *env, _ string) { env.expire() },
		"an erasure": func(env *env, _ string) { env.erase("ada+x@example.org") },
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			token := env.declines("ada+x@example.org")
			id := env.id("ada+x@example.org")
			env.later(8 * 24 * time.Hour)
			row(env, id)
			st, err := env.Website.ByID(t.Context(), "gazette", id)
			if err != nil || st.Email != "" || st.State != consent.Declined {
				t.Fatalf("%+v, %v", st, err)
			}
			for _, email := range []string{"ada@example.org", "ada+x@example.org", "ada+y@example.org"} {
				env.signUp(email, "letter")
				env.emails(0)
			}
			if _, err := env.Person.Unblock(t.Context(), token, consent.Evidence{}); err != nil {
				t.Fatal(err)
			}
			for _, email := range []string{"ada@example.org", "ada+x@example.org", "ada+y@example.org"} {
				env.later(25 * time.Hour)
				env.signUp(email, "letter")
				env.email()
			}
		})
	}
}

// expire lets the clock act on what is due.
func (env *env) expire() {
	env.t.Helper()
	jobs, err := env.store.Lease(env.t.Context(), store.TimerQueue, 100, time.Minute)
	if err != nil {
		env.t.Fatal(err)
	}
	for _, job := range jobs {
		if err := env.Clock.Expire(env.t.Context(), job); err != nil {
			env.t.Fatal(err)
		}
	}
}

func TestARefusalOutlivesARotationOfSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	env := open(t, path, "a")
	token := env.declines("ada+x@example.org")
	now := env.now
	env.store.Close()
	env = open(t, path, "b", "a")
	env.now = now
	for _, email := range []string{"ada@example.org", "Ada+Y@example.org", "ada+x@example.org"} {
		env.signUp(email, "letter")
		env.emails(0)
	}
	if _, err := env.Person.Unblock(t.Context(), token, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"ada@example.org", "ada+y@example.org", "ada+x@example.org"} {
		env.later(25 * time.Hour)
		env.signUp(email, "letter")
		env.email()
	}
}

func TestAComplaintTakesBackWhatOtherSpellingsAgreedTo(t *testing.T) {
	env := newEnv(t)
	env.consented("ada@gmail.com")
	env.consented("a.da@gmail.com")
	env.consented("bob@gmail.com")
	env.later(25 * time.Hour)
	env.signUp("ada+x@gmail.com", "letter")
	m := env.email()
	err := env.Relay.Report(t.Context(), confirm.Report{ReturnPath: m.ReturnPath, Kind: confirm.ReportComplaint})
	if err != nil {
		t.Fatal(err)
	}
	for email, want := range map[string]consent.State{
		"ada@gmail.com": consent.Withdrawn, "a.da@gmail.com": consent.Withdrawn, "ada+x@gmail.com": consent.Withdrawn,
		"bob@gmail.com": consent.Confirmed,
	} {
		if got := env.state(email); got != want {
			t.Errorf("%s is %s, want %s", email, got, want)
		}
	}
}

// TestSpellingsWithoutEndLeaveNothing: who invents spellings of a mailbox that declined makes no record that lasts, and
// of one that did not, no more than a mailbox has room for.
func TestSpellingsWithoutEndLeaveNothing(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) { o.Sites[0].Terms.EmailsPerAddress = nil })
	spelling := func(i int) string { return fmt.Sprintf("ada+%d@example.org", i) }
	for i := range consent.MaxSpellings + 5 {
		env.signUp(spelling(i), "letter")
	}
	for _, job := range env.emails(consent.MaxSpellings) {
		if err := env.store.End(t.Context(), job, store.Complete()); err != nil {
			t.Fatal(err)
		}
	}
	if got := env.state(spelling(consent.MaxSpellings + 1)); got != consent.Pending {
		t.Errorf("a spelling too many is %s", got)
	}
	env.declines("ada@example.org")
	env.later(30 * 24 * time.Hour)
	for i := range 10 {
		env.signUp(spelling(1000+i), "letter")
	}
	env.emails(0)
	env.later(30 * 24 * time.Hour)
	for i := range 10 {
		if got := env.state(spelling(1000 + i)); got != "" {
			t.Errorf("%s is still %s", spelling(1000+i), got)
		}
	}
}

// TestASignupNeverLooksAtTheMailbox: what a signup does to the store is the same for a mailbox that declined, in the
// spelling that did and in others, and for anybody else.
func TestASignupNeverLooksAtTheMailbox(t *testing.T) {
	calls := new(counting)
	env := newEnvWith(t, func(o *confirm.Options) { calls.Store = o.Store; o.Store = calls })
	env.declines("ada@example.org")
	env.consented("bob+x@example.org")
	env.later(25 * time.Hour)
	env.signUp("first@example.org", "letter") // a new day asks for the statements
	var first []string
	for _, email := range []string{
		"new@example.org", "ada@example.org", "Ada@example.org", "ada+x@example.org", "bob@example.org",
		"bob+x@example.org", "bob+y@example.org",
	} {
		calls.calls = nil
		env.signUp(email, "letter")
		if first == nil {
			first = calls.calls
		}
		if diff := cmp.Diff(first, calls.calls); diff != "" {
			t.Errorf("%s (-anybody +got):\n%s", email, diff)
		}
	}
}
