package confirm_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/receipt"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// verified reads a receipt with the keys that are published.
func (env *env) verified(text string) receipt.Payload {
	env.t.Helper()
	published, err := env.ReceiptKeys()
	if err != nil {
		env.t.Fatal(err)
	}
	keys, err := receipt.ParseSet(published)
	if err != nil {
		env.t.Fatal(err)
	}
	p, err := keys.Verify(text)
	if err != nil {
		env.t.Fatal(err)
	}
	return p
}

// A process that puts a purpose in other words confirms what was asked in the former ones: the receipt has those.
func TestAReceiptHasTheWordsThatWerePutToThePerson(t *testing.T) {
	keys := receiptKeys(t)
	path := filepath.Join(t.TempDir(), "optin.db")
	env := openWith(t, path, func(o *confirm.Options) { o.Receipts.Keys = keys }, "s")
	env.signUp("ada@example.org", "letter", "offers")
	m := env.email()
	lost := &textless{}
	after := openWith(t, path, func(o *confirm.Options) {
		lost.Store = o.Store
		o.Store, o.Receipts.Keys = lost, keys
		for i := range o.Sites[0].Purposes {
			o.Sites[0].Purposes[i].Text = map[string]string{"fr": "Autre chose", "en": "Something else"}
		}
	}, "s")
	after.now = env.clock()
	lost.err = store.ErrNotFound
	_, err := after.confirm(tokenOf(m.Confirm))
	if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "lost a statement") {
		t.Errorf("where the store has lost the words: %v", err)
	}
	lost.err = nil
	if _, err := after.confirm(tokenOf(m.Confirm)); err != nil {
		t.Fatal(err)
	}
	text, err := after.Website.Receipt(t.Context(), "gazette", after.id("ada@example.org"), "")
	if err != nil {
		t.Fatal(err)
	}
	p := after.verified(text)
	if len(p.Processing) != 2 || p.Processing[0].Purpose.Text != "La lettre" ||
		p.Processing[1].Purpose.Text != "Les offres" {
		t.Errorf("it says %+v", p.Processing)
	}
}

func TestAReceiptSaysUntilWhenAConsentHoldsAndItsPageWhatBecameOfIt(t *testing.T) {
	keys := receiptKeys(t)
	env := newEnvWith(t, func(o *confirm.Options) {
		o.Receipts.Keys, o.Sites[0].Terms.Validity = keys, consent.Validity{For: 700 * day, RenewBefore: 30 * day}
	})
	if _, err := env.ReceiptStatus(t.Context(), "none"); !errors.Is(err, token.ErrNotOurs) {
		t.Errorf("of none: %v", err)
	}
	env.consented("ada@example.org")
	id, given := env.id("ada@example.org"), env.clock()
	first, err := env.Website.Receipt(t.Context(), "gazette", id, "")
	if err != nil {
		t.Fatal(err)
	}
	env.later(680 * day)
	env.expire()
	if _, err := env.confirm(tokenOf(env.email().Confirm)); err != nil {
		t.Fatal(err)
	}
	second, err := env.Website.Receipt(t.Context(), "gazette", id, "")
	if err != nil || second == first {
		t.Fatalf("the renewal has the receipt of the first consent, %v", err)
	}
	renewed := env.clock()
	env.later(time.Hour)
	if _, err := env.Website.Withdraw(t.Context(), "gazette", id, []string{"letter"}, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	for text, since := range map[string]time.Time{first: renewed, second: env.clock()} {
		p := env.verified(text)
		status, err := env.ReceiptStatus(t.Context(), p.ReceiptID)
		if err != nil || status.Stands || len(status.Purposes) != 1 || !status.Purposes[0].Since.Equal(since) {
			t.Errorf("it stands: %+v, %v; want since %v", status, err, since)
		}
	}
	if p := env.verified(first); p.IssuedAt != given.Unix() {
		t.Errorf("it is of %v", time.Unix(p.IssuedAt, 0))
	}
	env.erase("ada@example.org")
	status, err := env.ReceiptStatus(t.Context(), env.verified(second).ReceiptID)
	if err != nil || status.Stands || len(status.Purposes) != 0 {
		t.Errorf("of an erased person: %+v, %v", status, err)
	}
	if _, err := env.Website.Receipt(t.Context(), "gazette", id, "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of a request that there is not: %v", err)
	}
}

func TestAServiceWithoutKeysMakesNoReceipts(t *testing.T) {
	env := newEnv(t)
	env.consented("ada@example.org")
	text, err := env.Website.Receipt(t.Context(), "gazette", env.id("ada@example.org"), "")
	if text != "" || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%.40q, %v", text, err)
	}
}
