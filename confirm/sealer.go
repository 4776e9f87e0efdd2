package confirm

import (
	"encoding/base64"
	"fmt"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// sealer encrypts what goes into a store, and names records so that the name says nothing.
type sealer struct{ ring *keyring.Keyring }

// keys returns the keys that an address at a site can have: one for each listed secret, the newest first.
func (s sealer) keys(site string, a address.Address) []store.Key {
	var keys []store.Key
	for _, sum := range s.ring.MACs("subscription id", site, a.String()) {
		keys = append(keys, store.Key{Site: site, ID: base64.RawURLEncoding.EncodeToString(sum[:16])})
	}
	return keys
}

// sealContext is what sealed bytes are bound to: moved to another record they do not open.
func sealContext(k store.Key) string { return k.Site + "/" + k.ID }

// record seals a subscription.
func (s sealer) record(k store.Key, sub consent.Subscription) (*store.Record, error) {
	data, err := encodeSubscription(sub)
	if err != nil {
		return nil, err
	}
	return &store.Record{
		State:   string(sub.State(sub.Changed)),
		Created: sub.Created,
		Expires: sub.DeletableAt(),
		Timer:   sub.ExpireAt(),
		Data:    s.seal(k, data),
	}, nil
}

// subscription opens a record; one that does not exist is a zero Subscription.
func (s sealer) subscription(r store.Record) (consent.Subscription, error) {
	if !r.Exists() {
		return consent.Subscription{}, nil
	}
	data, err := s.open(r.Key, r.Data)
	if err != nil {
		return consent.Subscription{}, err
	}
	sub, err := decodeSubscription(data, r.Key.Site)
	if err != nil {
		return consent.Subscription{}, fmt.Errorf("%w: record %s: %w", ErrUnreadable, r.Key.ID, err)
	}
	return sub, nil
}

// seal seals what belongs to a record.
func (s sealer) seal(k store.Key, plain []byte) []byte { return s.ring.Seal(sealContext(k), plain) }

// open opens what seal made. An error wraps ErrUnreadable, and is final.
func (s sealer) open(k store.Key, sealed []byte) ([]byte, error) {
	plain, err := s.ring.Open(sealContext(k), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: record %s: %w", ErrUnreadable, k.ID, err)
	}
	return plain, nil
}
