package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func (env *env) asOf(email string, at time.Time) (consent.State, bool) {
	env.t.Helper()
	st, err := env.Website.LookupAt(env.t.Context(), "gazette", mustParse(email), at)
	if errors.Is(err, store.ErrNotFound) {
		return "", true
	}
	if err != nil || st.AsOf == nil || !st.AsOf.Equal(at) || st.Complete == nil || st.UnsubscribeURL != nil {
		env.t.Fatalf("%+v, %v", st, err)
	}
	return st.State, *st.Complete
}

func TestWhatStoodAtADateIsReadFromTheEvidence(t *testing.T) {
	env := newEnv(t)
	env.later(time.Hour)
	env.signUp("ada@example.org", "letter", "offers")
	first := env.email()
	env.later(time.Hour)
	v, err := env.confirm(tokenOf(first.Confirm))
	if err != nil {
		t.Fatal(err)
	}
	env.later(time.Hour)
	if _, err := env.Person.Withdraw(t.Context(), tokenOf(v.Unsubscribe), []string{"offers"}, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	env.later(time.Hour)
	if _, err := env.Person.Decline(t.Context(), tokenOf(first.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	for hours, want := range map[int]consent.State{0: "", 1: consent.Pending, 2: consent.Confirmed, 3: consent.Confirmed, 4: consent.Declined, 9: consent.Declined} {
		if got, whole := env.asOf("ada@example.org", start.Add(time.Duration(hours)*time.Hour)); got != want || !whole {
			t.Errorf("after %d hours %q, want %q; whole: %t", hours, got, want, whole)
		}
	}
	st, err := env.Website.LookupAt(t.Context(), "gazette", mustParse("ada@example.org"), start.Add(3*time.Hour+time.Minute))
	if err != nil || len(st.Purposes) != 2 || st.Purposes[0].State != consent.Confirmed || st.Purposes[1].State != consent.Withdrawn || st.Purposes[0].Text != "La lettre" || st.ConfirmedAt == nil {
		t.Errorf("%+v, %v", st, err)
	}
	if got, whole := env.asOf("ada@example.org", start.Add(2*time.Hour-time.Millisecond)); got != consent.Pending || !whole {
		t.Errorf("a moment before the press: %q, %t", got, whole)
	}
}

func TestADateBeyondWhatIsKeptIsNotAnsweredAsIfAllWereKnown(t *testing.T) {
	for name, forget := range map[string]func(env *env, first confirm.Message){
		"the request was forgotten": func(env *env, _ confirm.Message) {
			env.later(terms.TTL + consent.Grace - time.Hour)
			env.signUp("ada@example.org", "offers") // keeps the record
			env.later(2 * time.Hour)
			_, _ = env.confirm(tokenOf(env.email().Confirm))
		},
		"a refusal was lifted": func(env *env, first confirm.Message) {
			_, _ = env.Person.Decline(env.t.Context(), tokenOf(first.Decline), consent.Evidence{})
			env.later(time.Hour)
			_, _ = env.Person.Unblock(env.t.Context(), tokenOf(first.Decline), consent.Evidence{})
		},
		"the person was erased": func(env *env, first confirm.Message) {
			_, _ = env.Person.Decline(env.t.Context(), tokenOf(first.Decline), consent.Evidence{})
			env.later(time.Hour)
			env.erase("ada@example.org")
		},
		"a purpose was taken out of an open request": func(env *env, _ confirm.Message) {
			env.later(time.Hour)
			env.signUp("ada@example.org", "letter", "offers")
			_, err := env.Website.Withdraw(env.t.Context(), "gazette", env.id("ada@example.org"), []string{"offers"}, consent.Evidence{})
			if err != nil {
				env.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.signUp("ada@example.org", "letter")
			first := env.email()
			then := env.clock()
			forget(env, first)
			if _, whole := env.asOf("ada@example.org", then); whole {
				t.Error("it is said to be complete")
			}
			if _, whole := env.asOf("ada@example.org", env.clock().Add(time.Minute)); !whole {
				t.Error("today is said to be incomplete")
			}
		})
	}
}
