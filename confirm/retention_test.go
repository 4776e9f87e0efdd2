package confirm_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/receipt"
	"github.com/optin/optin/store"
)

const day = 24 * time.Hour

func retained(o *confirm.Options) {
	o.Logged, o.Retention = true, consent.Retention{IP: 30 * day, Evidence: 3 * 365 * day}
}

// retain applies the retention policy to all of the gazette, two subscriptions at a time.
func (env *env) retain() (all confirm.Retained) {
	env.t.Helper()
	for from := (store.Cursor{}); ; {
		did, next, err := env.Clock.Retain(env.t.Context(), "gazette", from, 2)
		if err != nil {
			env.t.Fatal(err)
		}
		all.Add(did)
		if from = next; next == (store.Cursor{}) {
			return all
		}
	}
}

func (env *env) retains(want confirm.Retained) {
	env.t.Helper()
	if diff := cmp.Diff(want, env.retain()); diff != "" {
		env.t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRetentionIsAppliedInSmallStepsAndOnce(t *testing.T) {
	env := newEnvWith(t, retained)
	names := []string{"a", "b", "c", "d", "e"}
	for _, name := range names {
		env.consented(name + "@example.org")
	}
	withdrawn := env.id("c@example.org")
	if _, err := env.Website.Withdraw(t.Context(), "gazette", withdrawn, nil, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	env.retains(confirm.Retained{Read: 5})
	env.later(40 * day)
	env.retains(confirm.Retained{Read: 5, Cut: 5})
	env.retains(confirm.Retained{Read: 5})
	rec, err := env.store.Find(t.Context(), store.Key{Site: "gazette", ID: env.id("a@example.org")})
	if err != nil {
		t.Fatal(err)
	}
	if got := env.opened(rec).Requests[0].Asked.IP; got != "192.0.2.0/24" {
		t.Errorf("the IP is %q", got)
	}
	env.leaves()
	env.later(3 * 366 * day)
	env.retains(confirm.Retained{Read: 5, Erased: 1})
	env.retains(confirm.Retained{Read: 5})
	if diff := cmp.Diff([]string{"erased"}, env.leaves()); diff != "" {
		t.Errorf("leaves (-want +got):\n%s", diff)
	}
	if st, err := env.Website.ByID(t.Context(), "gazette", withdrawn); err != nil || st.Email != "" ||
		st.State != consent.Withdrawn {
		t.Errorf("%+v, %v", st, err)
	}
	if got := env.state("a@example.org"); got != consent.Confirmed {
		t.Errorf("a consent that holds is %s", got)
	}
}

// TestWhatARevisionEndedHasItsLeafWithoutAnotherAct: nobody has to come back for it.
func TestWhatARevisionEndedHasItsLeafWithoutAnotherAct(t *testing.T) {
	env := newEnvWith(t, retained)
	env.consented("ada@example.org")
	env.leaves()
	raised := newEnvWith(t, func(o *confirm.Options) {
		retained(o)
		o.Store, o.Sites[0].Purposes[0].Revision = env.store, 2
	})
	raised.store, raised.now = env.store, env.now.Add(time.Hour)
	raised.retains(confirm.Retained{Read: 1, Superseded: 1})
	raised.retains(confirm.Retained{Read: 1})
	if diff := cmp.Diff([]string{"superseded"}, raised.leaves()); diff != "" {
		t.Errorf("leaves (-want +got):\n%s", diff)
	}
	if st := raised.state("ada@example.org"); st != consent.Expired {
		t.Errorf("it is %s", st)
	}
}

// TestACutIPIsStillSaidInAnEmail: each email can be rebuilt to the byte, of which two parts of the IP are one.
func TestACutIPIsStillSaidInAnEmail(t *testing.T) {
	env := newEnvWith(t, retained)
	env.consented("ada@example.org")
	key := store.Key{Site: "gazette", ID: env.id("ada@example.org")}
	network := func() string {
		sent, err := env.Relay.Sent(t.Context(), key)
		if err != nil || len(sent) != 1 {
			t.Fatalf("%d emails, %v", len(sent), err)
		}
		return sent[0].Messages[0].IP
	}
	if got := network(); got != "192.0.2.7" {
		t.Errorf("before: %q", got)
	}
	env.later(40 * day)
	env.retain()
	if got := network(); got != "192.0.2.0" {
		t.Errorf("afterwards: %q", got)
	}
}

// receiptKeys are those of one key that is made for it.
func receiptKeys(t *testing.T) receipt.Keys {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := receipt.ParseKeys(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestAReceiptOutlivesItsPersonForAsLongAsIsSaid(t *testing.T) {
	for kept, refuses := range map[time.Duration]bool{0: false, 3 * 365 * day: false, 2 * 365 * day: true} {
		env := newEnvWith(t, func(o *confirm.Options) {
			o.Logged, o.Receipts = true, confirm.Receipts{Keys: receiptKeys(t)}
			o.Retention = consent.Retention{IP: 30 * day, Evidence: 3 * 365 * day, Receipt: kept}
		})
		env.consented("ada@example.org")
		id := env.id("ada@example.org")
		get := func() string {
			text, err := env.Website.Receipt(t.Context(), "gazette", id, "")
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			return text
		}
		before := get()
		if refuses {
			env.object("ada@example.org")
		}
		env.erase("ada@example.org")
		if got := get(); got != before && kept > 0 || got != "" && kept == 0 {
			t.Errorf("kept for %v: %.40q", kept, got)
		}
		for _, e := range env.entries() { // what the log has of an erasure is for ever
			if sub, err := confirm.DecodeSubscription(e.Rest, "gazette"); err != nil || len(sub.Receipts) > 0 {
				t.Errorf("the log keeps %d receipts, %v", len(sub.Receipts), err)
			}
		}
		if kept > 0 {
			env.later(kept - time.Hour)
			env.expire()
			if get() != before {
				t.Errorf("kept for %v: it is gone an hour before its time", kept)
			}
		}
		env.later(9 * day)
		env.expire()
		rec, err := env.store.Find(t.Context(), store.Key{Site: "gazette", ID: id})
		switch {
		case refuses && (err != nil || len(env.opened(rec).Receipts) > 0):
			t.Errorf("of somebody who objected is left: %+v, %v", rec, err)
		case refuses && env.may("ada@example.org", "letter").Reason != consent.ReasonObjected:
			t.Error("the objection is gone with the receipt")
		case !refuses && !errors.Is(err, store.ErrNotFound):
			t.Errorf("kept for %v: something is left: %v", kept, err)
		}
	}
}

// textless is a store that has lost its texts, or that cannot say them.
type textless struct {
	store.Store
	err error // nil: it has them
}

func (s *textless) Text(ctx context.Context, sum string) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Text(ctx, sum)
}

func TestAnErasureLosesNoReceiptThatCanStillBeMade(t *testing.T) {
	for name, row := range map[string]struct {
		err     error // of the store, at the first try to erase
		refused bool
		newKeys bool
		left    int // receipts
	}{
		"a store that is there":                {left: 1},
		"one that is away for a moment":        {err: store.ErrUnavailable, refused: true, left: 1},
		"a caller who went":                    {err: context.Canceled, refused: true, left: 1},
		"a store that has lost it":             {err: store.ErrNotFound},
		"a key that is not listed any more":    {newKeys: true},
		"both, for a moment: that comes first": {err: store.ErrUnavailable, refused: true, newKeys: true},
	} {
		for by, byPerson := range map[string]bool{"website": false, "person": true} {
			t.Run(name+", by the "+by, func(t *testing.T) {
				away := &textless{}
				keep := func(o *confirm.Options) {
					away.Store = o.Store
					o.Store, o.Receipts = away, confirm.Receipts{Keys: receiptKeys(t)}
					o.Retention.Receipt = 3 * 365 * day
				}
				path := filepath.Join(t.TempDir(), "optin.db")
				env := openWith(t, path, keep, "s")
				env.consented("ada@example.org")
				id := env.id("ada@example.org")
				env.later(time.Hour)
				status, err := env.Website.ByID(t.Context(), "gazette", id)
				if err == nil {
					_, err = env.Person.ClaimRight(
						t.Context(), tokenOf(*status.UnsubscribeURL), consent.RightErase, consent.Evidence{})
				}
				if err != nil {
					t.Fatal(err)
				}
				link := tokenOf(env.email().Confirm)
				if row.newKeys {
					now := env.clock()
					env = openWith(t, path, keep, "s")
					env.now = now
				}
				erase := func() error {
					if byPerson {
						_, err := env.Person.Erase(t.Context(), link)
						return err
					}
					return env.Website.Erase(t.Context(), "gazette", id)
				}
				away.err = row.err
				err = erase()
				if row.refused {
					if !errors.Is(err, row.err) || env.state("ada@example.org") != consent.Confirmed {
						t.Errorf("the first try: %v, and she is %s", err, env.state("ada@example.org"))
					}
					away.err = nil
					err = erase()
				}
				if err != nil {
					t.Fatal(err)
				}
				rec, err := env.store.Find(t.Context(), store.Key{Site: "gazette", ID: id})
				if row.left == 0 {
					if !errors.Is(err, store.ErrNotFound) {
						t.Errorf("left is %+v, %v", rec, err)
					}
					return
				}
				if err != nil || len(env.opened(rec).Receipts) != row.left {
					t.Errorf("left is %+v, %v", rec, err)
				}
			})
		}
	}
}

// logJobs leases the leaves that wait.
func (env *env) logJobs() []store.Job {
	env.t.Helper()
	jobs, err := env.store.Lease(env.t.Context(), confirm.QueueLog, 100, time.Minute)
	if err != nil {
		env.t.Fatal(err)
	}
	return jobs
}

// entries returns what the leaves that wait are about.
func (env *env) entries() []confirm.LogEntry {
	env.t.Helper()
	return env.entriesOf(env.logJobs())
}

func (env *env) entriesOf(jobs []store.Job) []confirm.LogEntry {
	env.t.Helper()
	all, err := env.Log.Entries(env.t.Context(), jobs, func() [32]byte { return [32]byte{} })
	for _, e := range all {
		err = errors.Join(err, e.Err)
	}
	if err != nil {
		env.t.Fatal(err)
	}
	return all
}
