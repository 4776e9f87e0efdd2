package confirm_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// mailed signs people up and returns their emails.
func (env *env) mailed(secret string, n int) (all []confirm.Message) {
	env.t.Helper()
	for i := range n {
		env.signUp(fmt.Sprintf("%s-%d@example.org", secret, i), "letter")
	}
	for len(all) < n {
		jobs := env.emailJobs()
		if len(jobs) == 0 {
			env.t.Fatalf("%d emails, want %d", len(all), n)
		}
		for _, job := range jobs {
			m, err := env.Relay.Message(env.t.Context(), job)
			if err == nil {
				err = env.Relay.Delivered(env.t.Context(), job, nil, consent.Delivery{Reply: "250 ok"})
			}
			if err != nil {
				env.t.Fatal(err)
			}
			all = append(all, m)
		}
	}
	return all
}

// Links of three secrets, through two rotations: all lead where they lead while their secret is listed, and nowhere as
// soon as it is not.
func TestLinksOutliveTwoRotationsAndNotTheirSecret(t *testing.T) {
	each := 8
	if os.Getenv("OPTIN_SOAK") == "1" {
		each = 400
	}
	path := filepath.Join(t.TempDir(), "optin.db")
	first := open(t, path, "1").mailed("first", each)
	second := open(t, path, "2", "1").mailed("second", each)
	all := open(t, path, "3", "2", "1")
	third := all.mailed("third", each)
	links := 0
	for _, batch := range [][]confirm.Message{first, second, third} {
		for i, m := range batch {
			if i%4 == 3 { // is left for later
				continue
			}
			links++
			v, err := all.confirm(tokenOf(m.Confirm))
			if err != nil || v.State != consent.Confirmed {
				t.Fatalf("%s: %+v, %v", m.To, v, err)
			}
			switch i % 4 {
			case 1:
				e := consent.Evidence{How: consent.ByOneClick}
				if _, err := all.Person.Withdraw(t.Context(), tokenOf(v.Unsubscribe), nil, e); err != nil {
					t.Fatal(err)
				}
			case 2:
				if _, err := all.Person.Decline(t.Context(), tokenOf(m.Decline), consent.Evidence{}); err != nil {
					t.Fatal(err)
				}
			}
			if want := []consent.State{consent.Confirmed, consent.Withdrawn, consent.Declined}[i%4]; all.state(
				m.To.String()) != want {
				t.Fatalf("%s is not %s", m.To, want)
			}
		}
	}
	gone := open(t, path, "3", "2")
	gone.later(time.Minute)
	for i, m := range first {
		for name, link := range map[string]string{"confirm": m.Confirm, "decline": m.Decline} {
			if _, err := gone.Person.View(t.Context(), tokenOf(link)); !errors.Is(err, token.ErrUnknown) {
				t.Fatalf("the link to %s of number %d, whose secret is not listed: %v", name, i, err)
			}
		}
		if st, err := gone.Website.Lookup(t.Context(), "gazette", m.To); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("%s is found without its secret: %+v, %v", m.To, st, err)
		}
	}
	for i := 3; i < each; i += 4 {
		for _, m := range []confirm.Message{second[i], third[i]} {
			if v, err := gone.confirm(tokenOf(m.Confirm)); err != nil || v.State != consent.Confirmed {
				t.Fatalf("%s: %+v, %v", m.To, v, err)
			}
			links++
		}
	}
	t.Logf("%d links led where they lead, %d nowhere any more", links, 2*len(first))
}
