package consent_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// sinceThen has every purpose at its revision from one time on.
func sinceThen(at time.Time) map[string]time.Time {
	return map[string]time.Time{"letter": at, "offers": at, "survey": at, "a": at, "b": at, "c": at}
}

// where returns where each purpose stands, and why if there is a reason.
func (env *env) where() (all []string) {
	for _, p := range env.sub.Purposes(env.now) {
		line := p.ID + " " + string(p.State)
		if p.Reason != "" {
			line += " (" + string(p.Reason) + ")"
		}
		all = append(all, line)
	}
	return all
}

func (env *env) stands(want ...string) {
	env.t.Helper()
	if diff := cmp.Diff(want, env.where()); diff != "" {
		env.t.Errorf("purposes (-want +got):\n%s", diff)
	}
}

func TestOnlyWhatIsChosenIsConfirmed(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter", "offers", "events"))
	some := env.confirm("r1")
	some.Purposes = []string{"offers", "offers"}
	follows(t, env.does(some), "subscription.confirmed")
	env.stands("offers confirmed", "letter expired (not_chosen)", "events expired (not_chosen)")
	follows(t, env.does(env.confirm("r1"))) // a second press, on all, adds nothing
	env.is(consent.Confirmed).stands("offers confirmed", "letter expired (not_chosen)", "events expired (not_chosen)")
	env.later(time.Hour)
	follows(t, env.does(env.signup("r2", "letter")), "email r2")
}

func TestNothingIsConfirmedThatWasNotAsked(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	more := env.confirm("r1")
	more.Purposes = []string{"letter", "offers"}
	if _, err := env.tries(more); !errors.Is(err, consent.ErrNotAsked) {
		t.Fatal(err)
	}
	env.is(consent.Pending)
}

func TestARaisedRevisionEndsOlderConsentsAndAsksAnew(t *testing.T) {
	env := newEnv(t)
	signup := env.signup("r1", "letter", "offers")
	signup.Statements[0].Revision, signup.Statements[1].Revision = 1, 1
	env.does(signup)
	env.does(env.confirm("r1"))
	env.later(24 * time.Hour)
	before := env.sub
	raised := map[string]int{"letter": 2, "offers": 1}
	env.sub = env.sub.Supersede(raised, sinceThen(env.now))
	env.is(consent.Confirmed).stands("letter expired (superseded)", "offers confirmed")
	if before.Consents[0].State != consent.Confirmed {
		t.Error("Supersede changed its input")
	}
	if then, whole := env.sub.AsOf(env.now.Add(-time.Hour)); !whole || then.Consents[0].State != consent.Confirmed {
		t.Errorf("an hour before it was %q", then.Consents[0].State)
	}
	again := env.signup("r2", "letter", "offers")
	again.Statements[0].Revision, again.Statements[1].Revision = 2, 1
	follows(t, env.does(again), "email r2")
	if asked := env.sub.Requests[1].Statements; len(asked) != 1 || asked[0].Purpose != "letter" {
		t.Errorf("asked for %v", asked)
	}
	follows(t, env.does(env.confirm("r2")), "subscription.confirmed")
	env.sub = env.sub.Supersede(raised, sinceThen(env.now))
	env.stands("letter confirmed", "offers confirmed")
}

func TestWhatARevisionEndedIsTakenBackAllTheSame(t *testing.T) {
	for name, act := range map[string]func(*env) (consent.Action, string){
		"withdrawn": func(env *env) (consent.Action, string) { return env.withdraw(), "subscription.withdrawn" },
		"declined":  func(env *env) (consent.Action, string) { return env.decline(), "subscription.declined" },
		"withdrawn by a complaint": func(env *env) (consent.Action, string) {
			e := consent.Evidence{At: env.now, How: consent.ByComplaint}
			return consent.Complained{Evidence: e}, "subscription.withdrawn"
		},
	} {
		env := newEnv(t)
		signup := env.signup("r1")
		signup.Statements[0].Revision = 1
		env.does(signup)
		env.does(env.confirm("r1"))
		env.later(24 * time.Hour)
		raised := env.now
		env.sub = env.sub.Supersede(map[string]int{"letter": 2}, sinceThen(raised))
		env.later(time.Hour)
		before := env.sub
		action, event := act(env)
		follows(t, env.does(action), event)
		want, _, _ := strings.Cut(name, " ")
		env.stands("letter " + want)
		if n := count(consent.Counts(before, env.sub, nil), consent.CountWithdrawals); want == "withdrawn" && n != 1 {
			t.Errorf("%s: counted as %d withdrawals", name, n)
		}
		follows(t, env.does(action)) // a second time nothing is left

		// The revision goes down again: what was taken back stays so, and the past as it was.
		env.sub = env.sub.Supersede(map[string]int{"letter": 1}, sinceThen(env.now))
		env.stands("letter " + want)
		for ago, want := range map[time.Duration]consent.State{
			time.Minute: consent.Expired, time.Hour + time.Minute: consent.Confirmed,
		} {
			if then, _ := env.sub.AsOf(env.now.Add(-ago)); then.Purpose("letter", env.now).State != want {
				t.Errorf("%s: %v before it was %s", name, ago, then.Purpose("letter", env.now).State)
			}
		}
	}
}

