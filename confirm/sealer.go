package confirm

import (
	"encoding/base64"

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
	for _, sum := range s.ring.MACs("subscription id", site, a.Identity()) {
		keys = append(keys, store.Key{Site: site, ID: base64.RawURLEncoding.EncodeToString(sum[:16])})
	}
	return keys
}

// sealContext is what sealed bytes are bound to: moved to another record they do not open.
func sealContext(k store.Key) string { return k.Site + "/" + k.ID }

// box returns what seals and opens what belongs to a record. It is made again for each action, or for each email.
func (s sealer) box(k store.Key) box { return box{k, s.ring.Box(sealContext(k))} }

// box seals and opens what belongs to one record: the record itself and its jobs.
type box struct {
	key store.Key
	*keyring.Box
}

// record seals a subscription.
func (b box) record(sub consent.Subscription) (*store.Record, error) {
	data, err := encodeSubscription(sub)
	if err != nil {
		return nil, err
	}
	return b.recordOf(sub, data), nil
}

// recordOf seals a subscription that was encoded.
func (b box) recordOf(sub consent.Subscription, data []byte) *store.Record {
	return &store.Record{
		State:   string(sub.State(sub.Changed)),
		Created: sub.Created,
		Expires: sub.DeletableAt(),
		Timer:   sub.ExpireAt(),
		Data:    b.Seal(data),
	}
}

// subscription opens a record; one that does not exist is a zero Subscription.
func (b box) subscription(r store.Record) (consent.Subscription, error) {
	if !r.Exists() {
		return consent.Subscription{}, nil
	}
	data, err := b.open(whatRecord, r.Data)
	if err != nil {
		return consent.Subscription{}, err
	}
	sub, err := decodeSubscription(data, r.Key.Site)
	if err != nil {
		return consent.Subscription{}, &UnreadableError{r.Key, whatRecord, err}
	}
	return sub, nil
}

// What does not open: see UnreadableError.
const (
	whatRecord  = "record"
	whatMailbox = "mailbox"
	whatJob     = "a job of record"
)

// open opens what Seal made. An error is an *UnreadableError.
func (b box) open(what string, sealed []byte) ([]byte, error) {
	plain, err := b.Open(sealed)
	if err != nil {
		return nil, &UnreadableError{b.key, what, err}
	}
	return plain, nil
}
