package webhook

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

// DisabledFor is how long an endpoint that answered 410 Gone stays disabled. Then an event tries whether it is still
// gone.
const DisabledFor = 24 * time.Hour

// EndpointsOptions are what Endpoints need. Sites, Queue, Cells and Open are required.
type EndpointsOptions struct {
	Sites    []confirm.Site                         // their EventQueues are the endpoints
	Queue    store.Queue                            // its Failed and Requeue
	Cells    store.Cells                            // keep which endpoints are disabled
	Open     func(store.Job) (confirm.Event, error) // (*confirm.Website).OpenEvent
	Enqueued func(store.QueueName)                  // called when failed jobs of a queue were made due; may be nil
	// Sealer seals what endpoints answered; without one nothing of that is kept. May be nil.
	Sealer Sealer
	Now    func() time.Time // time.Now if nil
}

// Endpoints are the endpoints of all sites: which are disabled, for all replicas and across restarts, and which
// deliveries failed. The methods may be called from any goroutine. The errors of a store are returned as they are,
// wrapped.
type Endpoints struct {
	EndpointsOptions
	queues map[string][]store.QueueName // by site
	noted  noted
}

// NewEndpoints checks the options and makes Endpoints.
func NewEndpoints(o EndpointsOptions) (*Endpoints, error) {
	if o.Queue == nil || o.Cells == nil || o.Open == nil {
		return nil, errors.New("webhook: EndpointsOptions lack Queue, Cells or Open")
	}
	if o.Enqueued == nil {
		o.Enqueued = func(store.QueueName) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &Endpoints{EndpointsOptions: o, queues: map[string][]store.QueueName{}}
	for _, site := range o.Sites {
		e.queues[site.ID] = site.EventQueues
	}
	return e, nil
}

// What the cell of an endpoint holds. The value of a disabled one is followed by since when, in seconds since 1970, and
// by random text, so that no two are the same.
const (
	valueDisabled = "disabled "
	valueEnabled  = "enabled" // for valueEnabledFor, since a cell cannot be removed: as good as no cell
)

const (
	valueEnabledFor = time.Minute
	casAttempts     = 3 // when somebody else changes the cell at that moment
)

func cellName(queue store.QueueName) string { return "webhook-disabled/" + string(queue) }

func isDisabled(value []byte) bool { return strings.HasPrefix(string(value), valueDisabled) }

// Disabled reports whether the endpoint of a queue is disabled.
func (e *Endpoints) Disabled(ctx context.Context, queue store.QueueName) (bool, error) {
	value, err := e.Cells.Get(ctx, cellName(queue))
	return isDisabled(value), err
}

// DisabledSince returns since when the endpoint of a queue is disabled; the zero time if it is not.
func (e *Endpoints) DisabledSince(ctx context.Context, queue store.QueueName) (time.Time, error) {
	value, err := e.Cells.Get(ctx, cellName(queue))
	if err != nil || !isDisabled(value) {
		return time.Time{}, err
	}
	since, _, _ := strings.Cut(strings.TrimPrefix(string(value), valueDisabled), " ")
	unix, err := strconv.ParseInt(since, 10, 64)
	if err != nil {
		unix = 1 // nobody knows
	}
	return time.Unix(unix, 0).UTC(), nil
}

// Disable disables the endpoint of a queue for DisabledFor; first is false if it is disabled already.
func (e *Endpoints) Disable(ctx context.Context, queue store.QueueName) (first bool, err error) {
	ours := []byte(valueDisabled + strconv.FormatInt(e.Now().Unix(), 10) + " " + rand.Text())
	for range casAttempts {
		found, err := e.Cells.SetNX(ctx, cellName(queue), ours, DisabledFor)
		switch {
		case err != nil:
			return false, err
		case found == nil:
			return true, nil
		case isDisabled(found):
			return false, nil
		}
		err = e.Cells.CompareAndSwap(ctx, cellName(queue), found, ours, DisabledFor)
		if !errors.Is(err, store.ErrChanged) {
			return err == nil, err
		}
	}
	return false, store.ErrChanged
}

// enable ends what Disable began.
func (e *Endpoints) enable(ctx context.Context, queue store.QueueName) error {
	found, err := e.Cells.Get(ctx, cellName(queue))
	if err != nil || !isDisabled(found) {
		return err
	}
	err = e.Cells.CompareAndSwap(ctx, cellName(queue), found, []byte(valueEnabled), valueEnabledFor)
	if errors.Is(err, store.ErrChanged) {
		return nil // somebody else has enabled it
	}
	return err
}
