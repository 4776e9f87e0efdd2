// Package webhook tells websites what became of their subscriptions: one entry of an endpoint's lane is one signed HTTP
// call, by Standard Webhooks 1.0.0.
//
// The call is a POST of {"type":…,"timestamp":…,"data":…}, byte for byte the same on every try, with the headers
//
//	webhook-id         the event's id: the same on every try, so that a receiver can tell what it has seen already
//	webhook-timestamp  the try's time, in seconds since 1970
//	webhook-signature  v1,… (HMAC-SHA256) for every secret of the endpoint, and v1a,… (Ed25519) for every key, newest first,
//	                   parted by spaces
//
// What comes of it:
//
//	2xx                 delivered
//	410                 the endpoint wants no more: it is switched off by Options.Switch, with one alarm in the log; this event
//	                    and all later ones are parked until it is on again
//	429, 502, 503, 504  later, and not before the answer's Retry-After (24 hours at most)
//	all else            later; 3xx too, for a redirect is never followed
//	no answer           later: what was not over within Options.Timeout, a byte a second included, is broken off
//
// "Later" is by the ladder of Waits, told by the event's age; behind its end the event is parked. Of an answer, 64 KiB are read and thrown away.
//
// Nothing is called but public addresses, unless the endpoint is private: the address is looked at when it is dialled,
// after names were resolved, so neither a name nor a spelling nor a change of DNS leads inside. No proxy is taken from
// the environment, no cookie is kept, and certificates are verified.
//
// Neither errors nor the log hold anything of an endpoint's URL but its host, any secret, or any word of an answer.
package webhook

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// Endpoint is where one website is told.
type Endpoint struct {
	URL     string               // https, or http too if Private; user and password in it are sent as Basic authentication
	Secrets [][]byte             // for v1, newest first; 24 to 64 bytes each
	Keys    []ed25519.PrivateKey // for v1a, newest first
	Private bool                 // http and addresses that are not public are allowed

	// There is one secret or key at least. Every call is signed with all of them, so that a rotation loses none.
}

// Lane names what an endpoint of a site is owed: the same for the same site and URL, for ever. It is what
// confirm.Site.Tell holds, and shows nothing of the URL.
func Queue(site, url string) store.QueueName {
	sum := sha256.Sum256([]byte(url))
	return store.QueueName("webhook/" + site + "/" + hex.EncodeToString(sum[:])[:16])
}

// Desk opens entries; it is a *confirm.Service.
type Events interface {
	// Told is the event that an entry of a webhook's lane tells, the same on every call, or why it cannot be opened now.
	Event(ctx context.Context, e store.Job) (confirm.Event, error)
}

// EventTest is the type of an event that says nothing about anybody: `optin webhook test` sends it.
const EventTest consent.EventType = "webhook.test"

// message is the body of a call.
type message struct {
	Type      consent.EventType `json:"type"`
	Timestamp time.Time         `json:"timestamp"` // of the event, not of the try
	Data      consent.Status    `json:"data"`
}

// encode writes the body of an event.
func encode(t confirm.Event) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // it is read by programs, and signed as it is
	if err := enc.Encode(message{Type: t.Type, Timestamp: t.At.UTC(), Data: t.Data}); err != nil {
		return nil, fmt.Errorf("webhook: event %s cannot be written as JSON: %w", t.ID, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
