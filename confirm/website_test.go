package confirm_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

func TestAskAllReturnsTheOrderOfTheAddresses(t *testing.T) {
	env := newEnv(t)
	var all []address.Address
	for i := range 100 {
		email := fmt.Sprintf("p%d@example.org", i)
		if i%3 == 0 {
			env.signUp(email, "letter")
		}
		all = append(all, mustParse(email))
	}
	got, err := env.Website.AskAll(t.Context(), "gazette", all, confirm.Question{})
	if err != nil || len(got) != 100 {
		t.Fatalf("%d, %v", len(got), err)
	}
	for i, st := range got {
		known := st.ID != ""
		if known != (i%3 == 0) || known && (st.Email != all[i].String() || st.State != consent.Pending) {
			t.Errorf("%d: %+v", i, st)
		}
	}
	env.store.Close()
	_, err = env.Website.AskAll(t.Context(), "gazette", all, confirm.Question{})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the store is closed: %v", err)
	}
}

func TestAWebsiteWithdrawsTheNamedPurposesOrAll(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter", "offers")
	if _, err := env.confirm(tokenOf(env.email().Confirm)); err != nil {
		t.Fatal(err)
	}
	id := env.id("ada@example.org")
	st, err := env.Website.Withdraw(t.Context(), "gazette", id, []string{"offers"}, consent.Evidence{IP: "192.0.2.9"})
	if err != nil || st.State != consent.Confirmed || st.Purposes[1].State != consent.Withdrawn {
		t.Fatalf("%+v, %v", st, err)
	}
	st, err = env.Website.Withdraw(t.Context(), "gazette", id, nil, consent.Evidence{})
	if err != nil || st.State != consent.Withdrawn {
		t.Fatalf("%+v, %v", st, err)
	}
	part, _ := env.store.List(t.Context(), store.Query{Site: "gazette"})
	ended := env.opened(part.Records[0]).Consents[1].Ended
	if ended == nil || ended.How != consent.ByServer || ended.IP != "192.0.2.9" {
		t.Errorf("%+v", ended)
	}
	env.lease(endpoint, 3)
	_, err = env.Website.Withdraw(t.Context(), "other", id, nil, consent.Evidence{})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another site: %v", err)
	}
}

func (env *env) asOf(email string, at time.Time) (consent.State, bool) {
	env.t.Helper()
	st, err := env.Website.Ask(env.t.Context(), "gazette", mustParse(email), confirm.Question{At: at})
	if errors.Is(err, store.ErrNotFound) {
		return "", true
	}
	if err != nil || st.AsOf == nil || !st.AsOf.Equal(at) || st.Complete == nil || st.UnsubscribeURL != nil {
		env.t.Fatalf("%+v, %v", st, err)
	}
	return st.State, *st.Complete
}

func TestALookupAtADateReadsTheEvidence(t *testing.T) {
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
	back := tokenOf(v.Unsubscribe)
	if _, err := env.Person.Withdraw(t.Context(), back, []string{"offers"}, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	env.later(time.Hour)
	if _, err := env.Person.Decline(t.Context(), tokenOf(first.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	for hours, want := range map[int]consent.State{
		0: "", 1: consent.Pending, 2: consent.Confirmed, 3: consent.Confirmed, 4: consent.Declined, 9: consent.Declined,
	} {
		if got, whole := env.asOf("ada@example.org", start.Add(time.Duration(hours)*time.Hour)); got != want || !whole {
			t.Errorf("after %d hours %q, want %q; whole: %t", hours, got, want, whole)
		}
	}
	at := start.Add(3*time.Hour + time.Minute)
	st, err := env.Website.Ask(t.Context(), "gazette", mustParse("ada@example.org"), confirm.Question{At: at})
	if err != nil || len(st.Purposes) != 2 || st.ConfirmedAt == nil {
		t.Fatalf("%+v, %v", st, err)
	}
	letter, offers := st.Purposes[0], st.Purposes[1]
	if letter.State != consent.Confirmed || letter.Text != "La lettre" || offers.State != consent.Withdrawn {
		t.Errorf("%+v", st.Purposes)
	}
	before := start.Add(2*time.Hour - time.Millisecond)
	if got, whole := env.asOf("ada@example.org", before); got != consent.Pending || !whole {
		t.Errorf("a moment before the confirmation: %q, %t", got, whole)
	}
}

func TestALookupAtADateSaysWhetherTheHistoryIsComplete(t *testing.T) {
	for name, forget := range map[string]func(env *env, first confirm.Message){
		"the request was deleted": func(env *env, _ confirm.Message) {
			env.later(terms.TTL + consent.Grace - time.Hour)
			env.signUp("ada@example.org", "offers") // keeps the record
			env.later(2 * time.Hour)
			_, _ = env.confirm(tokenOf(env.email().Confirm))
		},
		"the person was erased": func(env *env, first confirm.Message) {
			_, _ = env.Person.Decline(env.t.Context(), tokenOf(first.Decline), consent.Evidence{})
			env.later(time.Hour)
			env.erase("ada@example.org")
		},
		"a purpose was taken out of an open request": func(env *env, _ confirm.Message) {
			env.later(time.Hour)
			env.signUp("ada@example.org", "letter", "offers")
			id, offers := env.id("ada@example.org"), []string{"offers"}
			if _, err := env.Website.Withdraw(env.t.Context(), "gazette", id, offers, consent.Evidence{}); err != nil {
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
