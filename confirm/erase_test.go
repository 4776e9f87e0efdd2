package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func (env *env) id(email string) string {
	env.t.Helper()
	st, err := env.Website.Lookup(env.t.Context(), "gazette", mustParse(email))
	if err != nil {
		env.t.Fatal(err)
	}
	return st.ID
}

func (env *env) erase(email string) string {
	env.t.Helper()
	id := env.id(email)
	if err := env.Website.Erase(env.t.Context(), "gazette", id); err != nil {
		env.t.Fatal(err)
	}
	return id
}

func TestErasingLeavesNothingButARefusal(t *testing.T) {
	decline := func(env *env, draft confirm.Message) {
		_, _ = env.Person.Decline(env.t.Context(), tokenOf(draft.Decline), consent.Evidence{IP: "192.0.2.8"})
	}
	withdraw := func(env *env, draft confirm.Message) {
		v, _ := env.confirm(tokenOf(draft.Confirm))
		_, _ = env.Person.Withdraw(env.t.Context(), tokenOf(v.Unsubscribe), nil, consent.Evidence{})
	}
	for name, row := range map[string]struct {
		do    func(env *env, draft confirm.Message)
		left  consent.State
		again int // letters after another signup
	}{
		"pending":   {func(*env, confirm.Message) {}, "", 1},
		"confirmed": {func(env *env, draft confirm.Message) { _, _ = env.confirm(tokenOf(draft.Confirm)) }, "", 1},
		"declined":  {decline, consent.Declined, 0},
		"withdrawn": {withdraw, consent.Withdrawn, 1},
		"lifted": {func(env *env, draft confirm.Message) {
			decline(env, draft)
			_, _ = env.Person.Unblock(env.t.Context(), tokenOf(draft.Decline), consent.Evidence{})
		}, "", 1},
		"given anew": {func(env *env, draft confirm.Message) {
			withdraw(env, draft)
			env.later(11 * time.Minute)
			env.signUp("ada@example.org", "letter")
			_, _ = env.confirm(tokenOf(env.email().Confirm))
		}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.signUp("ada@example.org", "letter")
			letter, draft := env.emailOf()
			row.do(env, draft)
			told, err := env.store.Lease(t.Context(), endpoint, 100, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range told {
				_ = env.store.End(t.Context(), e, store.Complete())
			}
			id := env.erase("ada@example.org")

			if got := env.state("ada@example.org"); got != row.left {
				t.Errorf("it is %q, want %q", got, row.left)
			}
			st, err := env.Website.ByID(t.Context(), "gazette", id)
			if row.left == "" != errors.Is(err, store.ErrNotFound) || err == nil && (st.Email != "" || st.Locale != "" || len(st.Purposes) > 0 || st.UnsubscribeURL != nil) {
				t.Errorf("by its id: %+v, %v", st, err)
			}
			if _, err := env.store.Find(t.Context(), store.Key{Site: "gazette", ID: id}); row.left == "" != errors.Is(err, store.ErrNotFound) {
				t.Errorf("in the store: %v", err)
			}
			event, err := env.Website.Event(t.Context(), env.lease(endpoint, 1)[0])
			want := consent.Status{ID: id, Site: "gazette", State: consent.Erased, CreatedAt: start, Purposes: []consent.PurposeStatus{}}
			if diff := cmp.Diff(want, event.Data); diff != "" || err != nil || event.Type != consent.EventErased {
				t.Errorf("told %s, %v:\n%s", event.Type, err, diff)
			}
			if _, err := env.confirm(tokenOf(draft.Confirm)); err == nil {
				t.Error("an old link still confirms")
			}
			if _, err := env.Relay.Message(t.Context(), letter); !errors.Is(err, confirm.ErrNotDue) {
				t.Errorf("a letter is still owed: %v", err)
			}
			env.later(48 * time.Hour)
			env.signUp("ada@example.org", "letter")
			env.emails(row.again)
		})
	}
}

func TestErasingTwiceTellsOnce(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	_, _ = env.Person.Decline(t.Context(), tokenOf(env.email().Decline), consent.Evidence{})
	env.lease(endpoint, 1)
	id := env.erase("ada@example.org")
	if err := env.Website.Erase(t.Context(), "gazette", id); err != nil {
		t.Error(err)
	}
	env.lease(endpoint, 1)
	for _, id := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAA", "../../../../etc/passwd", "AAAAAAAAAAAAAAAAAAAA\r\n"} {
		if err := env.Website.Erase(t.Context(), "gazette", id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestOfAnErasedPersonOnlyThatIsTold(t *testing.T) {
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
	if told, err := env.Website.Event(t.Context(), waiting); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("told %+v, %v", told, err)
	}
	if told, err := env.Website.Event(t.Context(), env.lease(endpoint, 1)[0]); err != nil || told.Type != consent.EventErased {
		t.Errorf("told %s, %v", told.Type, err)
	}
	env.later(time.Hour)
	env.signUp("ada@example.org", "letter")
	if told, err := env.Website.Event(t.Context(), waiting); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("after a new signup, told %+v, %v", told, err)
	}
}