func count(all []store.Count, name string) (n int64) {
	for _, c := range all {
		if c.Name == name && c.By == "" {
			n += c.N
		}
	}
	return n
}

func TestAStrangerPushesNothingOutAndMakesNothingGrow(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(consent.Tried{RequestID: "r1", Answer: consent.Answer{At: env.now, Reply: "451 later"}})
	env.later(time.Minute)
	env.does(consent.Delivered{RequestID: "r1", Delivery: consent.Delivery{At: env.now, Reply: "250 ok"}})
	env.does(env.confirm("r1"))
	env.does(env.withdraw())
	env.later(time.Hour)
	env.does(env.signup("r2"))
	env.does(env.decline())
	before, size := env.sub, len(encoded(env.sub))
	for n := range 1000 {
		env.later(time.Second)
		env.does(env.signup(fmt.Sprint("stranger", n)))
	}
	env.is(consent.Declined)
	after := env.sub
	if u := after.Unanswered; u.N != 1000 || !u.Last.Equal(env.now) || u.Last.Sub(u.First) != 999*time.Second {
		t.Errorf("counted as %+v", u)
	}
	if grown := len(encoded(after)) - size; grown > 100 {
		t.Errorf("the record has grown by %d bytes", grown)
	}
	after.Unanswered, after.Changed = before.Unanswered, before.Changed
	if diff := cmp.Diff(encoded(before), encoded(after)); diff != "" {
		t.Errorf("besides the count something has changed (-before +after):\n%s", diff)
	}
}

func TestEveryTryAndEveryEmailIsKept(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	for n := range 5 {
		env.later(time.Minute)
		env.does(consent.Tried{RequestID: "r1", Answer: consent.Answer{At: env.now, Reply: fmt.Sprint("451 no ", n)}})
	}
	env.later(time.Minute)
	env.does(consent.Delivered{RequestID: "r1", Delivery: consent.Delivery{At: env.now, Reply: "250 first"}})
	env.later(time.Hour)
	follows(t, env.does(consent.Resend{Terms: terms}), "email r1")
	env.does(consent.Delivered{RequestID: "r1", Delivery: consent.Delivery{At: env.now, Reply: "250 second"}})
	env.does(consent.Bounced{RequestID: "r1", Evidence: consent.Evidence{How: consent.ByReport, Reply: "550 gone"}})

	emails := env.sub.Requests[0].Emails
	if len(emails) != 2 {
		t.Fatalf("%d emails, want 2", len(emails))
	}
	first, second := emails[0], emails[1]
	var answers []string
	for _, a := range first.Answers {
		answers = append(answers, a.Reply)
	}
	if diff := cmp.Diff([]string{"451 no 2", "451 no 3", "451 no 4"}, answers); diff != "" || first.Tries != 5 {
		t.Errorf("%d tries, the last of them (-want +got):\n%s", first.Tries, diff)
	}
	if first.Taken.Reply != "250 first" || first.Reason != "" || first.Bounced != nil {
		t.Errorf("the first email: %+v", first)
	}
	if second.Taken.Reply != "250 second" || second.Reason != consent.ReasonResend ||
		second.Bounced.Reply != "550 gone" {
		t.Errorf("the second email: %+v", second)
	}
}

func TestARefusalThatEndedIsKept(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	for range 40 {
		env.later(time.Hour)
		env.does(env.decline())
		env.later(time.Hour)
		env.does(consent.Unblock{Evidence: consent.Evidence{At: env.now}})
	}
	refusals := env.sub.Refusals
	if n := len(refusals); n != 32 {
		t.Errorf("%d refusals are kept", n)
	}
	if first := refusals[0].Declined.At; !first.Equal(start.Add(time.Hour)) {
		t.Errorf("the first that is kept is of %v", first)
	}
	if last := refusals[len(refusals)-1].Unblocked; last == nil || !last.At.Equal(env.now) {
		t.Errorf("the last ended by %+v", last)
	}
}

