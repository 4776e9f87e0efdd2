package web

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// fewPerDomain lets a domain have six emails an hour, and so three signups without a challenge.
func fewPerDomain(o *Options) {
	service, err := confirm.New(confirm.Options{
		Store: o.Store.(store.Store), Keyring: o.Keyring, PublicURL: o.PublicURL, Sites: rules(), Now: o.Now,
		EmailsPerDomain: []store.Limit{{N: 6, Per: time.Hour}},
	})
	if err != nil {
		panic(err)
	}
	o.Service = service
}

func TestManySignupsAtOneDomainNeedAChallengeBeforeItsEmailsWait(t *testing.T) {
	e := newChallengeEnv(t, func(s *surge.Site) { s.Policy = surge.ChallengeOnSurge }, fewPerDomain)
	send := func(email, proof string) int {
		t.Helper()
		a := e.send("POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true,"altcha":%q}`, email, proof),
			"Content-Type", request.MediaJSON)
		if a.status == http.StatusUnprocessableEntity {
			if d := a.asked(t); d.Work == nil {
				t.Fatalf("%s: %s", email, a.body)
			}
		}
		return a.status
	}
	for i, row := range []struct {
		email string
		want  int
	}{
		{"a1@one.example", 202}, {"a2@mail.one.example", 202}, {"a1@ONE.example", 202}, // as often as there are signups
		{"a4@one.example", 422}, {"a5@x.one.example", 422}, {"a1@one.example", 422}, // known or not
		{"b1@two.example", 202}, {"b1@gmail.com", 202}, {"b2@gmail.com", 202}, {"b3@gmail.com", 202},
		{"b4@gmail.com", 202},
	} {
		if got := send(row.email, ""); got != row.want {
			t.Errorf("signup %d, of %s: %d, want %d", i, row.email, got, row.want)
		}
	}
	for i := range 4 {
		if got := send(fmt.Sprintf("c%d@one.example", i), e.proof("gazette")); got != http.StatusAccepted {
			t.Errorf("with the work done: %d", got)
		}
	}
	e.clock.pass(time.Hour)
	if got := send("a9@one.example", ""); got != http.StatusAccepted {
		t.Errorf("an hour later: %d", got)
	}
}

func TestASiteThatNeverAsksForAChallengeAsksForNoneOfADomain(t *testing.T) {
	e := newChallengeEnv(t, func(s *surge.Site) { s.Policy = surge.ChallengeNever }, fewPerDomain)
	for i := range 9 {
		e.signUp(fmt.Sprintf("a%d@one.example", i))
	}
}
