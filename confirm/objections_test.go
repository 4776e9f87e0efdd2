package confirm_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func (env *env) object(email string, purposes ...string) {
	env.t.Helper()
	e := consent.Evidence{Detail: "wrote to our desk"}
	if err := env.Website.Object(env.t.Context(), "gazette", mustParse(email), purposes, e); err != nil {
		env.t.Fatal(err)
	}
}

func (env *env) unblock(email string) {
	env.t.Helper()
	e := consent.Evidence{Detail: "asked for the letter again, by phone"}
	if err := env.Website.Unblock(env.t.Context(), "gazette", mustParse(email), e); err != nil {
		env.t.Fatal(err)
	}
}

// may asks whether emails for a purpose may be sent.
func (env *env) may(email, purpose string) consent.Permission {
	env.t.Helper()
	st, err := env.Website.Ask(env.t.Context(), "gazette", mustParse(email), confirm.Question{For: purpose})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		env.t.Fatal(err)
	}
	return *st.Permission
}

func TestAnObjectionHoldsForTheMailboxInEverySpellingKnownOrNot(t *testing.T) {
	spellings := []string{"grace@gmail.com", "Grace+news@gmail.com", "g.r.a.c.e@googlemail.com"}
	for name, before := range map[string]func(*env){
		"nothing is known":           func(*env) {},
		"a consent in each spelling": func(env *env) { env.consented(spellings[0]); env.consented(spellings[1]) },
		"one that is pending": func(env *env) {
			env.signUp(spellings[2], "letter")
			env.email()
		},
		"an email that is on its way": func(env *env) { env.signUp(spellings[1], "letter") },
	} {
		for _, objects := range spellings {
			t.Run(name+", "+objects, func(t *testing.T) {
				env := newEnv(t)
				before(env)
				env.object(objects)
				env.object(objects)
				env.emails(0)
				env.later(25 * time.Hour)
				for _, s := range spellings {
					env.signUp(s, "letter")
					env.emails(0)
					if may := env.may(s, "letter"); may != (consent.Permission{Reason: "objected"}) {
						t.Errorf("%s: %+v", s, may)
					}
				}
				env.signUp("gracie@gmail.com", "letter") // somebody else
				env.email()
				env.unblock(spellings[1])
				for _, s := range spellings {
					if got := env.state(s); got == consent.Confirmed {
						t.Errorf("%s is confirmed without a confirmation", s)
					}
					env.consented(s)
				}
			})
		}
	}
}

func TestAnObjectionIsEndedByALinkOfTheMailbox(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	m := env.email()
	env.object("ada+x@example.org")
	v, err := env.Person.View(t.Context(), tokenOf(m.Confirm))
	if !errors.Is(err, consent.ErrDeclined) || !v.Declined {
		t.Fatalf("the page of an earlier link: %+v, %v", v, err)
	}
	if _, err := env.Person.Unblock(t.Context(), v.Unblock, consent.Evidence{How: consent.ByLink}); err != nil {
		t.Fatal(err)
	}
	if _, err := env.confirm(tokenOf(m.Confirm)); !errors.Is(err, consent.ErrWithdrawn) {
		t.Errorf("the link from before the objection: %v", err)
	}
	env.consented("ada+x@example.org")
	env.consented("ada@example.org")
}

func TestAnObjectionToOnePurposeLeavesTheOthersInEverySpelling(t *testing.T) {
	env := newEnv(t)
	env.object("ada@example.org", "offers")
	env.signUp("ada+x@example.org", "offers")
	env.emails(0)
	env.later(25 * time.Hour)
	env.signUp("ada+x@example.org", "letter", "offers")
	m := env.email()
	if len(m.Purposes) != 1 || m.Purposes[0].ID != "letter" {
		t.Errorf("the email asks for %+v", m.Purposes)
	}
	if _, err := env.confirm(tokenOf(m.Confirm)); err != nil {
		t.Fatal(err)
	}
	for purpose, want := range map[string]consent.Permission{
		"letter": {Allowed: true, Reason: "confirmed"}, "offers": {Reason: "objected"},
	} {
		if got := env.may("ada+x@example.org", purpose); got != want {
			t.Errorf("%s: %+v", purpose, got)
		}
	}
}

