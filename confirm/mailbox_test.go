package confirm_test

import (
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

// placed asks for the place of a letter to a mailbox.
func (env *env) placed(id string, kind store.QueueName, site, to string) time.Duration {
	env.t.Helper()
	wait, err := env.Relay.AcquireMailbox(env.t.Context(), store.Job{ID: id, Queue: kind}, confirm.Message{Site: site, To: mustParse(to)})
	if err != nil {
		env.t.Fatal(err)
	}
	return wait
}

// manySites has as many sites as it takes to be a nuisance.
func manySites(o *confirm.Options) {
	o.EmailsPerMailbox = []store.Limit{{N: 5, Per: 24 * time.Hour}}
	for _, id := range []string{"a", "b", "c", "env", "e", "f"} {
		site := o.Sites[0]
		site.ID = id
		o.Sites = append(o.Sites, site)
	}
}

func TestAMailboxHasItsLimitOverAllSites(t *testing.T) {
	env := newEnvWith(t, manySites)
	for i, site := range []string{"a", "b", "c", "env", "e"} {
		for range 2 { // tried again it takes no second place
			if wait := env.placed("letter-"+site, confirm.QueueEmailRetry, site, []string{"ken@gmail.com", "k.en@gmail.com"}[i%2]); wait != 0 {
				t.Fatalf("letter %env waits %v", i, wait)
			}
		}
	}
	if wait := env.placed("letter-f", confirm.QueueEmailRetry, "f", "KEN+x@googlemail.com"); wait != 24*time.Hour {
		t.Errorf("the sixth waits %v", wait)
	}
	if wait := env.placed("other", confirm.QueueEmailRetry, "f", "kendra@gmail.com"); wait != 0 {
		t.Errorf("somebody else waits %v", wait)
	}
	env.later(24 * time.Hour)
	if wait := env.placed("letter-f", confirm.QueueEmailRetry, "f", "ken@gmail.com"); wait != 0 {
		t.Errorf("a day later it waits %v", wait)
	}
}

func TestAPlaceThatOneLimitRefusesIsTakenOfNeither(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		manySites(o)
		o.EmailsPerMailbox[0].N, o.Sites[3].Terms.EmailsPerAddress = 2, []store.Limit{{N: 1, Per: 48 * time.Hour}} // of site c
	})
	minute := 10*time.Minute - time.Minute // the site's shorter limit, a little less
	if env.placed("1", confirm.QueueEmailRetry, "a", "ken@example.org") != 0 {
		t.Fatal("the first waits")
	}
	for _, id := range []string{"2", "3", "4"} { // refused by the site: the places over all sites stay free
		if wait := env.placed(id, confirm.QueueEmailRetry, "a", "ken@example.org"); wait != minute {
			t.Fatalf("letter %s waits %v, want %v", id, wait, minute)
		}
	}
	if env.placed("5", confirm.QueueEmailRetry, "b", "ken@example.org") != 0 {
		t.Fatal("the second place over all sites was taken by a letter that was refused")
	}
	for _, id := range []string{"6", "7"} { // refused over all sites
		if wait := env.placed(id, confirm.QueueEmailRetry, "c", "ken@example.org"); wait != 24*time.Hour {
			t.Fatalf("letter %s waits %v", id, wait)
		}
	}
	if wait := env.placed("8", confirm.QueueEmailRetry, "a", "ken@example.org"); wait != 24*time.Hour {
		t.Errorf("refused by both it waits %v, not for the longer", wait)
	}
	env.later(24 * time.Hour)
	if env.placed("9", confirm.QueueEmailRetry, "c", "ken@example.org") != 0 {
		t.Error("the site's place was taken by a letter that was refused over all sites")
	}
}

func TestALetterThatMayHaveArrivedTakesASecondPlace(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		manySites(o)
		o.EmailsPerMailbox[0].N = 2
		o.Sites[0].Terms.EmailsPerAddress = nil
	})
	for _, kind := range []store.QueueName{confirm.EmailQueues()[3], confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent, confirm.QueueEmailMaybeSent} {
		if wait := env.placed("1", kind, "gazette", "ken@example.org"); wait != 0 {
			t.Fatalf("in %s it waits %v", kind, wait)
		}
	}
	if env.placed("2", confirm.QueueEmailRetry, "gazette", "ken@example.org") == 0 {
		t.Error("two letters took one place")
	}
}

func TestWithoutLimitsNoLetterWaits(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) { o.Sites[0].Terms.EmailsPerAddress = nil })
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7"} {
		if wait := env.placed(id, confirm.QueueEmailRetry, "gazette", "ken@example.org"); wait != 0 {
			t.Fatalf("letter %s waits %v", id, wait)
		}
	}
}

func TestALetterThatItsMailboxRefusedTakesNoPlace(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		manySites(o)
		o.EmailsPerMailbox[0].N = 1
		o.Sites[0].Terms.EmailsPerAddress = o.EmailsPerMailbox
	})
	if env.placed("1", confirm.QueueEmailRetry, "gazette", "k.en@gmail.com") != 0 || env.placed("2", confirm.QueueEmailRetry, "gazette", "ken@gmail.com") == 0 {
		t.Fatal("two letters took one place")
	}
	of := func(id, to string) {
		env.ReleaseMailbox(t.Context(), store.Job{ID: id, Queue: confirm.QueueEmailRetry}, confirm.Message{Site: "gazette", To: mustParse(to)})
	}
	of("2", "ken@gmail.com") // has none
	of("1", "somebody@gmail.com")
	if env.placed("2", confirm.QueueEmailRetry, "gazette", "ken@gmail.com") == 0 {
		t.Error("somebody else's letter gave the place back")
	}
	of("1", "k.en@gmail.com")
	if env.placed("2", confirm.QueueEmailRetry, "gazette", "ken@gmail.com") != 0 {
		t.Error("the refused letter kept its place")
	}
}