// TestAStrangerCannotFillARecordSoThatThePersonIsNotHeard has a stranger send signups as large as they can be, as often
// as an email is due, for weeks. The person's own signup must lead to its email all the same.
func TestAStrangerCannotFillARecordSoThatThePersonIsNotHeard(t *testing.T) {
	env := newEnv(t)
	purposes := []string{"letter", "offers", "events", "jobs", "sport", "books", "films"}
	long := func(n int) string { return strings.Repeat(fmt.Sprint(env.now.UnixNano()), n/19) }
	emailed := 0
	for n := range 60 {
		env.later(8 * time.Hour)
		a := env.signup(fmt.Sprint("stranger", n), purposes...)
		for i := range a.Statements {
			a.Statements[i].Shown = long(2048)
		}
		a.Evidence.UserAgent, a.Evidence.Source, a.Evidence.Origin = long(256), long(512), long(256)
		if len(env.does(a)) > 0 {
			emailed++
			reply := consent.Delivery{At: env.now, Reply: "250 2.0.0 Ok: queued as 4FD1"}
			env.does(consent.Delivered{RequestID: a.ID, Delivery: reply})
		}
	}
	if emailed != 60 {
		t.Errorf("of 60 signups %d led to an email", emailed)
	}
	env.later(8 * time.Hour)
	follows(t, env.does(env.signup("person")), "email person")
	if n := len(encoded(env.sub)); n > store.MaxData {
		t.Errorf("the record has %d bytes", n)
	}
}

// TestWhatWasTakenBackStaysSoWhateverTheRevisionIs raises and lowers revisions between actions. As in a store, what a
// revision ends is written only with what an action changes.
func TestWhatWasTakenBackStaysSoWhateverTheRevisionIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history{now: start}
		terms := someTerms.Draw(t, "terms")
		takenBack := map[string]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "length") {
			waits := []time.Duration{time.Minute, 11 * time.Minute, 9 * time.Hour}
			h.now = h.now.Add(rapid.SampledFrom(waits).Draw(t, "later"))
			revision := rapid.IntRange(1, 3).Draw(t, "revision")
			before := h.sub.Supersede(map[string]int{"a": revision, "b": revision, "c": revision}, sinceThen(h.now))
			action := h.action(t, terms)
			if signup, ok := action.(consent.Signup); ok {
				for i := range signup.Statements {
					signup.Statements[i].Revision = revision
				}
				h.known = append(h.known, signup.ID)
			}
			change, err := consent.Apply(before, action, h.now)
			if err == nil && change.Changed {
				h.sub = change.Subscription
			}
			for _, id := range takenBackBy(action) {
				takenBack[id] = true
			}
			if _, ok := action.(consent.Confirm); ok {
				for id := range confirmedBy(change.Subscription) {
					takenBack[id] = takenBack[id] && confirmedBy(before)[id] != ""
				}
			}
			for id := range confirmedBy(h.sub) { // as it is if the revision is lowered as far as can be
				if takenBack[id] {
					t.Fatalf("%T of revision %d: %s was taken back and is confirmed", action, revision, id)
				}
			}
		}
	})
}

func TestALinkFromBeforeANewerRevisionAsksAnew(t *testing.T) {
	raised := map[string]int{"letter": 2}
	env := newEnv(t)
	signup := env.signup("r1", "letter")
	signup.Statements[0].Revision = 1
	env.does(signup)
	env.later(time.Hour)
	confirm := env.confirm("r1")
	confirm.Revisions = raised
	if _, err := env.tries(confirm); !errors.Is(err, consent.ErrExpired) {
		t.Fatalf("confirming what is no longer asked: %v", err)
	}
	env.is(consent.Pending)
	renew := env.renew("r1", "r2")
	renew.Revisions = raised
	renew.Statements = []consent.Statement{{Purpose: "letter", Revision: 2, SHA256: "the newer text"}}
	follows(t, env.does(renew), "email r2")
	confirm.RequestID = "r2"
	follows(t, env.does(confirm), "subscription.confirmed")
	if c := env.sub.Consents[0]; c.Revision != 2 || c.SHA256 != "the newer text" {
		t.Errorf("agreed to %+v", c)
	}

	env.later(time.Hour)
	raised["letter"] = 3
	env.sub = env.sub.Supersede(raised, sinceThen(env.now))
	if _, err := env.tries(confirm); !errors.Is(err, consent.ErrExpired) {
		t.Errorf("a second press, once it is superseded: %v", err)
	}
}
