package consent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func (env *env) answer(reply string) consent.Answer { return consent.Answer{At: env.now, Reply: reply} }

// jobs applies an action that must succeed, and returns its jobs in words.
func (env *env) jobs(a consent.Action) (all []string) {
	env.t.Helper()
	c, err := consent.Apply(env.sub, a, env.now)
	if err != nil {
		env.t.Fatal(err)
	}
	for _, j := range c.Jobs {
		all = append(all, fmt.Sprint(j.Type, " ", j.Email, " of ", j.RequestID))
	}
	env.sub = c.Subscription
	return all
}

func TestAnEmailGoesToTheAddressAsItWasTypedForIt(t *testing.T) {
	env := newEnv(t)
	spelled := func(id, as string) consent.Signup {
		a := env.signup(id)
		a.Address = mustParse(as)
		return a
	}
	env.does(spelled("r1", "Ada@example.org"))
	env.later(12 * time.Minute).does(env.claim("c1", consent.RightCopy)) // by the link of an older email
	env.later(12 * time.Minute).does(spelled("r2", "ADA@example.org"))
	env.does(env.confirm("r2"))
	env.later(25 * time.Hour).does(spelled("n1", "aDA@example.org")) // who is told that they confirmed already
	for of, want := range map[string]string{
		"r1": "Ada@example.org", "r2": "ADA@example.org", "n1": "aDA@example.org", "c1": "Ada@example.org",
	} {
		if got := env.sub.AddressOf(of).String(); got != want {
			t.Errorf("of %s: %s, not %s", of, got, want)
		}
	}
	env.does(env.confirm("r1")) // by the first email's link: nothing is new
	if got := env.sub.Address.String(); got != "ADA@example.org" {
		t.Errorf("the person is %s", got)
	}
}

func TestAWebsiteLearnsWhyNoEmailGoesOut(t *testing.T) {
	long := terms
	long.EmailsPerAddress = []store.Limit{{N: 1, Per: 10 * time.Minute}}
	for name, row := range map[string]struct {
		before func(*env)
		why    consent.NotDue
		at     time.Duration // from when a resend would be due; of NotDueLimit that is none: 0
	}{
		"at once":    {func(env *env) { env.does(env.signup("r1")); env.later(10 * time.Minute) }, "", 0},
		"in a while": {func(env *env) { env.does(env.signup("r1")); env.later(time.Minute) }, "", 9 * time.Minute},
		"declined": {func(env *env) { env.does(env.signup("r1")); env.does(env.decline()) },
			consent.NotDueDeclined, 0},
		"objected": {func(env *env) { env.does(env.object()) }, consent.NotDueDeclined, 0},
		"confirmed": {func(env *env) { env.does(env.signup("r1")); env.does(env.confirm("r1")) },
			consent.NotDueConfirmed, 0},
		"withdrawn": {func(env *env) { env.does(env.signup("r1")); env.does(env.withdraw()) }, consent.NotDueClosed, 0},
		"expired":   {func(env *env) { env.does(env.signup("r1")); env.later(terms.TTL) }, consent.NotDueClosed, 0},
		"a role": {func(env *env) {
			a := env.signup("r1")
			a.Address = mustParse("postmaster@example.org")
			env.does(a)
		}, consent.NotDueRole, 0},
		"as many as one request may have": {func(env *env) {
			env.does(env.signup("r1"))
			for range consent.MaxEmailsPerRequest - 1 {
				env.later(11 * time.Minute).does(consent.Resend{Terms: long})
			}
			env.later(11 * time.Minute)
		}, consent.NotDueLimit, 0},
		"one fewer": {func(env *env) {
			env.does(env.signup("r1"))
			for range consent.MaxEmailsPerRequest - 2 {
				env.later(11 * time.Minute).does(consent.Resend{Terms: long})
			}
			env.later(11 * time.Minute)
		}, "", 0},
		"when its link has ended": {func(env *env) {
			short := env.signup("r1")
			short.Terms.TTL = 10 * time.Minute
			env.does(short)
			env.later(time.Minute)
		}, consent.NotDueLimit, 0},
	} {
		env := newEnv(t)
		row.before(env)
		at, why := long.ResendAt(&env.sub, env.now)
		want := env.now.Add(row.at)
		if row.why != "" {
			want = time.Time{}
		}
		if why != row.why || !at.Equal(want) {
			t.Errorf("%s: %v, %q; want %v, %q", name, at, why, want, row.why)
		}
		if row.at > 0 || row.why != "" {
			if jobs := env.jobs(consent.Resend{Terms: long}); len(jobs) > 0 {
				t.Errorf("%s: and yet %v", name, jobs)
			}
		} else if jobs := env.jobs(consent.Resend{Terms: long}); len(jobs) != 1 {
			t.Errorf("%s: and yet %v", name, jobs)
		}
	}
}

