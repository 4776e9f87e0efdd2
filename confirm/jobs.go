package confirm

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	// QueueSignature has the requests that were confirmed, for the signatures of their emails to be kept.
	QueueSignature store.QueueName = "email/signature"
)

// emailQueues is how many EmailQueues there are: a power of two.
const emailQueues = 16

// EmailQueues are the queues of emails that were not tried yet. The emails of one domain share a queue, so that many of
// them, to a domain that is slow or being flooded, hold up one queue and not the emails to everybody else.
func EmailQueues() []store.QueueName { return slices.Clone(emailQueueNames[:]) }

var emailQueueNames = func() (all [emailQueues]store.QueueName) {
	for i := range all {
		all[i] = store.QueueName(fmt.Sprintf("email/%x", i))
	}
	return all
}()

// emailQueue returns the queue of an email to an address. It is read off a keyed hash, and so says nothing of the
// domain.
func (r *records) emailQueue(to address.Address) store.QueueName {
	return emailQueueNames[r.Keyring.MACs("email queue", to.Domain())[0][0]%emailQueues]
}

// IsEmailQueue reports whether a queue is one of EmailQueues.
func IsEmailQueue(queue store.QueueName) bool { return slices.Contains(emailQueueNames[:], queue) }

// untried reports whether no relay was ever asked to take the email of a job.
func untried(job store.Job) bool { return IsEmailQueue(job.Queue) }

// Event is one thing that a website is told.
type Event struct {
	ID   string            `json:"id"` // the same for every endpoint and every try
	Type consent.EventType `json:"type"`
	At   time.Time         `json:"at"`
	Data consent.Status    `json:"data"`

	Trace Trace `json:"-"` // of the request that it is about

	known *known // the record that it is about, as it was read
}

// jobs returns what a change makes necessary as jobs for the store, and whether an email is among them.
func (r *records) jobs(box box, c consent.Change) (all []store.Job, email bool, err error) {
	for _, j := range c.Jobs {
		if j.Type == consent.JobSignature {
			all = append(all, store.Job{
				ID: emailID(box.key, j.RequestID, -1), Queue: QueueSignature, Body: box.Seal([]byte(j.RequestID)),
			})
			continue
		}
		all, email = append(all, r.emailJob(box, c.Subscription, j)), true
	}
	for _, e := range c.Events {
		jobs, err := r.eventJobs(box, c.Subscription, e)
		if err != nil {
			return nil, false, err
		}
		all = append(all, jobs...)
	}
	return all, email, nil
}

// emailJob returns the job of an email. One that is due now takes its place among the emails to its mailbox as it is
// enqueued.
func (r *records) emailJob(box box, sub consent.Subscription, j consent.Job) store.Job {
	job := store.Job{ID: emailID(box.key, j.RequestID, j.Email), Queue: r.emailQueue(sub.Address), Due: j.Due}
	// Sealed, because it is the nonce of a link: half of what a forger would need. The mailbox saves the worker a call
	// of the store.
	mailbox := r.sealer.mailboxKeys(box.key.Site, sub.Address)[0].ID
	job.Body = box.Seal([]byte(j.RequestID + "\n" + mailbox))
	if now := r.Now(); !job.Due.After(now) {
		job.Due = time.Time{}
		if sub.EmailDue(j.RequestID, now) != "" {
			for _, q := range r.mailboxQuotas(sub.Site, sub.Address) {
				job.Reserve = append(job.Reserve, q.Bucket)
			}
		}
	}
	return job
}

// emailID names an email of a request, and its job: so the same action done twice enqueues one job. It follows from the
// request and does not depend on the secret. That of a request cannot be found from it.
func emailID(key store.Key, request string, email int) string {
	name := strings.Join([]string{"optin email", key.Site, key.ID, request, strconv.Itoa(email)}, " ")
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// messageIDLength is that of the local part of a Message-ID, in bytes: the two halves of messageID.
const messageIDLength = 44

// messageID returns the local part of the Message-ID of an email: where its record is, and the email's name, which
// nobody can make who does not know the request. It does not depend on the secret.
func messageID(key store.Key, request string, email int) string {
	return key.ID + emailID(key, request, email)
}

// eventJobs returns one job for each endpoint of the site.
func (r *records) eventJobs(box box, sub consent.Subscription, e consent.EventType) (all []store.Job, err error) {
	if e != consent.EventErased && sub.Address.IsZero() {
		return nil, nil // the request expired and the person was erased in one step: there is no person to report on
	}
	event := Event{ID: r.nonce(16), Type: e, At: sub.Changed, Data: sub.Status(box.key.ID, sub.Changed)}
	if e == consent.EventErased {
		event.Data = consent.Status{ID: box.key.ID, Site: box.key.Site, State: consent.Erased}
	}
	plain, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("confirm: encode an event: %w", err)
	}
	body := box.Seal(plain)
	for i, queue := range r.sites[box.key.Site].EventQueues {
		all = append(all, store.Job{ID: fmt.Sprintf("%s-%d", event.ID, i), Queue: queue, Body: body})
	}
	return all, nil
}

// Clock is what the passing of time does. Expire runs jobs of store.TimerQueue.
type Clock struct{ mailboxes }

// Expire applies consent.Expire to the record of a timer, and ends the timer's lease: with what comes next, or, if it
// is early yet by our clock, with the same time.
func (c *Clock) Expire(ctx context.Context, job store.Job) error {
	k, err := c.read(ctx, job.Key)
	if err != nil {
		return err
	}
	expire := consent.Expire{Terms: c.sites[job.Key.Site].Terms, ID: c.nonce(requestBytes)}
	sub := k.subscription.EndValidity(c.Now())
	if agreed, due := sub.RenewalDue(c.Now()); agreed != nil {
		if expire.Statements, err = c.statementsNow(ctx, job.Key.Site, agreed.Locale, due); err != nil {
			return err
		}
	}
	res, err := c.applyFrom(ctx, k, expire, extra{})
	if err != nil || res.changed {
		return err
	}
	if at := res.after.ExpireAt(); !at.IsZero() {
		return c.Store.End(ctx, job, store.Retry(at))
	}
	return c.Store.End(ctx, job, store.Complete()) // the record is gone
}
