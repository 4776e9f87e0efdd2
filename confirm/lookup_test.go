package confirm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

func TestManyAddressesAreLookedUpInTheirOrder(t *testing.T) {
	env := newEnv(t)
	var all []address.Address
	for i := range 100 {
		email := fmt.Sprintf("p%d@example.org", i)
		if i%3 == 0 {
			env.signUp(email, "letter")
		}
		all = append(all, mustParse(email))
	}
	got, err := env.Website.LookupAll(t.Context(), "gazette", all, time.Time{})
	if err != nil || len(got) != 100 {
		t.Fatalf("%d, %v", len(got), err)
	}
	for i, st := range got {
		if (st != nil) != (i%3 == 0) || st != nil && (st.Email != all[i].String() || st.State != consent.Pending) {
			t.Errorf("%d: %+v", i, st)
		}
	}
	env.store.Close()
	if _, err := env.Website.LookupAll(t.Context(), "gazette", all, time.Time{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the store is away: %v", err)
	}
}

func TestOneAskByItsKeyIsOneRequestWhateverHappens(t *testing.T) {
	env := newEnv(t)
	ask := func(email, once string) {
		t.Helper()
		err := env.Person.SignUp(t.Context(), "gazette", confirm.Signup{Address: mustParse(email), Purposes: []string{"letter"}, Locale: "fr", IdempotencyID: once})
		if err != nil {
			t.Fatal(err)
		}
	}
	ask("ada@example.org", "a")
	env.emails(1)
	env.later(time.Hour) // the limits would allow another letter
	ask("ada@example.org", "a")
	env.emails(1) // the one from before: its lease is over
	env.later(time.Hour)
	ask("ada@example.org", "b")
	ask("bob@example.org", "a")
	env.emails(3)
}

func TestWhatAWebsiteAttestsIsKeptApartAndWithinBounds(t *testing.T) {
	env := newEnv(t)
	long := make([]byte, 1000)
	for i := range long {
		long[i] = 'x'
	}
	seen := &consent.Attested{IP: "198.51.100.9", UserAgent: string(long), Page: "https://gazette.example/\x00" + string(long), At: start.Add(-time.Minute)}
	err := env.Person.SignUp(t.Context(), "gazette", confirm.Signup{Address: mustParse("ada@example.org"), Purposes: []string{"letter"}, Locale: "fr",
		Evidence: consent.Evidence{IP: "192.0.2.7", How: consent.ByServer, Attested: seen}})
	if err != nil {
		t.Fatal(err)
	}
	part, err := env.store.List(t.Context(), store.Query{Site: "gazette"})
	if err != nil || len(part.Records) != 1 {
		t.Fatal(err)
	}
	asked := env.opened(part.Records[0]).Requests[0].Asked
	want := consent.Evidence{At: start, IP: "192.0.2.7", How: consent.ByServer, Attested: &consent.Attested{
		IP: "198.51.100.9", UserAgent: string(long[:256]), Page: "https://gazette.example/ " + string(long[:512-25]), At: start.Add(-time.Minute)}}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAServerWithdrawsWhatItIsToldTo(t *testing.T) {
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
	if st, err = env.Website.Withdraw(t.Context(), "gazette", id, nil, consent.Evidence{}); err != nil || st.State != consent.Withdrawn {
		t.Fatalf("%+v, %v", st, err)
	}
	part, _ := env.store.List(t.Context(), store.Query{Site: "gazette"})
	if ended := env.opened(part.Records[0]).Consents[1].Ended; ended == nil || ended.How != consent.ByServer || ended.IP != "192.0.2.9" {
		t.Errorf("%+v", ended)
	}
	env.lease(endpoint, 3)
	if _, err := env.Website.Withdraw(t.Context(), "other", id, nil, consent.Evidence{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another site: %v", err)
	}
}

// opened is what a record holds.
func (env *env) opened(r store.Record) (s consent.Subscription) {
	env.t.Helper()
	plain, err := env.ring.Open(r.Key.Site+"/"+r.Key.ID, r.Data)
	if err == nil {
		err = json.Unmarshal(plain, &s)
	}
	if err != nil {
		env.t.Fatal(err)
	}
	return s
}
