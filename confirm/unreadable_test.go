package confirm_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// damage flips a byte of a record.
func (env *env) damage(key store.Key) {
	env.t.Helper()
	err := env.store.Update(env.t.Context(), key, func(r store.Record) (store.Change, error) {
		if !r.Exists() {
			return store.Change{}, store.ErrNotFound
		}
		r.Data = slices.Clone(r.Data)
		r.Data[len(r.Data)-1] ^= 0x80
		return store.Change{Put: &r}, nil
	})
	if err != nil {
		env.t.Fatal(err)
	}
}

func TestATimerOfARecordThatDoesNotOpenSaysSoAndOthersExpire(t *testing.T) {
	var told []store.Key
	env := newEnvWith(t, func(o *confirm.Options) {
		o.Unreadable = func(e *confirm.UnreadableError) { told = append(told, e.Key) }
	})
	env.signUp("ada@example.org", "letter")
	env.signUp("bob@example.org", "letter")
	bad := store.Key{Site: "gazette", ID: env.id("ada@example.org")}
	env.damage(bad)
	env.later(49 * time.Hour)
	for _, job := range env.lease(store.TimerQueue, 2) {
		if err := env.Clock.Expire(t.Context(), job); errors.Is(err, confirm.ErrUnreadable) != (job.Key == bad) {
			t.Errorf("%s: %v", job.Key.ID, err)
		}
	}
	if state := env.state("bob@example.org"); state != consent.Expired {
		t.Errorf("bob is %s", state)
	}
	named, err := env.Website.Unreadable(t.Context(), "gazette")
	if err != nil || !slices.Equal(named, []string{bad.ID}) {
		t.Errorf("named are %v, %v", named, err)
	}
	if !slices.Equal(told, []store.Key{bad}) { // once, though it was met again
		t.Errorf("told are %v", told)
	}
}

