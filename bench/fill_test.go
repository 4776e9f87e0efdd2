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

// listingSpan is the time over which the subscriptions of a listing were created: within it no link expires.
const listingSpan = 24 * time.Hour

// fill makes n sealed subscriptions and puts them into a store: four in five confirmed, the others pending. It returns
// when the i-th was created; the 0th is the oldest.
func fill(b *testing.B, ring *keyring.Keyring, n int,
	put func(store.Key, store.Record) error) (created func(i int) time.Time) {
	b.Helper()
	first := time.Now().Add(-listingSpan).UTC().Truncate(time.Millisecond)
	created = func(i int) time.Time { return first.Add(listingSpan / time.Duration(n) * time.Duration(i)) }
	pending, confirmed := modelSubscriptions(b, first)
	took := concurrently(b, n, callers, func(i int) error {
		sub := confirmed
		if i%5 == 0 {
			sub = pending
		}
		key, r, err := sealedRecord(ring, sub, i, created(i).Truncate(time.Millisecond))
		if err != nil {
			return err
		}
		return put(key, r)
	})
	b.Logf("%d subscriptions were stored in %s", n, took.Round(time.Second))
	return created
}

// byUpdate puts records into a store one change at a time, as the service does.
func byUpdate(b *testing.B, st store.Store) func(store.Key, store.Record) error {
	return func(key store.Key, r store.Record) error {
		return st.Update(b.Context(), key, func(store.Record) (store.Change, error) {
			return store.Change{Put: &r}, nil
		})
	}
}

// inOneTransaction puts records into a file of store/sqlite in one transaction, because a million commits would take
// minutes. It fails if the schema changes.
func inOneTransaction(b *testing.B, path string) (put func(store.Key, store.Record) error, commit func()) {
	b.Helper()
	db := openDriver(b, path)
	tx, err := db.BeginTx(b.Context(), nil)
	must(b, err)
	insert, err := tx.PrepareContext(b.Context(),
		"INSERT INTO records (site, id, version, state, created, expires, data) VALUES (?, ?, ?, ?, ?, ?, ?)")
	must(b, err)
	var one sync.Mutex
	put = func(key store.Key, r store.Record) error {
		var expires any
		if !r.Expires.IsZero() {
			expires = r.Expires.UnixMilli()
		}
		one.Lock()
		defer one.Unlock()
		_, err := insert.ExecContext(b.Context(), key.Site, key.ID, "v"+key.ID, r.State, r.Created.UnixMilli(), expires,
			r.Data)
		return err
	}
	return put, func() { must(b, tx.Commit()); must(b, db.Close()) }
}

// modelSubscriptions returns a pending and a confirmed subscription, made by the rules, that all others are copies of.
func modelSubscriptions(b *testing.B, at time.Time) (pending, confirmed consent.Subscription) {
	b.Helper()
	addr, err := address.Parse("subscriber@example.org")
	must(b, err)
	text := sha256.Sum256([]byte(site().Purposes[0].Text["fr"]))
	signup, confirmation := evidence(consent.ByForm), evidence(consent.ByLink)
	signup.At, confirmation.At = at, at.Add(time.Minute)
	request := base64.RawURLEncoding.EncodeToString(text[:24])
	p, err := consent.Apply(consent.Subscription{}, consent.Signup{
		ID: request, Address: addr, Site: "gazette", Locale: "fr", Evidence: signup, Terms: site().Terms,
		Statements: []consent.Statement{{Purpose: "letter", SHA256: hex.EncodeToString(text[:])}},
	}, at)
	must(b, err)
	confirm := consent.Confirm{RequestID: request, Evidence: confirmation}
	c, err := consent.Apply(p.Subscription, confirm, confirmation.At)
	must(b, err)
	return p.Subscription, c.Subscription
}

// sealedRecord returns the i-th subscription's record, sealed as package confirm does it. If that changes, the record
// cannot be listed.
func sealedRecord(
	ring *keyring.Keyring, like consent.Subscription, i int, created time.Time,
) (key store.Key, r store.Record, err error) {
	address, err := address.Parse(fmt.Sprintf("subscriber%d@example.org", i))
	if err != nil {
		return key, r, err
	}
	like.Address, like.Created = address, created
	key = store.Key{Site: like.Site,
		ID: base64.RawURLEncoding.EncodeToString(ring.MACs("subscription id", like.Site, address.String())[0][:16])}
	plain, err := json.Marshal(like)
	return key, store.Record{
		State: string(like.State(like.Changed)), Created: created, Expires: like.DeletableAt(),
		Data: ring.Seal(key.Site+"/"+key.ID, plain),
	}, err
}
