package confirm

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// vault seals what goes into a store and names it so that the name says nothing.
type vault struct{ ring *keyring.Keyring }

// keys are the names that an address at a site can have: one for each listed secret, the newest first.
func (v vault) keys(site string, a address.Address) []store.Key {
	var keys []store.Key
	for _, sum := range v.ring.Sums("subscription id", site, a.String()) {
		keys = append(keys, store.Key{Site: site, ID: base64.RawURLEncoding.EncodeToString(sum[:16])})
	}
	return keys
}

// place is what sealed bytes are bound to: moved to another record they do not open.
func place(k store.Key) string { return k.Site + "/" + k.ID }

// seal makes the record of a subscription.
func (v vault) seal(k store.Key, s consent.Subscription) (*store.Record, error) {
	data, err := v.pack(k, s)
	if err != nil {
		return nil, err
	}
	return &store.Record{State: string(s.State(s.Changed)), Created: s.Created, Expires: s.Expires(), Data: data}, nil
}

// open reads a record; one that does not exist is a zero Subscription.
func (v vault) open(r store.Record) (s consent.Subscription, err error) {
	if r.Exists() {
		err = v.unpack(r.Key, r.Data, &s)
	}
	return s, err
}

// pack encodes and seals anything that belongs to a record.
func (v vault) pack(k store.Key, x any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(x); err != nil {
		return nil, fmt.Errorf("confirm: encode: %w", err)
	}
	return v.ring.Seal(place(k), b.Bytes()), nil
}

// ErrUnreadable says that sealed bytes were sealed with a secret that is not configured, or were changed: trying again does not help.
var ErrUnreadable = errors.New("confirm: cannot be opened")

func (v vault) unpack(k store.Key, sealed []byte, x any) error {
	plain, err := v.ring.Open(place(k), sealed)
	if err != nil {
		return fmt.Errorf("%w: record %s: %w", ErrUnreadable, k.ID, err)
	}
	if err := json.Unmarshal(plain, x); err != nil {
		return fmt.Errorf("confirm: record %s: %w", k.ID, err)
	}
	return nil
}