func TestARecordThatDoesNotOpenIsNamedInEveryListAndTheRestGoesOn(t *testing.T) {
	env := newEnv(t)
	env.consented("bob@example.org")
	env.later(time.Hour)
	env.signUp("ada@example.org", "letter")
	job, ada := env.emails(1)[0], mustParse("ada@example.org")
	bad := store.Key{Site: "gazette", ID: env.id("ada@example.org")}
	env.damage(bad)
	env.later(time.Hour)
	var listed []consent.State
	for st, err := range env.Website.Export(t.Context(), "gazette") {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, st.State)
	}
	if !slices.Equal(listed, []consent.State{consent.Unreadable, consent.Confirmed}) {
		t.Errorf("an export has %v", listed)
	}
	asked, err := env.Website.AskAll(
		t.Context(), "gazette", []address.Address{ada, mustParse("bob@example.org")}, confirm.Question{})
	if err != nil || asked[0].State != consent.Unreadable || asked[0].ID != bad.ID ||
		asked[1].State != consent.Confirmed {
		t.Errorf("lookups are %+v, %v", asked, err)
	}
	did, _, err := env.Clock.Retain(t.Context(), "gazette", store.Cursor{}, 10)
	if err != nil || did.Read != 2 || did.Unreadable != 1 {
		t.Errorf("the retention did %+v, %v", did, err)
	}
	for name, q := range map[string]confirm.PendingQuery{
		"all": {Limit: 10}, "old ones": {Limit: 10, Age: time.Hour},
	} {
		page, err := env.Operator.Pending(t.Context(), q)
		if err != nil || len(page.All) != 1 || !page.All[0].Unreadable {
			t.Errorf("%s that are pending: %+v, %v", name, page.All, err)
		}
	}
	for name, q := range map[string]confirm.PendingQuery{
		"of a domain": {Limit: 10, Domain: "example.org"}, "of a purpose": {Limit: 10, Purpose: "letter"},
		"that are old": {Limit: 10, Age: 1000 * time.Hour},
	} {
		if page, err := env.Operator.Pending(t.Context(), q); err != nil || len(page.All) > 0 {
			t.Errorf("pending %s: %+v, %v", name, page.All, err)
		}
	}
	answers := map[string]error{
		"a lookup":         second(env.Website.Lookup(t.Context(), "gazette", ada)),
		"one":              second(env.Website.ByID(t.Context(), "gazette", bad.ID)),
		"its timeline":     second(env.Website.Timeline(t.Context(), "gazette", bad.ID)),
		"its receipt":      second(env.Website.Receipt(t.Context(), "gazette", bad.ID, "")),
		"its emails":       second(env.Relay.Sent(t.Context(), bad)),
		"its email":        second(env.Relay.Message(t.Context(), job)),
		"a try":            env.Relay.Tried(t.Context(), job, consent.Answer{Reply: "451 later"}),
		"a delivery":       env.Relay.Delivered(t.Context(), job, nil, consent.Delivery{}),
		"an objection":     env.Website.Object(t.Context(), "gazette", ada, nil, consent.Evidence{}),
		"an erasure":       env.Website.Erase(t.Context(), "gazette", bad.ID),
		"another signup":   env.Person.SignUp(t.Context(), "gazette", signupOf("ada@example.org", "letter")),
		"a withdrawal for": second(env.Website.Withdraw(t.Context(), "gazette", bad.ID, nil, consent.Evidence{})),
	}
	for name, err := range answers {
		if !errors.Is(err, confirm.ErrUnreadable) || !strings.Contains(err.Error(), bad.ID) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// second returns the error of a call.
func second[T any](_ T, err error) error { return err }

// A page of records that do not open ends like any other.
func TestAListOfRecordsThatDoNotOpenHasPages(t *testing.T) {
	env := newEnv(t)
	for _, email := range []string{"ada@example.org", "bob@example.org", "carol@example.org"} {
		env.signUp(email, "letter")
		env.later(time.Second)
	}
	for _, email := range []string{"ada@example.org", "carol@example.org"} {
		env.damage(store.Key{Site: "gazette", ID: env.id(email)})
	}
	var bad, good int
	for l := (confirm.Listing{Limit: 1}); ; {
		page, err := env.Website.List(t.Context(), "gazette", l)
		if err != nil || len(page.All)+len(page.Unreadable) > 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		bad, good = bad+len(page.Unreadable), good+len(page.All)
		if l.Cursor = page.Next; l.Cursor == "" {
			break
		}
	}
	if bad != 2 || good != 1 {
		t.Errorf("%d do not open and %d do", bad, good)
	}
}

func TestAMailboxThatDoesNotOpenKeepsNobodyFromDeclining(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada+news@example.org", "letter")
	m := env.email() // notes the spelling in the record of the mailbox
	page, err := env.store.List(t.Context(), store.Query{Site: "-"})
	if err != nil || len(page.Records) != 1 {
		t.Fatalf("%d mailboxes, %v", len(page.Records), err)
	}
	env.damage(page.Records[0].Key)
	if state := env.state("ada+news@example.org"); state != consent.Pending {
		t.Errorf("she is %s", state)
	}
	if _, err := env.Person.Decline(t.Context(), tokenOf(m.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	if state := env.state("ada+news@example.org"); state != consent.Declined {
		t.Errorf("she is %s", state)
	}
	var named []string
	read := 0
	err = env.Inspect(t.Context(), func(n int) { read = n },
		func(e *confirm.UnreadableError) { named = append(named, e.What+" "+e.Key.ID) })
	if err != nil || read != 2 || !slices.Equal(named, []string{"mailbox " + page.Records[0].Key.ID}) {
		t.Errorf("of %d, %v are named; %v", read, named, err)
	}
}

// forged is a store whose texts somebody has changed.
type forged struct{ store.Store }

func (s forged) Text(ctx context.Context, sum string) ([]byte, error) {
	text, err := s.Store.Text(ctx, sum)
	return bytes.ReplaceAll(text, []byte("La lettre"), []byte("Le magazine")), err
}

func TestForgedWordsAreLostOnesAndStopNoListing(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	// Another process, which puts the purpose in other words, and whose store has other ones under the former hash.
	after := openWith(t, filepath.Join(t.TempDir(), "optin.db"), func(o *confirm.Options) {
		o.Store, o.Sites[0].Purposes[0].Text = forged{env.store}, map[string]string{"fr": "La revue", "en": "The review"}
	}, "s")
	page, err := after.Website.List(t.Context(), "gazette", confirm.Listing{Limit: 10})
	if err != nil || len(page.All) != 1 || page.All[0].Purposes[0].Text != "" ||
		page.All[0].Purposes[0].TextSHA256 == "" {
		t.Errorf("%+v, %v", page, err)
	}
	var named []string
	err = after.Inspect(t.Context(), func(int) {}, func(e *confirm.UnreadableError) { named = append(named, e.Key.ID) })
	if err != nil || !slices.Equal(named, []string{page.All[0].ID}) {
		t.Errorf("named are %v, %v", named, err)
	}
}
