package confirm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// ErrUnknownSite says that the configuration has no such site.
var ErrUnknownSite = errors.New("confirm: no such site")

// ErrFailedCursor says that a place in a listing is none that Parked gave.
var ErrFailedCursor = errors.New("confirm: not a place in this listing")

// Parked is an event that an endpoint was not told and, left alone, will not be. It names nobody.
type FailedEvent struct {
	ID       string            `json:"id"`              // what Replay takes
	Endpoint string            `json:"endpoint"`        // the end of its lane
	Event    string            `json:"event,omitempty"` // as the endpoint would know it: webhook-id. Empty if the entry does not open any more
	Type     consent.EventType `json:"type,omitempty"`
	At       time.Time         `json:"at,omitzero"` // when it happened

	Queue store.QueueName `json:"-"`
}

// Endpoint is the end of a lane's name, by which programs tell the endpoints of one site apart.
func Endpoint(lane store.QueueName) string {
	return string(lane[strings.LastIndexByte(string(lane), '/')+1:])
}

// Parked lists up to n events that are parked at a site's endpoints, one endpoint after another, in the order in which they were
// parked, after the place that an earlier listing named; next is empty when there are no more. When what stood at that place was
// replayed meanwhile, its endpoint is listed anew. ErrUnknownSite, ErrFailedCursor; what the store answers.
func (s *Service) FailedEvents(ctx context.Context, site, after string, n int) (all []FailedEvent, next string, err error) {
	lanes, id, err := s.lanesFrom(site, after)
	if err != nil {
		return nil, "", err
	}
	for _, lane := range lanes {
		entries, err := s.Store.Failed(ctx, lane, id, n-len(all)+1) // one more tells whether there are more
		if err != nil {
			return nil, "", err
		}
		for _, e := range entries {
			if len(all) == n {
				return all, Endpoint(all[n-1].Queue) + "." + all[n-1].ID, nil
			}
			all = append(all, s.parked(e))
		}
		id = ""
	}
	return all, "", nil
}

// lanesFrom are a site's lanes from a place on, and the entry of the first of them that stands there.
func (s *Service) lanesFrom(site, after string) ([]store.QueueName, string, error) {
	known, ok := s.sites[site]
	if !ok {
		return nil, "", fmt.Errorf("%w: %s", ErrUnknownSite, site)
	}
	if after == "" {
		return known.EventQueues, "", nil
	}
	endpoint, id, _ := strings.Cut(after, ".")
	for i, lane := range known.EventQueues {
		if Endpoint(lane) == endpoint && id != "" {
			return known.EventQueues[i:], id, nil
		}
	}
	return nil, "", ErrFailedCursor
}

// parked is what may be said of an entry. One that does not open, for its secret is no longer listed, is listed all the same.
func (s *Service) parked(e store.Job) FailedEvent {
	p := FailedEvent{ID: e.ID, Endpoint: Endpoint(e.Queue), Queue: e.Queue}
	var t Event
	if err := s.vault.unpack(e.Key, e.Body, &t); err == nil {
		p.Event, p.Type, p.At = t.ID, t.Type, t.At
	}
	return p
}
