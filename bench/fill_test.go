package bench

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// span is the time over which the subscriptions of a listing came: within it no link expires.
const span = 24 * time.Hour

// fill makes n subscriptions, sealed, and has them put into a store: four in five confirmed, the others pending. It answers when the
// i-th came; the 0th is the oldest.
func fill(b *testing.B, ring *keyring.Keyring, n int, put func(store.Key, store.Record) error) (came func(i int) time.Time) {
	b.Helper()
	first := time.Now().Add(-span).UTC().Truncate(time.Millisecond)
	came = func(i int) time.Time { return first.Add(span / time.Duration(n) * time.Duration(i)) }
	pending, confirmed := models(b, first)
	took := crowd(b, n, callers, func(i int) error {
		sub := confirmed
		if i%5 == 0 {
			sub = pending
		}
		key, r, err := subscriber(ring, sub, i, came(i).Truncate(time.Millisecond))
		if err != nil {
			return err
		}
		return put(key, r)
	})
	b.Logf("%d subscriptions were put there in %s", n, took.Round(time.Second))
	return came
}

// through puts records into a store one change at a time, as the service does.
func through(b *testing.B, st store.Store) func(store.Key, store.Record) error {
	return func(key store.Key, r store.Record) error {
		return st.Update(b.Context(), key, func(store.Record) (store.Change, error) { return store.Change{Put: &r}, nil })
	}
}

// atOnce puts records into a file of store/sqlite in one transaction, for a million commits would take minutes. A schema that changes
// is told here by an error.
func atOnce(b *testing.B, path string) (put func(store.Key, store.Record) error, commit func()) {
	b.Helper()
	db := openDriver(b, path)
	tx, err := db.BeginTx(b.Context(), nil)
	must(b, err)
	insert, err := tx.PrepareContext(b.Context(), "INSERT INTO records (site, id, version, state, created, expires, data) VALUES (?, ?, ?, ?, ?, ?, ?)")
	must(b, err)
	var one sync.Mutex
	put = func(key store.Key, r store.Record) error {
		var expires any
		if !r.Expires.IsZero() {
			expires = r.Expires.UnixMilli()
		}
		one.Lock()
		defer one.Unlock()
		_, err := insert.ExecContext(b.Context(), key.Site, key.ID, "v"+key.ID, r.State, r.Created.UnixMilli(), expires, r.Data)
		return err
	}
	return put, func() { must(b, tx.Commit()); must(b, db.Close()) }
}

// models are the two subscriptions that all others are like, by the rules.
func models(b *testing.B, at time.Time) (pending, confirmed consent.Subscription) {
	b.Helper()
	address, err := address.Parse("subscriber@example.org")
	must(b, err)
	text := sha256.Sum256([]byte(site().Purposes[0].Text["fr"]))
	asked, pressed := evidence(consent.ByForm), evidence(consent.ByLink)
	asked.At, pressed.At = at, at.Add(time.Minute)
	request := base64.RawURLEncoding.EncodeToString(text[:24])
	pending, _, _, err = consent.Apply(consent.Subscription{}, consent.Signup{
		ID: request, Address: address, Site: "gazette", Locale: "fr", Evidence: asked, Terms: site().Terms,
		Statements: []consent.Statement{{Purpose: "letter", SHA256: hex.EncodeToString(text[:])}},
	}, at)
	must(b, err)
	confirmed, _, _, err = consent.Apply(pending, consent.Confirm{Request: request, Evidence: pressed}, pressed.At)
	must(b, err)
	return pending, confirmed
}

// subscriber is the i-th subscription's record, sealed as package confirm does it: where that changes, nothing of it can be listed.
func subscriber(ring *keyring.Keyring, like consent.Subscription, i int, came time.Time) (key store.Key, r store.Record, err error) {
	address, err := address.Parse(fmt.Sprintf("subscriber%d@example.org", i))
	if err != nil {
		return key, r, err
	}
	like.Address, like.Created = address, came
	key = store.Key{Site: like.Site, ID: base64.RawURLEncoding.EncodeToString(ring.Sums("subscription id", like.Site, address.String())[0][:16])}
	plain, err := json.Marshal(like)
	return key, store.Record{
		State: string(like.State(like.Changed)), Created: came, Expires: like.Expires(), Data: ring.Seal(key.Site+"/"+key.ID, plain),
	}, err
}
