package confirm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/store"
)

// frugal gives a site and the service a number of letters an hour, and no limits on an address.
func frugal(site, all int) func(*confirm.Options) {
	return func(o *confirm.Options) {
		o.Emails = []store.Limit{{N: all, Per: time.Hour}}
		o.Sites[0].EmailsPerSite = []store.Limit{{N: site, Per: time.Hour}}
		other := o.Sites[0]
		other.ID = "other"
		o.Sites = append(o.Sites, other)
	}
}

// asks is ask, at a site, with the error.
func (env *env) trySignUp(site, email string) error {
	return env.Person.SignUp(env.t.Context(), site, confirm.Signup{Address: mustParse(email), Purposes: []string{"letter"}, Locale: "fr"})
}

// left is how many letters the site and the service have, and takes them.
func (env *env) left(site string) (n int) {
	env.t.Helper()
	for {
		err := env.trySignUp(site, fmt.Sprintf("left%d@%s.example", n, site))
		var busy *ratelimit.Exceeded
		if errors.As(err, &busy) {
			if busy.Wait() <= 0 || busy.Wait() > time.Hour {
				env.t.Errorf("busy for %v", busy.Wait())
			}
			return n
		}
		if err != nil {
			env.t.Fatal(err)
		}
		n++
	}
}

func TestASiteHasItsLettersAndTheServiceHas(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		frugal(3, 5)(o)
		o.Sites[1].EmailsPerSite = []store.Limit{{N: 3, Per: 90 * time.Minute}}
	})
	if n := env.left("gazette"); n != 3 {
		t.Errorf("the site has %d letters, want 3", n)
	}
	if got := env.state("left3@gazette.example"); got != "" {
		t.Errorf("who was turned away is %q", got)
	}
	if n := env.left("other"); n != 2 { // what the first site was refused took none of these
		t.Errorf("the other site has %d letters, want 2", n)
	}
	env.emails(5)
	env.later(time.Hour)
	if n := env.left("other"); n != 1 { // what the service refused took none of these
		t.Errorf("an hour later the other site has %d letters more, want 1", n)
	}
}

