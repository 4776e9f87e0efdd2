package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/store"
)

// acquire counts an email to a mailbox, or returns how long until there is room.
func (env *env) acquire(id string, queue store.QueueName, site, to string) time.Duration {
	env.t.Helper()
	job, message := store.Job{ID: id, Queue: queue}, confirm.Message{Site: site, To: mustParse(to)}
	err := env.Relay.AcquireMailbox(env.t.Context(), job, message)
	if exceeded := new(ratelimit.Exceeded); errors.As(err, &exceeded) {
		return exceeded.Wait()
	}
	if err != nil {
		env.t.Fatal(err)
	}
	return 0
}

// manySites adds six sites, and a limit on the emails to one mailbox from all of them.
func manySites(o *confirm.Options) {
	o.EmailsPerMailbox = []store.Limit{{N: 5, Per: 24 * time.Hour}}
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		site := o.Sites[0]
		site.ID = id
		o.Sites = append(o.Sites, site)
	}
}

func TestTheEmailsToAMailboxAreLimitedOverAllSites(t *testing.T) {
	env := newEnvWith(t, manySites)
	for i, site := range []string{"a", "b", "c", "d", "e"} {
		for range 2 { // tried again it is not counted again
			to := []string{"ken@gmail.com", "k.en@gmail.com"}[i%2]
			if wait := env.acquire("email-"+site, confirm.QueueEmailRetry, site, to); wait != 0 {
				t.Fatalf("email %d waits %v", i, wait)
			}
		}
	}
	if wait := env.acquire("email-f", confirm.QueueEmailRetry, "f", "KEN+x@googlemail.com"); wait != 24*time.Hour {
		t.Errorf("the sixth waits %v", wait)
	}
	if wait := env.acquire("other", confirm.QueueEmailRetry, "f", "kendra@gmail.com"); wait != 0 {
		t.Errorf("somebody else waits %v", wait)
	}
	env.later(24 * time.Hour)
	if wait := env.acquire("email-f", confirm.QueueEmailRetry, "f", "ken@gmail.com"); wait != 0 {
		t.Errorf("a day later it waits %v", wait)
	}
}

func TestASiteWithShortLimitsForgetsNothingOfAnother(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		manySites(o)
		o.EmailsPerMailbox = nil
		o.Sites[1].Terms.EmailsPerAddress = []store.Limit{{N: 1, Per: 7 * 24 * time.Hour}} // of site a
		o.Sites[2].Terms.EmailsPerAddress = []store.Limit{{N: 9, Per: time.Minute}}        // of site b
	})
	if wait := env.acquire("1", confirm.QueueEmailRetry, "a", "ken+1@example.org"); wait != 0 {
		t.Fatalf("the first waits %v", wait)
	}
	for _, id := range []string{"2", "3"} {
		env.later(time.Hour)
		if wait := env.acquire(id, confirm.QueueEmailRetry, "b", "ken+2@example.org"); wait != 0 {
			t.Fatalf("an email of the other site waits %v", wait)
		}
	}
	if wait := env.acquire("4", confirm.QueueEmailRetry, "a", "ken+3@example.org"); wait < 6*24*time.Hour {
		t.Errorf("a second email within the week waits %v", wait)
	}
}

func TestALimitThatRefusesTakesNothingFromTheOther(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		manySites(o)
		o.EmailsPerMailbox[0].N = 2
		o.Sites[3].Terms.EmailsPerAddress = []store.Limit{{N: 1, Per: 48 * time.Hour}} // of site c
	})
	minute := 10*time.Minute - time.Minute // the site's shorter limit, a little less
	if env.acquire("1", confirm.QueueEmailRetry, "a", "ken@example.org") != 0 {
		t.Fatal("the first waits")
	}
	for _, id := range []string{"2", "3", "4"} { // refused by the site, so not counted over all sites
		if wait := env.acquire(id, confirm.QueueEmailRetry, "a", "ken@example.org"); wait != minute {
			t.Fatalf("email %s waits %v, want %v", id, wait, minute)
		}
	}
	if env.acquire("5", confirm.QueueEmailRetry, "b", "ken@example.org") != 0 {
		t.Fatal("an email that was refused counts over all sites")
	}
	for _, id := range []string{"6", "7"} { // refused over all sites
		if wait := env.acquire(id, confirm.QueueEmailRetry, "c", "ken@example.org"); wait != 24*time.Hour {
			t.Fatalf("email %s waits %v", id, wait)
		}
	}
	if wait := env.acquire("8", confirm.QueueEmailRetry, "a", "ken@example.org"); wait != 24*time.Hour {
		t.Errorf("refused by both it waits %v, not for the longer", wait)
	}
	env.later(24 * time.Hour)
	if env.acquire("9", confirm.QueueEmailRetry, "c", "ken@example.org") != 0 {
		t.Error("an email that was refused over all sites counts at its site")
	}
}

func TestAnEmailThatMayHaveBeenSentCountsASecondTime(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		manySites(o)
		o.EmailsPerMailbox[0].N = 2
		o.Sites[0].Terms.EmailsPerAddress = nil
	})
	for _, queue := range []store.QueueName{
		confirm.EmailQueues()[3], confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent, confirm.QueueEmailMaybeSent,
	} {
		if wait := env.acquire("1", queue, "gazette", "ken@example.org"); wait != 0 {
			t.Fatalf("in %s it waits %v", queue, wait)
		}
	}
	if env.acquire("2", confirm.QueueEmailRetry, "gazette", "ken@example.org") == 0 {
		t.Error("two emails were counted as one")
	}
}

func TestWithoutLimitsNoEmailWaits(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) { o.Sites[0].Terms.EmailsPerAddress = nil })
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7"} {
		if wait := env.acquire(id, confirm.QueueEmailRetry, "gazette", "ken@example.org"); wait != 0 {
			t.Fatalf("email %s waits %v", id, wait)
		}
	}
}

func TestAnEmailTakesItsPlaceAsItIsEnqueuedOnlyIfItIsDueNow(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	if job := env.emails(1)[0]; !job.Reserved {
		t.Error("an email that is due now has not taken its place")
	}
	env.later(4 * time.Minute)
	env.signUp("ada@example.org", "offers") // due when the limits of an address allow
	env.later(6 * time.Minute)
	for _, job := range env.emails(2) {
		m, err := env.Relay.Message(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if later := m.Purposes[0].ID == "offers"; job.Reserved == later {
			t.Errorf("the email for %s has its place: %t", m.Purposes[0].ID, job.Reserved)
		}
	}
}
