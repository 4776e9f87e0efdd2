// Package webhook tells websites what became of their subscriptions: a job of an endpoint's queue is one signed HTTP
// call, by Standard Webhooks 1.0.0.
//
// The call is a POST of {"type":…,"timestamp":…,"data":…}, byte for byte the same on every attempt, with the headers
//
//	webhook-id         the event's id: the same on every attempt, so that a receiver recognises what it has seen
//	webhook-timestamp  the attempt's time, in seconds since 1970
//	webhook-signature  v1,… (HMAC-SHA256) for every secret of the endpoint, and v1a,… (Ed25519) for every key, newest
//	                   first, separated by spaces
//
// What the answer leads to:
//
//	2xx                 the event is delivered
//	410                 the endpoint wants no more: it is disabled (Options.Health), with one error in the log; this
//	                    event, and those that are due while it is disabled, fail
//	429, 502, 503, 504  another attempt, not before the answer's Retry-After (24 hours at most)
//	any other           another attempt; 3xx too, because a redirect is never followed
//	no answer           another attempt; a call that takes longer than Options.Timeout is broken off, even if bytes
//	                    trickle in
//
// The wait until the next attempt is by Waits (retry.go) and depends on the event's age; after the end of Waits the
// event fails. Failed events are kept; Endpoints lists them and makes them due again. Of an answer, 64 KiB are read and
// discarded.
//
// Only public addresses are called, unless the endpoint is private: the address is checked when it is dialled, after
// names were resolved, so neither a name nor a spelling nor a change of DNS leads inside (guard.go). No proxy is taken
// from the environment, no cookie is kept, and certificates are verified.
//
// Errors and the log hold nothing of an endpoint's URL but its host, no secret, and no word of an answer. How the calls
// of an endpoint went, with the beginning of the last answer that was no success, is kept for operators, sealed
// (condition.go).
package webhook

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// Endpoint is where a website receives its events.
type Endpoint struct {
	URL     *url.URL             // https; http too if Private. Its user and password are sent by Basic authentication
	Secrets [][]byte             // for v1, newest first; 24 to 64 bytes each
	Keys    []ed25519.PrivateKey // for v1a, newest first
	Private bool                 // http, and addresses that are not public, are allowed

	// There is at least one secret or key. Every call is signed with all of them, so that none is missed while they
	// change.
}

// Queue returns the name of the queue of a site's endpoint: the same for the same site and URL, for ever. It is what
// confirm.Site.EventQueues holds, and reveals nothing of the URL.
func Queue(site, url string) store.QueueName {
	return store.QueueName("webhook/" + site + "/" + queueSum(url))
}

// queueSum is what stands for a URL in the name of its queue.
func queueSum(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:8])
}

// Events opens jobs. *confirm.Website implements it.
type Events interface {
	// Event returns the event of a job, the same on every call. It returns confirm.ErrNotDue if nobody may be told of
	// it any more, confirm.ErrUnreadable if it does not open, and any other error if it cannot be opened now.
	Event(ctx context.Context, job store.Job) (confirm.Event, error)
	// Notified keeps that an endpoint took the event, and completes the job.
	Notified(ctx context.Context, job store.Job, e confirm.Event, endpoint string) error
}

// EventTest is the type of an event that says nothing about anybody: `optin webhook test` sends it.
const EventTest consent.EventType = "webhook.test"

// message is the body of a call.
type message struct {
	Type      consent.EventType `json:"type"`
	Timestamp time.Time         `json:"timestamp"` // of the event, not of the attempt
	Data      any               `json:"data"`
}

// nobody is the data of EventErased and EventTest: nothing of a person.
type nobody struct {
	ID    string        `json:"id"`
	Site  string        `json:"site"`
	State consent.State `json:"state"`
}

// encode returns the body of an event's calls.
func encode(event confirm.Event) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // programs read it, and it is signed as it is
	m := message{Type: event.Type, Timestamp: event.At.UTC(), Data: event.Data}
	if event.Type == consent.EventErased || event.Type == EventTest {
		m.Data = nobody{event.Data.ID, event.Data.Site, event.Data.State}
	}
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("webhook: event %s cannot be written as JSON: %w", event.ID, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
