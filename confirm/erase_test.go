package confirm_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func (env *env) erase(email string) string {
	env.t.Helper()
	id := env.id(email)
	if err := env.Website.Erase(env.t.Context(), "gazette", id); err != nil {
		env.t.Fatal(err)
	}
	return id
}

func TestErasingLeavesNothingButThatThePersonDeclinedOrWithdrew(t *testing.T) {
	decline := func(env *env, message confirm.Message) {
		_, _ = env.Person.Decline(env.t.Context(), tokenOf(message.Decline), consent.Evidence{IP: "192.0.2.8"})
	}
	withdraw := func(env *env, message confirm.Message) {
		v, _ := env.confirm(tokenOf(message.Confirm))
		_, _ = env.Person.Withdraw(env.t.Context(), tokenOf(v.Unsubscribe), nil, consent.Evidence{})
	}
	for name, row := range map[string]struct {
		do    func(env *env, message confirm.Message)
		left  consent.State
		again int // emails after another signup
	}{
		"pending":   {func(*env, confirm.Message) {}, "", 1},
		"confirmed": {func(env *env, message confirm.Message) { _, _ = env.confirm(tokenOf(message.Confirm)) }, "", 1},
		"declined":  {decline, consent.Declined, 0},
		"withdrawn": {withdraw, consent.Withdrawn, 1},
		"unblocked": {func(env *env, message confirm.Message) {
			decline(env, message)
			_, _ = env.Person.Unblock(env.t.Context(), tokenOf(message.Decline), consent.Evidence{})
		}, "", 1},
		"confirmed anew": {func(env *env, message confirm.Message) {
			withdraw(env, message)
			env.later(11 * time.Minute)
			env.signUp("ada@example.org", "letter")
			_, _ = env.confirm(tokenOf(env.email().Confirm))
		}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.signUp("ada@example.org", "letter")
			job, message := env.emailOf()
			row.do(env, message)
			before, err := env.store.Lease(t.Context(), endpoint, 100, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			for _, job := range before {
				_ = env.store.End(t.Context(), job, store.Complete())
			}
			id := env.erase("ada@example.org")

			if got := env.state("ada@example.org"); got != row.left {
				t.Errorf("it is %q, want %q", got, row.left)
			}
			st, err := env.Website.ByID(t.Context(), "gazette", id)
			if row.left == "" != errors.Is(err, store.ErrNotFound) {
				t.Errorf("by its id: %v", err)
			}
			if st.Email != "" || st.Locale != "" || len(st.Purposes) > 0 || st.UnsubscribeURL != nil {
				t.Errorf("by its id it shows %+v", st)
			}
			_, err = env.store.Find(t.Context(), store.Key{Site: "gazette", ID: id})
			if row.left == "" != errors.Is(err, store.ErrNotFound) {
				t.Errorf("in the store: %v", err)
			}
			event, err := env.Website.Event(t.Context(), env.lease(endpoint, 1)[0])
			want := consent.Status{ID: id, Site: "gazette", State: consent.Erased}
			if diff := cmp.Diff(want, event.Data); diff != "" || err != nil || event.Type != consent.EventErased {
				t.Errorf("event %s, %v:\n%s", event.Type, err, diff)
			}
			if _, err := env.confirm(tokenOf(message.Confirm)); err == nil {
				t.Error("an old link still confirms")
			}
			if _, err := env.Relay.Message(t.Context(), job); !errors.Is(err, confirm.ErrNotDue) {
				t.Errorf("an email is still due: %v", err)
			}
			env.later(48 * time.Hour)
			env.signUp("ada@example.org", "letter")
			env.emails(row.again)
		})
	}
}