func TestEachEmailOfARequestHasItsNumber(t *testing.T) {
	env := newEnv(t)
	if diff := cmp.Diff([]string{"email 0 of r1"}, env.jobs(env.signup("r1"))); diff != "" {
		t.Error(diff)
	}
	for n := 1; n < 3; n++ {
		env.later(10 * time.Minute)
		want := []string{fmt.Sprintf("email %d of r1", n)}
		if diff := cmp.Diff(want, env.jobs(consent.Resend{Terms: terms})); diff != "" {
			t.Error(diff)
		}
		if e, number := env.sub.Email("r1"); number != n || e.Reason != consent.ReasonResend {
			t.Errorf("the last email is number %d, %q", number, e.Reason)
		}
		if env.sub.Requests.Find("r1").IsReminder() {
			t.Error("it is taken for a reminder")
		}
	}
	if e, _ := env.sub.Email("unknown"); e != nil {
		t.Errorf("of an unknown request: %+v", e)
	}
}

func TestALimitThatIsNoneAllowsEveryEmail(t *testing.T) {
	env := newEnv(t)
	a := env.signup("r1")
	a.Terms.EmailsPerAddress = []store.Limit{{N: 0, Per: time.Hour}}
	follows(t, env.does(a), "email r1")
	follows(t, env.later(time.Second).does(consent.Resend{Terms: a.Terms}), "email r1")
}

func TestAReportIsKeptAndClosesNothing(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.later(time.Minute)
	env.does(consent.Delivered{RequestID: "r1", Delivery: consent.Delivery{At: env.now, Reply: "250 ok"}})
	env.later(time.Hour)
	first := consent.Reported{RequestID: "r1", Answer: env.answer("452 mailbox full")}
	env.does(first)
	env.does(first) // the same report once more
	older := consent.Answer{At: env.now.Add(-time.Minute), Reply: "an older one"}
	env.does(consent.Reported{RequestID: "r1", Answer: older})
	env.does(consent.Reported{RequestID: "unknown", Answer: env.answer("of no email")})
	replies := func() (all []string) {
		e, _ := env.sub.Email("r1")
		for _, a := range e.Answers {
			all = append(all, a.Reply)
		}
		return all
	}
	if diff := cmp.Diff([]string{"452 mailbox full"}, replies()); diff != "" {
		t.Error(diff)
	}
	for i := range 4 {
		env.later(time.Minute).does(consent.Reported{RequestID: "r1", Answer: env.answer(fmt.Sprint("report ", i))})
	}
	if diff := cmp.Diff([]string{"report 1", "report 2", "report 3"}, replies()); diff != "" {
		t.Error(diff)
	}
	env.is(consent.Pending)
	if got := env.sub.Status("id", env.now).LastRefusal; got == nil || got.Reply != "report 3" {
		t.Errorf("the website sees %+v", got)
	}
	follows(t, env.does(env.confirm("r1")), "subscription.confirmed")
}