func TestAnObjectionIsToldToTheWebsite(t *testing.T) {
	env := newEnv(t)
	env.consented("ada@example.org")
	env.lease(endpoint, 1)
	env.object("ada@example.org", "letter")
	job := env.lease(endpoint, 1)[0]
	event, err := env.Website.Event(t.Context(), job)
	if err != nil || event.Type != consent.EventDeclined || event.Data.Purposes[0].Reason != consent.ReasonObjected {
		t.Errorf("%+v, %v", event, err)
	}
	want := []consent.ObjectionTo{{Channel: "email", Purposes: []string{"letter"}, Since: env.now}}
	if diff := cmp.Diff(want, event.Data.Objections); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnObjectionOutlivesTheErasureAndARotationOfSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	env := open(t, path, "a")
	env.consented("ada+x@example.org")
	env.object("ada+x@example.org")
	env.erase("ada+x@example.org")
	env.object("bob@example.org", "offers")
	now := env.now
	env.store.Close()
	env = open(t, path, "b", "a")
	env.now = now.Add(48 * time.Hour)
	all := []string{"ada@example.org", "ada+x@example.org", "Ada+Y@example.org"}
	for _, email := range all {
		env.signUp(email, "letter")
		env.emails(0)
	}
	env.signUp("bob@example.org", "offers")
	env.emails(0)
	env.object("ada@example.org") // under the newer secret, too
	env.unblock("ada@example.org")
	env.unblock("bob@example.org")
	for _, email := range append(all, "bob@example.org") {
		env.consented(email)
	}
}

// leaves are the names of the leaves that wait.
func (env *env) leaves() (all []string) {
	env.t.Helper()
	jobs := env.logJobs()
	for i, e := range env.entriesOf(jobs) {
		all = append(all, string(e.Action))
		if err := env.store.End(env.t.Context(), jobs[i], store.Complete()); err != nil {
			env.t.Fatal(err)
		}
	}
	slices.Sort(all)
	return all
}

func TestEveryDecisionIsOneLeaf(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) { o.Logged = true })
	is := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, env.leaves()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	env.consented("ada@example.org")
	is("confirmed")
	env.later(25 * time.Hour)
	env.signUp("ada@example.org", "offers")
	job := env.emails(1)[0]
	m, err := env.Relay.Message(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	d := consent.Delivery{Reply: "250 ok", SHA256: "00", Unsigned: "00"}
	if err := env.Relay.Delivered(t.Context(), job, &m, d); err != nil {
		t.Fatal(err)
	}
	is() // an email decides nothing
	env.object("ada@example.org")
	env.object("nobody@example.org")
	env.object("nobody@example.org")
	is("objected", "objected")
	env.unblock("nobody@example.org")
	is("unblocked")
	env.erase("ada@example.org")
	is("erased")
}

// TestWhatWasRefusedIsRestoredForTheMailbox puts what the log has into an empty store.
func TestWhatWasRefusedIsRestoredForTheMailbox(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) { o.Logged = true })
	token := env.declines("ada+x@example.org")
	env.object("bob+x@example.org", "offers")
	env.consented("eve+x@example.org")
	entries := env.entries()
	if len(entries) != 3 {
		t.Fatalf("%d leaves", len(entries))
	}
	empty := newEnv(t)
	empty.now = env.now
	for _, e := range entries {
		for range 2 {
			if _, err := empty.Log.Restore(t.Context(), confirm.Restorable{Key: e.Key, Rest: e.Rest}); err != nil {
				t.Fatal(err)
			}
		}
	}
	empty.later(25 * time.Hour)
	empty.signUp("ada@example.org", "letter")
	empty.signUp("ada+y@example.org", "letter")
	empty.signUp("bob@example.org", "offers")
	empty.emails(0)
	if _, err := empty.Person.Unblock(t.Context(), token, consent.Evidence{How: consent.ByLink}); err != nil {
		t.Fatal(err)
	}
	empty.unblock("bob@example.org")
	empty.consented("ada@example.org")
	empty.consented("ada+y@example.org")
	empty.later(25 * time.Hour)
	empty.signUp("bob@example.org", "offers")
	empty.email()
	if st, err := empty.Website.Lookup(t.Context(), "gazette", mustParse("eve@example.org")); len(st.Also) != 1 {
		t.Errorf("other spellings are %v, %v", st.Also, err)
	}
}

func TestUseIsOneWriteADay(t *testing.T) {
	env := newEnv(t)
	env.consented("ada@example.org")
	version := func() store.Version {
		rec, err := env.store.Find(t.Context(), store.Key{Site: "gazette", ID: env.id("ada@example.org")})
		if err != nil {
			t.Fatal(err)
		}
		return rec.Version
	}
	use := func(email, purpose string) {
		q := confirm.Question{For: purpose, Use: true}
		if _, err := env.Website.Ask(t.Context(), "gazette", mustParse(email), q); err != nil &&
			!errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	before := version()
	use("ada@example.org", "offers") // which is not allowed
	use("nobody@example.org", "letter")
	if version() != before {
		t.Error("what may not be sent is noted as used")
	}
	use("ada@example.org", "letter")
	noted := version()
	env.later(time.Hour)
	use("ada@example.org", "letter")
	if version() != noted || noted == before {
		t.Error("a use is not one write a day")
	}
	env.later(24 * time.Hour)
	use("ada@example.org", "letter")
	if version() == noted {
		t.Error("the use of the next day is not noted")
	}
	st, err := env.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
	if err != nil || st.Purposes[0].LastUse != env.now.Format(time.DateOnly) {
		t.Errorf("%+v, %v", st.Purposes, err)
	}
}
