package confirm

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// ErrNotDue means that what a job was to send is not to be sent any more.
var ErrNotDue = errors.New("confirm: no longer due")

// Queues beside EmailQueues. The events of websites have a queue for each endpoint: Site.EventQueues.
const (
	// QueueEmailRetry has the emails that were tried before.
	QueueEmailRetry store.QueueName = "email/retry"
	// QueueEmailMaybeSent has the emails of which nobody knows whether a relay took them.
	QueueEmailMaybeSent store.QueueName = "email/maybe-sent"
	// QueueExpire has the jobs of Clock.Expire.
	QueueExpire store.QueueName = "expire"
)

// emailQueues is how many EmailQueues there are: a power of two.
const emailQueues = 16

// EmailQueues are the queues of emails that were not tried yet. The emails of one domain share a queue, so that many of
// them, to a domain that is slow or being flooded, hold up one queue and not the emails to everybody else.
func EmailQueues() []store.QueueName {
	var all []store.QueueName
	for i := range emailQueues {
		all = append(all, emailQueue(byte(i)))
	}
	return all
}

func emailQueue(n byte) store.QueueName {
	return store.QueueName(fmt.Sprintf("email/%x", n%emailQueues))
}

// emailQueue returns the queue of an email to an address. It is read off a keyed hash, and so says nothing of the
// domain.
func (r *records) emailQueue(to address.Address) store.QueueName {
	return emailQueue(r.Keyring.MACs("email queue", to.Domain())[0][0])
}

// untried reports whether no relay was ever asked to take the email of a job.
func untried(job store.Job) bool { return slices.Contains(EmailQueues(), job.Queue) }

// Event is one thing that a website is told.
type Event struct {
	ID   string            `json:"id"` // the same for every endpoint and every try
	Type consent.EventType `json:"type"`
	At   time.Time         `json:"at"`
	Data consent.Status    `json:"data"`
}

// jobs returns what a change makes necessary as jobs for the store, and whether an email is among them.
func (r *records) jobs(key store.Key, c consent.Change) (all []store.Job, email bool, err error) {
	for _, j := range c.Jobs {
		job := store.Job{Due: j.Due}
		switch j.Type {
		case consent.JobEmail:
			email = true
			if !job.Due.After(r.Now()) {
				job.Due = time.Time{}
			}
			// Sealed, because it is the nonce of a link: half of what a forger would need.
			if job.Body, err = r.sealer.seal(key, j.RequestID); err != nil {
				return nil, false, err
			}
			job.ID, job.Queue = r.emailJobID(key, c, j.RequestID), r.emailQueue(c.Subscription.Address)
		case consent.JobExpire:
			job.ID, job.Queue = expireJobID(key, j.Due), QueueExpire
		}
		all = append(all, job)
	}
	for _, e := range c.Events {
		jobs, err := r.eventJobs(key, c.Subscription, e)
		if err != nil {
			return nil, false, err
		}
		all = append(all, jobs...)
	}
	return all, email, nil
}

// emailJobID names the email job of a request: by the request and, where the email was made due again, by when. So the
// same action done twice enqueues one job.
func (r *records) emailJobID(key store.Key, c consent.Change, request string) string {
	var again time.Time
	if known := c.Subscription.Requests.Find(request); known != nil {
		again = known.ResentAt
	}
	sum := r.Keyring.MACs("email job", key.Site, key.ID, request, strconv.FormatInt(again.UnixMilli(), 36))[0]
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// expireJobID names an Expire job by its record and time, so that one that was replaced is known when it runs.
func expireJobID(key store.Key, at time.Time) string {
	return key.ID + "-" + strconv.FormatInt(at.UnixMilli(), 36)
}

// eventJobs returns one job for each endpoint of the site.
func (r *records) eventJobs(key store.Key, sub consent.Subscription, e consent.EventType) (all []store.Job, err error) {
	if e != consent.EventErased && sub.Address.IsZero() {
		return nil, nil // the request expired and the person was erased in one step: there is no person to report on
	}
	event := Event{ID: r.nonce(16), Type: e, At: sub.Changed, Data: sub.Status(key.ID, sub.Changed)}
	if e == consent.EventErased {
		event.Data.State, event.Data.Site = consent.Erased, key.Site
	}
	body, err := r.sealer.seal(key, event)
	if err != nil {
		return nil, err
	}
	for i, queue := range r.sites[key.Site].EventQueues {
		all = append(all, store.Job{ID: fmt.Sprintf("%s-%d", event.ID, i), Queue: queue, Body: body})
	}
	return all, nil
}

// Clock is what the passing of time does. Its methods run jobs of QueueExpire.
type Clock struct{ *records }

// Expire applies consent.Expire to the record of a job, and ends the job.
func (c *Clock) Expire(ctx context.Context, job store.Job) error {
	sub, err := c.get(ctx, job.Key)
	if err != nil {
		return err
	}
	if sub.Created.IsZero() || job.ID != expireJobID(job.Key, sub.ExpireJobAt) {
		return c.Store.End(ctx, job, store.Complete()) // the record is gone, or another job took the place of this one
	}
	if c.Now().Before(sub.ExpireJobAt) {
		return c.Store.End(ctx, job, store.Retry(sub.ExpireJobAt)) // the store's clock is ahead of ours
	}
	return c.applyAndEnd(ctx, job, consent.Expire{Terms: c.sites[job.Key.Site].Terms})
}
