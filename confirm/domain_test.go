package confirm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

func perDomain(n int) func(*confirm.Options) {
	return func(o *confirm.Options) { o.EmailsPerDomain = []store.Limit{{N: n, Per: time.Hour}} }
}

func TestADomainGetsSoManyEmailsAndTheRestWaits(t *testing.T) {
	env := newEnvWith(t, perDomain(50))
	for i := range 200 {
		domain := []string{"catchall.example", "mail.catchall.example", "CATCHALL.example"}[i%3]
		env.signUp(fmt.Sprintf("p%d@%s", i, domain), "letter")
	}
	waiting := map[string]confirm.Message{}
	jobs := map[string]store.Job{}
	for _, job := range env.emails(200) { // none is dropped
		m, err := env.Relay.Message(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if err := env.Relay.AcquireMailbox(t.Context(), job, m); err != nil {
			waiting[job.ID], jobs[job.ID] = m, job
		}
	}
	if len(waiting) != 150 {
		t.Fatalf("%d of 200 emails wait, want 150", len(waiting))
	}
	for hours := 1; len(waiting) > 0; hours++ {
		env.later(time.Hour)
		left := 0
		for id, m := range waiting {
			if err := env.Relay.AcquireMailbox(t.Context(), jobs[id], m); err == nil {
				delete(waiting, id)
				left++
			}
		}
		if left != 50 {
			t.Fatalf("%d emails leave in hour %d, want 50", left, hours)
		}
	}
}

func TestLargeProvidersAndOtherDomainsHaveNoLimitInCommon(t *testing.T) {
	env := newEnvWith(t, perDomain(2))
	wait := func(i int, to string) time.Duration {
		return env.acquire(fmt.Sprintf("job-%s-%d", to[:1], i), confirm.QueueEmailRetry, "gazette", to)
	}
	for i := range 10 {
		for _, to := range []string{"a%d@gmail.com", "b%d@hotmail.es", "c%d@orange.fr", "d%d@example%d.mozmail.com"} {
			if d := wait(i, strings.ReplaceAll(to, "%d", fmt.Sprint(i))); d != 0 {
				t.Fatalf("an email to %s waits %v", to, d)
			}
		}
	}
	for i, row := range []struct {
		to   string
		wait time.Duration
	}{
		{"e1@one.example", 0}, {"e2@one.example", 0}, {"e3@one.example", time.Hour},
		{"f3@sub.one.example", time.Hour}, {"g3@two.example", 0},
		{"h1@one.co.uk", 0}, {"h2@one.co.uk", 0}, {"h3@two.co.uk", 0}, {"h4@one.co.uk", time.Hour},
	} {
		if d := wait(i, row.to); d != row.wait {
			t.Errorf("an email to %s waits %v, want %v", row.to, d, row.wait)
		}
	}
}

func TestALinkIsAsGoodAsAnyWhenItsEmailHasWaitedForItsDomain(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		perDomain(1)(o)
		o.Sites[0].Terms = reminded()
		o.Sites[0].Terms.TTL, o.Sites[0].Terms.RemindAfter = 30*time.Minute, 20*time.Minute
	})
	env.signUp("first@one.example", "letter")
	env.email()
	env.signUp("second@one.example", "letter")
	job := env.emails(1)[0]
	for range 3 {
		m, err := env.Relay.Message(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if err := env.Relay.AcquireMailbox(t.Context(), job, m); err == nil {
			t.Fatal("there is room")
		}
		env.acquire("somebody", confirm.QueueEmailRetry, "gazette", "third@one.example")
	}
	env.later(61 * time.Minute)
	m, err := env.Relay.Message(t.Context(), job)
	if err != nil {
		t.Fatalf("an email that waited an hour is dropped: %v", err)
	}
	if err := env.Relay.AcquireMailbox(t.Context(), job, m); err != nil {
		t.Fatal(err)
	}
	if left := m.Deadline.Sub(env.clock()); left < 25*time.Minute || left > 31*time.Minute {
		t.Errorf("its link is good for %v", left)
	}
	if v, err := env.confirm(tokenOf(m.Confirm)); err != nil {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := env.confirm(tokenOf(m.Confirm)); err != nil {
		t.Errorf("again: %+v, %v", v, err)
	}
}
