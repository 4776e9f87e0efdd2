package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/store"
)

// acquire takes a mailbox for an email, and returns how long until there is room; 0: taken.
func (env *env) acquire(id string, queue store.QueueName, site, to string) time.Duration {
	env.t.Helper()
	err := env.Relay.AcquireMailbox(env.t.Context(), store.Job{ID: id, Queue: queue}, confirm.Message{Site: site, To: mustParse(to)})
	if exceeded := new(ratelimit.Exceeded); errors.As(err, &exceeded) {
		return exceeded.Wait()
	}
	if err != nil {
		env.t.Fatal(err)
	}
	return 0
}

// manySites has as many sites as it takes to be a nuisance.
func manySites(o *confirm.Options) {
	o.EmailsPerMailbox = []store.Limit{{N: 5, Per: 24 * time.Hour}}
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		site := o.Sites[0]
		site.ID = id
		o.Sites = append(o.Sites, site)
	}
}

func TestAMailboxHasItsLimitOverAllSites(t *testing.T) {
	env := newEnvWith(t, manySites)
	for i, site := range []string{"a", "b", "c", "d", "e"} {
		for range 2 { // tried again it takes no second place
			if wait := env.acquire("email-"+site, confirm.QueueEmailRetry, site, []string{"ken@gmail.com", "k.en@gmail.com"}[i%2]); wait != 0 {
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

func TestWhereOneLimitRefusesNothingIsTakenOfTheOther(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		manySites(o)
		o.EmailsPerMailbox[0].N, o.Sites[3].Terms.EmailsPerAddress = 2, []store.Limit{{N: 1, Per: 48 * time.Hour}} // of site c
	})
	minute := 10*time.Minute - time.Minute // the site's shorter limit, a little less
	if env.acquire("1", confirm.QueueEmailRetry, "a", "ken@example.org") != 0 {
		t.Fatal("the first waits")
	}
	for _, id := range []string{"2", "3", "4"} { // refused by the site: the places over all sites stay free
		if wait := env.acquire(id, confirm.QueueEmailRetry, "a", "ken@example.org"); wait != minute {
			t.Fatalf("email %s waits %v, want %v", id, wait, minute)
		}
	}
	if env.acquire("5", confirm.QueueEmailRetry, "b", "ken@example.org") != 0 {
		t.Fatal("the second place over all sites was taken by a email that was refused")
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
		t.Error("the site's place was taken by a email that was refused over all sites")
	}
}

func TestAnEmailThatMayHaveArrivedIsTakenASecondTime(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		manySites(o)
		o.EmailsPerMailbox[0].N = 2
		o.Sites[0].Terms.EmailsPerAddress = nil
	})
	for _, queue := range []store.QueueName{confirm.EmailQueues()[3], confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent, confirm.QueueEmailMaybeSent} {
		if wait := env.acquire("1", queue, "gazette", "ken@example.org"); wait != 0 {
			t.Fatalf("in %s it waits %v", queue, wait)
		}
	}
	if env.acquire("2", confirm.QueueEmailRetry, "gazette", "ken@example.org") == 0 {
		t.Error("two emails took one place")
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
