package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// ErrUnknownSite says that there is no such site.
var ErrUnknownSite = errors.New("webhook: no such site")

// ErrCursor says that a cursor is not one that Failed returned for this site.
var ErrCursor = errors.New("webhook: not a cursor of this listing")

// MaxRetries is how many failed deliveries one HTTP request makes due: each is a commit, and a request has seconds.
const MaxRetries = 250

// pageSize is how many failed jobs are read from a store at once.
const pageSize = 500

// FailedDelivery is an event that an endpoint was not told and will not be told unless it is retried by hand. It names
// nobody.
type FailedDelivery struct {
	ID       string            `json:"id"`              // the job's, which Retry takes
	Endpoint string            `json:"endpoint"`        // the end of its queue's name
	Event    string            `json:"event,omitempty"` // its webhook-id; empty if it cannot be opened any more
	Type     consent.EventType `json:"type,omitempty"`
	At       time.Time         `json:"at,omitzero"` // of the event

	Queue store.QueueName `json:"-"`
}

// Failed lists up to n failed deliveries of a site, one endpoint after another, each in the order in which they failed,
// after the cursor that an earlier call returned (empty: from the start). next is the cursor to continue with; it is
// empty when there are no more. If the delivery at the cursor was retried since, its endpoint is listed from the start.
// It returns ErrUnknownSite or ErrCursor.
func (e *Endpoints) Failed(ctx context.Context, site, cursor string, n int) (all []FailedDelivery, next string,
	err error) {
	queues, id, err := e.queuesFrom(site, cursor)
	if err != nil {
		return nil, "", err
	}
	for _, queue := range queues {
		jobs, err := e.Queue.Failed(ctx, queue, id, n-len(all)+1) // one more, to see whether there are more
		if err != nil {
			return nil, "", err
		}
		for _, job := range jobs {
			if len(all) == n {
				return all, endpointName(all[n-1].Queue) + "." + all[n-1].ID, nil
			}
			all = append(all, e.failedDelivery(job))
		}
		id = ""
	}
	return all, "", nil
}

// Retry makes failed deliveries of a site due now, as if they had never been tried, and enables their endpoints. It
// returns the ids that no failed delivery has. Deliveries that were made due before an error stay due.
func (e *Endpoints) Retry(ctx context.Context, site string, ids []string) (unknown []string, err error) {
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	jobs, _, err := e.failedJobs(ctx, site, len(wanted), func(id string) bool { return wanted[id] })
	if err != nil {
		return nil, err
	}
	for _, job := range jobs {
		delete(wanted, job.ID)
	}
	for _, id := range ids {
		if wanted[id] {
			delete(wanted, id) // once, however often it was asked for
			unknown = append(unknown, id)
		}
	}
	return unknown, e.requeue(ctx, jobs)
}

// RetryAll is Retry for up to limit of a site's failed deliveries; more reports whether there are more. Those that fail
// again meanwhile are not retried again.
func (e *Endpoints) RetryAll(ctx context.Context, site string, limit int) (n int, more bool, err error) {
	jobs, more, err := e.failedJobs(ctx, site, limit, func(string) bool { return true })
	if err != nil {
		return 0, false, err
	}
	return len(jobs), more, e.requeue(ctx, jobs)
}

// queuesFrom returns a site's queues from a cursor on, and the id of the job at the cursor in the first of them.
func (e *Endpoints) queuesFrom(site, cursor string) ([]store.QueueName, string, error) {
	queues, ok := e.queues[site]
	if !ok {
		return nil, "", fmt.Errorf("%w: %s", ErrUnknownSite, site)
	}
	if cursor == "" {
		return queues, "", nil
	}
	endpoint, id, _ := strings.Cut(cursor, ".")
	for i, queue := range queues {
		if endpointName(queue) == endpoint && id != "" {
			return queues[i:], id, nil
		}
	}
	return nil, "", ErrCursor
}

// endpointName is the end of a queue's name, by which programs tell the endpoints of one site apart.
func endpointName(queue store.QueueName) string {
	return string(queue[strings.LastIndexByte(string(queue), '/')+1:])
}

// failedDelivery is what may be said of a failed job. A job that does not open, because its secret is no longer
// configured, is listed all the same.
func (e *Endpoints) failedDelivery(job store.Job) FailedDelivery {
	d := FailedDelivery{ID: job.ID, Endpoint: endpointName(job.Queue), Queue: job.Queue}
	if event, err := e.Open(job); err == nil {
		d.Event, d.Type, d.At = event.ID, event.Type, event.At
	}
	return d
}

// failedJobs returns up to limit failed jobs of a site whose ids are wanted, without their bodies.
func (e *Endpoints) failedJobs(ctx context.Context, site string, limit int,
	wanted func(id string) bool) (all []store.Job, more bool, err error) {
	queues, _, err := e.queuesFrom(site, "")
	if err != nil {
		return nil, false, err
	}
	for _, queue := range queues {
		for last := ""; ; {
			jobs, err := e.Queue.Failed(ctx, queue, last, pageSize)
			if err != nil {
				return nil, false, err
			}
			for _, job := range jobs {
				if !wanted(job.ID) {
					continue
				}
				if len(all) == limit {
					return all, true, nil
				}
				all = append(all, store.Job{ID: job.ID, Queue: queue, Key: job.Key})
			}
			if len(jobs) < pageSize {
				break
			}
			last = jobs[len(jobs)-1].ID
		}
	}
	return all, false, nil
}

// requeue makes jobs due now and enables their endpoints. A job that somebody else has requeued is no error.
func (e *Endpoints) requeue(ctx context.Context, jobs []store.Job) error {
	enabled := map[store.QueueName]bool{}
	for _, job := range jobs {
		if !enabled[job.Queue] {
			if err := e.enable(ctx, job.Queue); err != nil {
				return err
			}
			enabled[job.Queue] = true
		}
		if err := e.Queue.Requeue(ctx, job.Queue, job.ID, job.Key); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		e.Enqueued(job.Queue)
	}
	return nil
}
