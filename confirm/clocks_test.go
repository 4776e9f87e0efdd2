package confirm_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// nodes are three processes on one store. The store's clock is right, one node's is ahead by minutes, another's is
// behind.
func nodes(t *testing.T) (env *env, all map[string]*confirm.Service) {
	t.Helper()
	all = map[string]*confirm.Service{}
	var o confirm.Options
	env = newEnvWith(t, func(with *confirm.Options) { o = *with })
	for name, off := range map[string]time.Duration{"ahead": 4 * time.Minute, "right": 0, "behind": -4 * time.Minute} {
		with := o
		with.Now = func() time.Time { return env.clock().Add(off) }
		service, err := confirm.New(with)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = service
	}
	return env, all
}

// on makes a node the one that the environment acts by.
func (env *env) on(node *confirm.Service) *env {
	env.Service = node
	return env
}

func TestNodesWhoseClocksDifferAgree(t *testing.T) {
	env, all := nodes(t)
	n := 0
	for asked, first := range all {
		for mailed, second := range all {
			for pressed, third := range all {
				n++
				who := fmt.Sprintf("p%d@example.org", n)
				where := fmt.Sprintf("asked %s, mailed %s, confirmed %s", asked, mailed, pressed)
				env.on(first).signUp(who, "letter")
				m := env.on(second).email() // at once, by the store's clock
				if got := env.on(third).state(who); got != consent.Pending {
					t.Fatalf("%s: it is %q", where, got)
				}
				v, err := env.confirm(tokenOf(m.Confirm))
				if err != nil || v.State != consent.Confirmed {
					t.Fatalf("%s: %+v, %v", where, v, err)
				}
				for name, node := range all {
					if got := env.on(node).state(who); got != consent.Confirmed {
						t.Errorf("%s: %s it is %q", where, name, got)
					}
				}
				for range 2 {
					_, err := first.Person.Withdraw(t.Context(), tokenOf(v.Unsubscribe), nil,
						consent.Evidence{How: consent.ByOneClick})
					if err != nil {
						t.Fatalf("%s: withdrawing: %v", where, err)
					}
				}
				for name, node := range all {
					if got := env.on(node).state(who); got != consent.Withdrawn {
						t.Errorf("%s: %s it is %q after the withdrawal", where, name, got)
					}
				}
			}
		}
	}
}

func TestALinkIsGoodForItsTimeGiveOrTakeTheClocks(t *testing.T) {
	const slack = 2 * 4 * time.Minute
	names := []string{"ahead", "right", "behind"}
	for _, asked := range names {
		for _, pressed := range names {
			for after, good := range map[time.Duration]bool{
				terms.TTL - slack - time.Second: true, terms.TTL + slack: false,
			} {
				env, all := nodes(t)
				env.on(all[asked]).signUp("ada@example.org", "letter")
				m := env.on(all["right"]).email()
				env.later(after)
				_, err := env.on(all[pressed]).confirm(tokenOf(m.Confirm))
				if good && err != nil || !good && !errors.Is(err, consent.ErrExpired) {
					t.Errorf("asked %s, confirmed %s after %v: %v", asked, pressed, after, err)
				}
			}
		}
	}
}

func TestClocksThatDifferMailNobodyTwice(t *testing.T) {
	env, all := nodes(t)
	mails := 0
	for i := range 3 * 24 * 60 / 5 { // every five minutes for three days, each time elsewhere
		env.on(all[[]string{"ahead", "behind", "right"}[i%3]]).signUp("ada@example.org", "letter")
		for _, job := range env.emailJobs() {
			if _, err := env.Relay.Message(t.Context(), job); errors.Is(err, confirm.ErrNotDue) {
				if err := env.store.End(t.Context(), job, store.Complete()); err != nil {
					t.Fatal(err)
				}
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			mails++
			err := env.Relay.Delivered(t.Context(), job, nil, consent.Delivery{Reply: "250 ok"})
			if err != nil {
				t.Fatal(err)
			}
		}
		env.later(5 * time.Minute)
	}
	if mails == 0 || mails > 3*3+1 {
		t.Errorf("%d emails in three days, of three a day", mails)
	}
}
