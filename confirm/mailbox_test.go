package confirm_test

import (
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

// placed asks for the place of a letter to a mailbox.
func (d *desk) placed(id string, kind store.QueueName, site, to string) time.Duration {
	d.t.Helper()
	wait, err := d.Relay.AcquireMailbox(d.t.Context(), store.Job{ID: id, Queue: kind}, confirm.Message{Site: site, To: mustParse(to)})
	if err != nil {
		d.t.Fatal(err)
	}
	return wait
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
	d := deskAs(t, manySites)
	for i, site := range []string{"a", "b", "c", "d", "e"} {
		for range 2 { // tried again it takes no second place
			if wait := d.placed("letter-"+site, confirm.QueueEmailRetry, site, []string{"ken@gmail.com", "k.en@gmail.com"}[i%2]); wait != 0 {
				t.Fatalf("letter %d waits %v", i, wait)
			}
		}
	}
	if wait := d.placed("letter-f", confirm.QueueEmailRetry, "f", "KEN+x@googlemail.com"); wait != 24*time.Hour {
		t.Errorf("the sixth waits %v", wait)
	}
	if wait := d.placed("other", confirm.QueueEmailRetry, "f", "kendra@gmail.com"); wait != 0 {
		t.Errorf("somebody else waits %v", wait)
	}
	d.later(24 * time.Hour)
	if wait := d.placed("letter-f", confirm.QueueEmailRetry, "f", "ken@gmail.com"); wait != 0 {
		t.Errorf("a day later it waits %v", wait)
	}
}

func TestAPlaceThatOneLimitRefusesIsTakenOfNeither(t *testing.T) {
	d := deskAs(t, func(o *confirm.Options) {
		manySites(o)
		o.EmailsPerMailbox[0].N, o.Sites[3].Terms.EmailsPerAddress = 2, []store.Limit{{N: 1, Per: 48 * time.Hour}} // of site c
	})
	minute := 10*time.Minute - time.Minute // the site's shorter limit, a little less
	if d.placed("1", confirm.QueueEmailRetry, "a", "ken@example.org") != 0 {
		t.Fatal("the first waits")
	}
	for _, id := range []string{"2", "3", "4"} { // refused by the site: the places over all sites stay free
		if wait := d.placed(id, confirm.QueueEmailRetry, "a", "ken@example.org"); wait != minute {
			t.Fatalf("letter %s waits %v, want %v", id, wait, minute)
		}
	}
	if d.placed("5", confirm.QueueEmailRetry, "b", "ken@example.org") != 0 {
		t.Fatal("the second place over all sites was taken by a letter that was refused")
	}
	for _, id := range []string{"6", "7"} { // refused over all sites
		if wait := d.placed(id, confirm.QueueEmailRetry, "c", "ken@example.org"); wait != 24*time.Hour {
			t.Fatalf("letter %s waits %v", id, wait)
		}
	}
	if wait := d.placed("8", confirm.QueueEmailRetry, "a", "ken@example.org"); wait != 24*time.Hour {
		t.Errorf("refused by both it waits %v, not for the longer", wait)
	}
	d.later(24 * time.Hour)
	if d.placed("9", confirm.QueueEmailRetry, "c", "ken@example.org") != 0 {
		t.Error("the site's place was taken by a letter that was refused over all sites")
	}
}

func TestALetterThatMayHaveArrivedTakesASecondPlace(t *testing.T) {
	d := deskAs(t, func(o *confirm.Options) {
		manySites(o)
		o.EmailsPerMailbox[0].N = 2
		o.Sites[0].Terms.EmailsPerAddress = nil
	})
	for _, kind := range []store.QueueName{confirm.EmailQueues()[3], confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent, confirm.QueueEmailMaybeSent} {
		if wait := d.placed("1", kind, "gazette", "ken@example.org"); wait != 0 {
			t.Fatalf("in %s it waits %v", kind, wait)
		}
	}
	if d.placed("2", confirm.QueueEmailRetry, "gazette", "ken@example.org") == 0 {
		t.Error("two letters took one place")
	}
}

func TestWithoutLimitsNoLetterWaits(t *testing.T) {
	d := deskAs(t, func(o *confirm.Options) { o.Sites[0].Terms.EmailsPerAddress = nil })
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7"} {
		if wait := d.placed(id, confirm.QueueEmailRetry, "gazette", "ken@example.org"); wait != 0 {
			t.Fatalf("letter %s waits %v", id, wait)
		}
	}
}
