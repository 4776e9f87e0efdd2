package confirm

import (
	"encoding/hex"
	"time"

	"github.com/optin/optin/confirm/consent"
)

// Trace joins what one request leads to, from the signup over its emails and its confirmation to what the website is
// told. It is a keyed hash of the request, and so the same in every process at any time, kept nowhere, and says nothing
// of anybody. The zero Trace joins nothing: Options.Traced is false, or no request is known.
type Trace struct {
	ID   [16]byte // the trace-id of W3C Trace Context
	Root [8]byte  // the span of what began it; zero: nobody did, but the clock
	// Begins says that what has this Trace is what began it.
	Begins bool
}

// IsZero reports whether a trace joins nothing.
func (t Trace) IsZero() bool { return t.ID == [16]byte{} }

// String returns the trace-id as the log and headers write it; empty for the zero Trace.
func (t Trace) String() string {
	if t.IsZero() {
		return ""
	}
	return hex.EncodeToString(t.ID[:])
}

// trace returns the trace of a request, or of a claim.
func (r *records) trace(site, request string) (t Trace) {
	if !r.Traced || request == "" {
		return t
	}
	sum := r.Keyring.MACs("trace", site, request)[0]
	copy(t.ID[:], sum)
	copy(t.Root[:], sum[len(t.ID):])
	return t
}

// traceBegun is trace for who begins it.
func (r *records) traceBegun(site, request string) Trace {
	t := r.trace(site, request)
	t.Begins = !t.IsZero()
	return t
}

// traceOf is trace for a request, if it is one, of a subscription.
func (r *records) traceOf(site string, sub *consent.Subscription, request string) Trace {
	t := r.trace(site, request)
	if t.IsZero() {
		return t
	}
	if of := sub.Requests.Find(request); of != nil && of.IsRenewal() {
		t.Root = [8]byte{}
	}
	return t
}

// traceOfEvent returns the trace of the request that an event is about.
func (r *records) traceOfEvent(sub *consent.Subscription, e Event) Trace {
	if !r.Traced {
		return Trace{}
	}
	return r.traceOf(e.Data.Site, sub, requestOf(sub, e))
}

// requestOf returns the id of the request that an event is about: the one that ended last before it, by being closed or
// with the end of its consent; empty if none is known. A confirmation is about one that was confirmed.
func requestOf(sub *consent.Subscription, e Event) (id string) {
	var latest time.Time
	ended := func(request string, by *consent.Evidence) {
		if by != nil && !by.At.After(e.At) && !by.At.Before(latest) {
			id, latest = request, by.At
		}
	}
	for i := range sub.Requests {
		if r := &sub.Requests[i]; e.Type != consent.EventConfirmed || r.State == consent.Confirmed {
			ended(r.ID, r.Closed)
		}
	}
	for i := range sub.Consents {
		if c := &sub.Consents[i]; e.Type != consent.EventConfirmed {
			ended(c.RequestID, c.Ended)
		}
	}
	return id
}
