package confirm

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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
	data, err := s.seal(k, sub)
	if err != nil {
		return nil, err
	}
	return &store.Record{
		State:   string(sub.State(sub.Changed)),
		Created: sub.Created,
		Expires: sub.DeletableAt(),
		Data:    data,
	}, nil
}

// subscription opens a record; one that does not exist is a zero Subscription.
func (s sealer) subscription(r store.Record) (sub consent.Subscription, err error) {
	if r.Exists() {
		err = s.open(r.Key, r.Data, &sub)
	}
	return sub, err
}

// seal encodes and seals anything that belongs to a record.
func (s sealer) seal(k store.Key, x any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(x); err != nil {
		return nil, fmt.Errorf("confirm: encode: %w", err)
	}
	return s.ring.Seal(sealContext(k), b.Bytes()), nil
}

// open opens and decodes what seal made. An error that wraps ErrUnreadable is final.
func (s sealer) open(k store.Key, sealed []byte, x any) error {
	plain, err := s.ring.Open(sealContext(k), sealed)
	if err != nil {
		return fmt.Errorf("%w: record %s: %w", ErrUnreadable, k.ID, err)
	}
	if err := json.Unmarshal(plain, x); err != nil {
		return fmt.Errorf("confirm: record %s: %w", k.ID, err)
	}
	return nil
}