func TestOfARelaysAnswersTheLastAreKeptEachOnce(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	for i := range 5 {
		env.later(time.Minute)
		tried := consent.Tried{RequestID: "r1", Answer: env.answer(fmt.Sprint("451 try ", i))}
		env.does(tried)
		env.does(tried) // by a worker that did not see its own commit
	}
	env.does(consent.Tried{RequestID: "unknown", Answer: env.answer("of no email")})
	e, _ := env.sub.Email("r1")
	if e.Tries != 5 || len(e.Answers) != consent.MaxAnswers || e.Answers[0].Reply != "451 try 2" {
		t.Errorf("%d tries, %+v", e.Tries, e.Answers)
	}
	env.later(time.Minute)
	env.does(consent.Delivered{RequestID: "r1", Delivery: consent.Delivery{At: env.now}})
	env.later(time.Minute).does(consent.Tried{RequestID: "r1", Answer: env.answer("after it was taken")})
	if e, _ := env.sub.Email("r1"); e.Tries != 5 || len(e.Answers) != consent.MaxAnswers {
		t.Errorf("%d tries after it was taken: %+v", e.Tries, e.Answers)
	}
}

// signed is a delivery of an email with DKIM signatures.
func (env *env) signed(signature string) consent.Delivery {
	return consent.Delivery{At: env.now, SHA256: "signed", Unsigned: "unsigned", Signature: signature}
}

func TestTheSignatureOfAnEmailIsKeptOnceItIsProof(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(consent.Delivered{RequestID: "r1", Delivery: env.signed("DKIM 0")})
	env.later(10 * time.Minute).does(consent.Resend{Terms: terms})
	env.does(consent.Delivered{RequestID: "r1", Delivery: consent.Delivery{At: env.now, SHA256: "a", Unsigned: "a"}})
	signatures := func() (all []string) {
		for _, e := range env.sub.Requests.Find("r1").Emails {
			all = append(all, e.Taken.Signature)
		}
		return all
	}
	keep := consent.Signed{RequestID: "r1", Signatures: map[int]string{0: "DKIM 0", 1: "none", 2: "no such email"}}
	env.does(keep) // nobody has confirmed: nothing is proven
	if diff := cmp.Diff([]string{"", ""}, signatures()); diff != "" {
		t.Errorf("before the confirmation: %s", diff)
	}
	if diff := cmp.Diff([]string{"signature 0 of r1"}, env.jobs(env.confirm("r1"))); diff != "" {
		t.Error(diff)
	}
	env.does(consent.Signed{RequestID: "r1", Signatures: map[int]string{0: ""}})
	env.does(keep)
	env.does(consent.Signed{RequestID: "r1", Signatures: map[int]string{0: "another"}})
	env.does(consent.Signed{RequestID: "unknown", Signatures: map[int]string{0: "DKIM 0"}})
	if diff := cmp.Diff([]string{"DKIM 0", ""}, signatures()); diff != "" {
		t.Error(diff)
	}
	// Of an email that a relay takes after the confirmation, it is kept at once.
	late := newEnv(t)
	late.does(late.signup("r1"))
	if jobs := late.jobs(late.confirm("r1")); len(jobs) > 0 {
		t.Errorf("no email was taken, and yet %v", jobs)
	}
	late.does(consent.Delivered{RequestID: "r1", Delivery: late.signed("DKIM 0")})
	if e, _ := late.sub.Email("r1"); e.Taken.Signature != "DKIM 0" {
		t.Errorf("%+v", e.Taken)
	}
}

func TestALinkIsPostponedOnceForOneWait(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	postpone := consent.Postpone{RequestID: "r1", Until: env.now.Add(time.Hour), TTL: terms.TTL}
	for i, want := range []bool{true, false, false} {
		c, err := consent.Apply(env.sub, postpone, env.now)
		if err != nil || c.Changed != want {
			t.Errorf("time %d: changed %t, %v", i+1, c.Changed, err)
		}
		env.sub = c.Subscription
	}
}