// What endpoints that are away were not told, and what failed, names the person: it goes with them.
func TestErasingReachesTheJobs(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	v, err := env.confirm(tokenOf(env.email().Confirm))
	if err != nil {
		t.Fatal(err)
	}
	if err := env.store.End(t.Context(), env.lease(endpoint, 1)[0], store.Fail()); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Person.Withdraw(t.Context(), tokenOf(v.Unsubscribe), nil, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	withdrawn := env.lease(endpoint, 1)[0]
	if err := env.store.End(t.Context(), withdrawn, store.Retry(env.clock().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	env.later(11 * time.Minute)
	env.signUp("ada@example.org", "offers") // its email waits
	env.signUp("bob@example.org", "letter")
	id := env.erase("ada@example.org")
	env.later(2 * time.Hour)
	failed, err := env.store.Failed(t.Context(), endpoint, "", 10)
	if err != nil || len(failed) > 0 {
		t.Errorf("failed are %v, %v", failed, err)
	}
	told := env.lease(endpoint, 1)[0]
	if event, err := env.Website.Event(t.Context(), told); err != nil || event.Type != consent.EventErased ||
		event.Data.ID != id {
		t.Errorf("event %+v, %v", event, err)
	}
	// The store and the secret together reveal nothing of the person but that consent was taken back.
	plain, err := env.ring.Open("gazette/"+id, told.Body)
	if err != nil || strings.Contains(string(plain), "ada") || strings.Contains(string(plain), "letter") {
		t.Errorf("the event holds %s, %v", plain, err)
	}
	sub, err := env.Website.Subscription(t.Context(), "gazette", id)
	if err != nil || !sub.Address.IsZero() || len(sub.Requests) > 0 || len(sub.Consents) > 0 ||
		sub.WithdrawnAt.IsZero() {
		t.Errorf("the record holds %+v, %v", sub, err)
	}
	for _, job := range env.emailJobs() {
		if job.Key.ID == id {
			t.Errorf("an email waits: %+v", job)
		}
	}
}

func TestErasingTwiceIsOneEvent(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	_, _ = env.Person.Decline(t.Context(), tokenOf(env.email().Decline), consent.Evidence{})
	env.lease(endpoint, 1)
	id := env.erase("ada@example.org")
	if err := env.Website.Erase(t.Context(), "gazette", id); err != nil {
		t.Error(err)
	}
	env.lease(endpoint, 1)
	for _, id := range []string{
		"", "x", "AAAAAAAAAAAAAAAAAAAAAA", "../../../../etc/passwd", "AAAAAAAAAAAAAAAAAAAA\r\n",
	} {
		if err := env.Website.Erase(t.Context(), "gazette", id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestOnlyTheErasureOfAnErasedPersonIsAnEvent(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	if _, err := env.confirm(tokenOf(env.email().Confirm)); err != nil {
		t.Fatal(err)
	}
	waiting := env.lease(endpoint, 1)[0] // the endpoint is away
	if _, err := env.Website.Event(t.Context(), waiting); err != nil {
		t.Fatal(err)
	}
	env.erase("ada@example.org")
	if event, err := env.Website.Event(t.Context(), waiting); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("event %+v, %v", event, err)
	}
	event, err := env.Website.Event(t.Context(), env.lease(endpoint, 1)[0])
	if err != nil || event.Type != consent.EventErased {
		t.Errorf("event %s, %v", event.Type, err)
	}
	env.later(time.Hour)
	env.signUp("ada@example.org", "letter")
	if event, err := env.Website.Event(t.Context(), waiting); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("after a new signup, event %+v, %v", event, err)
	}
}

// TestAnErasureThatWasCutShortIsEndedByTheNext has the store go away at each call of an erasure. Nothing is left of the
// spelling then, and who asks again hears that the person is erased; for a day.
func TestAnErasureThatWasCutShortIsEndedByTheNext(t *testing.T) {
	away := &outage{}
	env := newEnvWith(t, func(o *confirm.Options) { o.Store = store.Guard(o.Store, away.allowed) })
	env.consented("ada+x@example.org")
	id := env.id("ada+x@example.org")
	spellings := func() int {
		t.Helper()
		page, err := env.store.List(t.Context(), store.Query{Site: "-"})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Records)
	}
	if n := spellings(); n != 1 {
		t.Fatalf("%d mailboxes are known", n)
	}
	erase := func() error { return env.Website.Erase(t.Context(), "gazette", id) }
	sweep(t, "erase", away, erase)
	if n := spellings(); n != 0 {
		t.Errorf("%d mailboxes are left", n)
	}
	if err := erase(); err != nil {
		t.Errorf("once more: %v", err)
	}
	env.later(25 * time.Hour)
	if err := erase(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a day later: %v", err)
	}
}
