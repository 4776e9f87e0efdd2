package consent_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

func retain() consent.Retain {
	return consent.Retain{Retention: consent.Retention{IP: 30 * day, Evidence: 3 * year}}
}

func TestIPsBecomeNetworks(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "2001:db8:1:2::3": "2001:db8:1::/48",
		"192.0.2.0/24": "192.0.2.0/24", "2001:db8:1::/48": "2001:db8:1::/48", "": "", "nonsense": "",
	} {
		if got := consent.CutIP(ip); got != want || consent.CutIP(got) != got {
			t.Errorf("%q becomes %q", ip, got)
		}
	}
	env := newEnv(t)
	first := env.signup("r1")
	first.Evidence.Attested = &consent.Attested{IP: "2001:db8:1:2::3"}
	env.does(first)
	env.later(time.Hour)
	confirm := env.confirm("r1")
	confirm.Evidence.IP = "198.51.100.9"
	env.does(confirm)
	env.later(30*day - 30*time.Minute) // half an hour after the signup's time, half before the confirmation's
	before := encoded(env.sub)
	old := env.sub
	env.does(retain())
	r := env.sub.Requests[0]
	got := []string{r.Asked.IP, r.Asked.Attested.IP, r.Closed.IP}
	if diff := cmp.Diff([]string{"192.0.2.0/24", "2001:db8:1::/48", "198.51.100.9"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if encoded(old) != before {
		t.Error("it changed its input")
	}
	env.later(time.Hour)
	env.does(retain())
	if got := env.sub.Requests[0].Closed.IP; got != "198.51.100.0/24" {
		t.Error(got)
	}
	if c, err := consent.Apply(env.sub, retain(), env.now); c.Changed || err != nil {
		t.Errorf("a second time: %v, %v", c.Changed, err)
	}
}

func TestProofIsKeptUntilThreeYearsAfterTheEndOrTheLastUse(t *testing.T) {
	for name, row := range map[string]struct {
		used   time.Duration // before the withdrawal; 0: never said
		policy consent.Retention
		until  time.Duration // from the withdrawal
	}{
		"withdrawn":                  {0, retain().Retention, 3 * year},
		"used before it":             {time.Hour, retain().Retention, 3 * year},
		"a telephone consent (§ 7a)": {0, consent.Retention{IP: 30 * day, Evidence: 5 * year}, 5 * year},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.does(env.signup("r1"))
			env.does(env.confirm("r1"))
			env.later(10 * year) // as long as it holds, it is proven
			policy := consent.Retain{Retention: row.policy}
			env.does(policy)
			env.is(consent.Confirmed)
			if row.used > 0 {
				env.does(consent.Use{Purpose: "letter"})
				env.later(row.used)
			}
			env.does(env.withdraw())
			env.later(row.until - time.Second)
			env.does(policy)
			if len(env.sub.Consents) != 1 {
				t.Fatal("the proof is gone too early")
			}
			env.later(day + time.Second)
			follows(t, env.does(policy), "subscription.erased")
			if !env.sub.Address.IsZero() || env.sub.WithdrawnAt.IsZero() {
				t.Errorf("left: %+v", env.sub)
			}
			env.is(consent.Withdrawn)
		})
	}
}

func TestAUseOnTheDayOfTheEndCountsToo(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	env.does(consent.Use{Purpose: "letter"})
	env.does(env.withdraw())
	env.later(3*year + time.Hour) // the day of the use ends later
	env.does(retain())
	if len(env.sub.Consents) != 1 {
		t.Error("the proof is gone before three years after the day of the last use")
	}
}

func TestWhatIsOverGoesAndWhatHoldsStays(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	env.does(env.confirm("r1"))
	env.later(day)
	env.does(env.signup("r2", "offers"))
	env.does(env.confirm("r2"))
	env.does(env.withdraw("letter"))
	env.later(3*year + day)
	follows(t, env.does(retain()))
	env.is(consent.Confirmed).stands("offers confirmed")
	if len(env.sub.Requests) != 1 || env.sub.HistorySince.IsZero() {
		t.Errorf("%+v", env.sub)
	}
	// Of two consents that one request proves, both stay.
	env = newEnv(t)
	env.does(env.signup("r1", "letter", "offers"))
	env.does(env.confirm("r1"))
	env.does(env.withdraw("letter"))
	env.later(4 * year)
	env.does(retain())
	env.stands("letter withdrawn", "offers confirmed")
}

func TestARefusalOutlivesTheProof(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	env.does(env.decline())
	env.later(4 * year)
	follows(t, env.does(retain()), "subscription.erased")
	env.is(consent.Declined)
	follows(t, env.does(env.signup("r2")))
}

func TestAnOpenRequestKeepsThePerson(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	env.does(env.withdraw())
	env.later(4 * year)
	follows(t, env.does(env.signup("r2")), "email r2")
	follows(t, env.does(retain()))
	follows(t, env.does(env.confirm("r2")), "subscription.confirmed")
}