func TestWhatASignupTookIsNeverGivenBack(t *testing.T) {
	env := newEnvWith(t, frugal(24, 100))
	env.signUp("ada@example.org", "letter") // 1
	first := env.email()
	for range 3 { // 4: pending, and too soon for another email
		env.signUp("ada@example.org", "letter")
	}
	env.emails(0)
	id := env.id("ada@example.org")
	for range 3 { // 7
		if due, err := env.Website.Resend(t.Context(), "gazette", id); due || err != nil {
			t.Fatal(due, err)
		}
	}
	if _, err := env.confirm(tokenOf(first.Confirm)); err != nil {
		t.Fatal(err)
	}
	env.later(11 * time.Minute)
	for range 3 { // 10: confirmed already
		env.signUp("ada@example.org", "letter")
	}
	if _, err := env.Person.Decline(t.Context(), tokenOf(first.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // 16: declined
		env.signUp("ada@example.org", "letter")
		if _, err := env.Person.Renew(t.Context(), tokenOf(first.Confirm), consent.Evidence{}); !errors.Is(err, consent.ErrDeclined) {
			t.Fatal(err)
		}
	}
	if n := env.left("gazette"); n != 24-16 {
		t.Errorf("%d emails are left, want %d", n, 24-16)
	}
}

func TestRenewingAndSendingAgainKeepToTheBudgetsAndChangeNothingBeyond(t *testing.T) {
	env := newEnvWith(t, frugal(1, 100))
	env.signUp("ada@example.org", "letter")
	draft := env.email()
	env.later(terms.TTL)
	var busy *ratelimit.Exceeded
	renew := func() error {
		_, err := env.Person.Renew(t.Context(), tokenOf(draft.Confirm), consent.Evidence{})
		return err
	}
	if err := renew(); err != nil {
		t.Fatal(err)
	}
	second := env.email()
	env.later(10 * time.Minute)
	if owed, err := env.Website.Resend(t.Context(), "gazette", env.id("ada@example.org")); owed || !errors.As(err, &busy) || busy.Wait() != 50*time.Minute {
		t.Fatal(owed, err, busy)
	}
	if err := renew(); !errors.As(err, &busy) {
		t.Fatal(err)
	}
	env.emails(0)
	env.later(50 * time.Minute)
	if owed, err := env.Website.Resend(t.Context(), "gazette", env.id("ada@example.org")); !owed || err != nil {
		t.Fatal(owed, err)
	}
	if again := env.email(); again.Confirm != second.Confirm {
		t.Error("another link")
	}
}

func TestTheSameAskTwiceTakesOneLetter(t *testing.T) {
	env := newEnvWith(t, frugal(3, 100))
	for range 5 {
		err := env.Person.SignUp(t.Context(), "gazette", confirm.Signup{Address: mustParse("ada@example.org"), Purposes: []string{"letter"}, Locale: "fr", IdempotencyID: "key"})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := env.left("gazette"); n != 2 {
		t.Errorf("%d letters are left, want 2", n)
	}
}

// counting notes what is asked of a store.
type counting struct {
	store.Store
	calls []string
	jobs  int
	fails bool
}

func (c *counting) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) error {
	jobs := 0
	err := c.Store.Update(ctx, key, func(r store.Record) (store.Change, error) {
		change, err := f(r)
		jobs = 0
		for _, j := range change.Enqueue {
			if j.Queue != confirm.QueueExpire {
				jobs++
			}
		}
		if change.Put == nil {
			c.calls = append(c.calls, "nothing put")
		}
		return change, err
	})
	c.calls, c.jobs = append(c.calls, "update"), jobs
	if c.fails && err == nil {
		err = store.ErrUnavailable // the answer was lost
	}
	return err
}

func (c *counting) Acquire(ctx context.Context, taker string, buckets ...store.Bucket) ([]time.Duration, error) {
	c.calls = append(c.calls, fmt.Sprintf("acquire %d", len(buckets)))
	return c.Store.Acquire(ctx, taker, buckets...)
}

// A stranger cannot tell what is known of an address from the work that a signup makes.
func TestTheStoreIsAskedTheSameWhateverIsKnownOfTheAddress(t *testing.T) {
	var c *counting
	env := newEnvWith(t, func(o *confirm.Options) {
		frugal(1000, 1000)(o)
		c = &counting{Store: o.Store}
		o.Store = c
	})
	signup := func(what string) {
		t.Helper()
		c.calls, c.jobs = nil, 0
		env.signUp("ada@example.org", "letter")
		if got := fmt.Sprint(c.calls, c.jobs); got != "[acquire 2 update] 1" {
			t.Errorf("%s: %s", what, got)
		}
	}
	must := func(_ confirm.View, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	signup("unknown")
	first := env.email()
	signup("pending, too soon")
	env.later(11 * time.Minute)
	signup("pending")
	must(env.confirm(tokenOf(first.Confirm)))
	env.later(11 * time.Minute)
	signup("confirmed")
	signup("confirmed, told so")
	status, err := env.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	must(env.Person.Withdraw(t.Context(), tokenOf(*status.UnsubscribeURL), nil, consent.Evidence{}))
	signup("withdrawn")
	env.later(50 * time.Hour)
	signup("expired")
	must(env.Person.Decline(t.Context(), tokenOf(first.Decline), consent.Evidence{}))
	signup("declined")
	env.later(30 * 24 * time.Hour)
	signup("declined long ago")
	must(env.Person.Unblock(t.Context(), tokenOf(first.Decline), consent.Evidence{}))
	signup("unblocked")
	if err := env.Website.Erase(t.Context(), "gazette", env.id("ada@example.org")); err != nil {
		t.Fatal(err)
	}
	signup("erased")
}

func TestAnEmailThatMayBeDueStaysTaken(t *testing.T) {
	var c *counting
	env := newEnvWith(t, func(o *confirm.Options) {
		frugal(1, 100)(o)
		c = &counting{Store: o.Store, fails: true}
		o.Store = c
	})
	if err := env.trySignUp("gazette", "ada@example.org"); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	c.fails = false
	env.emails(1)
	if n := env.left("gazette"); n != 0 {
		t.Errorf("%d emails are left", n)
	}
}

// spelling is the nth of the many spellings of one mailbox.
func spelling(n int) string { return fmt.Sprintf("ada+%d@example.org", n) }

// due runs the email jobs that are due now or within a day, and counts those whose email is due.
func (env *env) due() (n int) {
	env.t.Helper()
	env.later(25 * time.Hour)
	for _, queue := range confirm.EmailQueues() {
		all, err := env.store.Lease(env.t.Context(), queue, 1000, time.Minute)
		if err != nil {
			env.t.Fatal(err)
		}
		for _, job := range all {
			switch _, err := env.Relay.Message(env.t.Context(), job); {
			case err == nil:
				n++
			case !errors.Is(err, confirm.ErrNotDue):
				env.t.Fatal(err)
			}
			if _, err := env.Relay.Message(env.t.Context(), job); err != nil && !errors.Is(err, confirm.ErrNotDue) {
				env.t.Fatal(err)
			}
			if err := env.store.End(env.t.Context(), job, store.Complete()); err != nil {
				env.t.Fatal(err)
			}
		}
	}
	return n
}

func TestFewEmailsWaitForAMailboxHoweverItIsSpelled(t *testing.T) {
	for name, change := range map[string]func(*confirm.Options){
		"those over all sites": func(o *confirm.Options) {
			o.Sites[0].Terms.EmailsPerAddress, o.EmailsPerMailbox = nil, []store.Limit{{N: 2, Per: time.Hour}, {N: 5, Per: 24 * time.Hour}}
		},
		"those of the site": func(o *confirm.Options) {
			o.Sites[0].Terms.EmailsPerAddress = []store.Limit{{N: 1, Per: time.Minute}, {N: 5, Per: 24 * time.Hour}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvWith(t, change)
			for n := range 50 {
				if err := env.trySignUp("gazette", spelling(n)); err != nil {
					t.Fatalf("signup %d: %v", n, err)
				}
			}
			for _, other := range []string{"bob@example.org", "ada@example.org"} { // somebody else, and she herself
				if err := env.trySignUp("gazette", other); err != nil || env.state(other) != consent.Pending {
					t.Errorf("%s: %v, %q", other, err, env.state(other))
				}
			}
			if got := env.due(); got != 5+4+2 {
				t.Errorf("%d emails are due, want 9, one to herself and one to somebody else", got)
			}
			if err := env.trySignUp("gazette", spelling(100)); err != nil {
				t.Fatal(err)
			}
			if got := env.due(); got != 1 {
				t.Errorf("a day later %d emails are due, want 1", got)
			}
		})
	}
}

func TestAnEmailThatIsNotDueKeepsNoneFromItsMailbox(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		o.Sites[0].Terms.EmailsPerAddress = []store.Limit{{N: 1, Per: 24 * time.Hour}}
	})
	for range 30 { // pending, and too soon for another email
		if err := env.trySignUp("gazette", spelling(1)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 4 {
		if err := env.trySignUp("gazette", spelling(2+n)); err != nil {
			t.Fatal(err)
		}
	}
	if got := env.due(); got != 5 {
		t.Errorf("%d emails are due, want 5", got)
	}
}
