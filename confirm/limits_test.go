package confirm_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/store"
)

// withEmails gives a site and the service a number of emails an hour, and adds another site.
func withEmails(site, all int) func(*confirm.Options) {
	return func(o *confirm.Options) {
		o.Emails = []store.Limit{{N: all, Per: time.Hour}}
		o.Sites[0].EmailsPerSite = []store.Limit{{N: site, Per: time.Hour}}
		other := o.Sites[0]
		other.ID = "other"
		o.Sites = append(o.Sites, other)
	}
}

// trySignUp signs an address up at a site.
func (env *env) trySignUp(site, email string) error {
	return env.Person.SignUp(env.t.Context(), site, signupOf(email, "letter"))
}

// left takes the emails that are left to a site and the service, and returns how many there were.
func (env *env) left(site string) (n int) {
	env.t.Helper()
	for {
		err := env.trySignUp(site, fmt.Sprintf("left%d@%s.example", n, site))
		var exceeded *ratelimit.Exceeded
		if errors.As(err, &exceeded) {
			if exceeded.Wait() <= 0 || exceeded.Wait() > time.Hour {
				env.t.Errorf("exceeded for %v", exceeded.Wait())
			}
			return n
		}
		if err != nil {
			env.t.Fatal(err)
		}
		n++
	}
}

func TestASiteAndTheServiceHaveSoManyEmails(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		withEmails(3, 5)(o)
		o.Sites[1].EmailsPerSite = []store.Limit{{N: 3, Per: 90 * time.Minute}}
	})
	if n := env.left("gazette"); n != 3 {
		t.Errorf("the site has %d emails, want 3", n)
	}
	if got := env.state("left3@gazette.example"); got != "" {
		t.Errorf("the address that was refused is %q", got)
	}
	if n := env.left("other"); n != 2 { // what the first site was refused took none of these
		t.Errorf("the other site has %d emails, want 2", n)
	}
	env.emails(5)
	env.later(time.Hour)
	if n := env.left("other"); n != 1 { // what the service refused took none of these
		t.Errorf("an hour later the other site has %d emails more, want 1", n)
	}
}

func TestWhatASignupTookIsNeverGivenBack(t *testing.T) {
	env := newEnvWith(t, withEmails(24, 100))
	env.signUp("ada@example.org", "letter") // 1
	first := env.email()
	for range 3 { // 4: pending, and too soon for another email
		env.signUp("ada@example.org", "letter")
	}
	env.emails(0)
	id := env.id("ada@example.org")
	for range 3 { // none is due, and so none is taken: the website knows the subscription
		if due, _, err := env.Website.Resend(t.Context(), "gazette", id); due || err != nil {
			t.Fatal(due, err)
		}
	}
	if _, err := env.confirm(tokenOf(first.Confirm)); err != nil {
		t.Fatal(err)
	}
	env.later(11 * time.Minute)
	for range 3 { // 7: confirmed already
		env.signUp("ada@example.org", "letter")
	}
	if _, err := env.Person.Decline(t.Context(), tokenOf(first.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // 13: declined; a renewal takes as well, whatever comes of it
		env.signUp("ada@example.org", "letter")
		_, err := env.Person.Renew(t.Context(), tokenOf(first.Confirm), nil, consent.Evidence{})
		if !errors.Is(err, consent.ErrDeclined) {
			t.Fatal(err)
		}
	}
	if n := env.left("gazette"); n != 24-13 {
		t.Errorf("%d emails are left, want %d", n, 24-13)
	}
}

func TestRenewAndResendKeepToTheEmailsOfTheSite(t *testing.T) {
	env := newEnvWith(t, withEmails(1, 100))
	env.signUp("ada@example.org", "letter")
	message := env.email()
	env.later(terms.TTL)
	var exceeded *ratelimit.Exceeded
	renew := func() error {
		_, err := env.Person.Renew(t.Context(), tokenOf(message.Confirm), nil, consent.Evidence{})
		return err
	}
	if err := renew(); err != nil {
		t.Fatal(err)
	}
	second := env.email()
	env.later(10 * time.Minute)
	due, _, err := env.Website.Resend(t.Context(), "gazette", env.id("ada@example.org"))
	if due || !errors.As(err, &exceeded) || exceeded.Wait() != 50*time.Minute {
		t.Fatal(due, err, exceeded)
	}
	if err := renew(); !errors.As(err, &exceeded) {
		t.Fatal(err)
	}
	env.emails(0)
	env.later(50 * time.Minute)
	if due, _, err := env.Website.Resend(t.Context(), "gazette", env.id("ada@example.org")); !due || err != nil {
		t.Fatal(due, err)
	}
	if again := env.email(); again.Confirm != second.Confirm {
		t.Error("another link")
	}
}

// spelling is the nth of the many spellings of one mailbox.
func spelling(n int) string { return fmt.Sprintf("ada+%d@example.org", n) }

// due runs the email jobs of the next day, and counts those whose email is due; to ask twice makes no difference.
func (env *env) due() (n int) {
	env.t.Helper()
	env.later(25 * time.Hour)
	for _, queue := range confirm.EmailQueues() {
		all, err := env.store.Lease(env.t.Context(), queue, 1000, time.Minute)
		if err != nil {
			env.t.Fatal(err)
		}
		for _, job := range all {
			_, err := env.Relay.Message(env.t.Context(), job)
			if err == nil {
				n++
			} else if !errors.Is(err, confirm.ErrNotDue) {
				env.t.Fatal(err)
			}
			if _, again := env.Relay.Message(env.t.Context(), job); !errors.Is(again, err) {
				env.t.Fatalf("asked again: %v, at first %v", again, err)
			}
			if err := env.store.End(env.t.Context(), job, store.Complete()); err != nil {
				env.t.Fatal(err)
			}
		}
	}
	return n
}

func TestTooManySpellingsOfAMailboxAreDroppedSilently(t *testing.T) {
	for name, change := range map[string]func(*confirm.Options){
		"those over all sites": func(o *confirm.Options) {
			o.Sites[0].Terms.EmailsPerAddress = nil
			o.EmailsPerMailbox = []store.Limit{{N: 2, Per: time.Hour}, {N: 5, Per: 24 * time.Hour}}
		},
		"those of the site": func(o *confirm.Options) {
			o.Sites[0].Terms.EmailsPerAddress = []store.Limit{
				{N: 1, Per: time.Minute}, {N: 5, Per: 24 * time.Hour},
			}
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
			// Those that have their place, as many as may wait, one to herself and one to somebody else.
			placed := map[string]int{"those over all sites": 2, "those of the site": 1}[name]
			if got, want := env.due(), placed+5+4+2; got != want {
				t.Errorf("%d emails are due, want %d", got, want)
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

func TestAJobWhoseEmailIsNotDueTakesNothingOfItsMailbox(t *testing.T) {
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

// The holder of a link may know what is known of the address; but everybody sees what is left of the emails of a site,
// so a renewal takes one whatever comes of it. How often one client may do that, package web limits.
func TestARenewalTakesOfTheEmailsWhateverComesOfIt(t *testing.T) {
	env := newEnvWith(t, withEmails(35, 100))
	env.signUp("ada@example.org", "letter")
	m := env.email()
	if _, err := env.confirm(tokenOf(m.Confirm)); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if _, err := env.Person.Renew(t.Context(), tokenOf(m.Confirm), nil, consent.Evidence{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(env.emailJobs()); n > 0 {
		t.Errorf("%d jobs were enqueued", n)
	}
	if n := env.left("gazette"); n != 35-1-30 {
		t.Errorf("%d emails are left, want 4", n)
	}
}
