package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/metrics"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// storeWaits are the waits of an expiry, or of a webhook's event, that failed because the store was away. What an
// endpoint answers is retried by webhook.Waits.
var storeWaits = []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute}

// unreadableWait is how long the timer of a record waits that does not open.
const unreadableWait = 6 * time.Hour

// eventLease is how soon another process takes over the event of one that died while it told an endpoint. An event may
// be told twice, with one id, so its lease can be shorter than that of an email.
const eventLease = 6 * time.Second

// newOutbox makes the pools of all queues.
func (g *generation) newOutbox(c *core, pages *templates.Set, x extra) (*outbox.Outbox, error) {
	mail, err := newMailer(c.cfg, mailer.Options{
		Service: c.service, Pages: pages, Log: g.log, Keep: c.service.KeepSkeleton, Now: c.now,
		Observe: g.observeEmail,
		Alarm: func(relay string, paused bool, words string) {
			g.metrics.Relay(relay, paused)
			g.relays.Alarm(relay, paused, words)
		},
		Refusal: func(relay string, domains int, words string) {
			g.metrics.Refusal(relay, domains)
			g.relays.Refusal(relay, domains, words)
		},
	})
	if err != nil {
		return nil, err
	}
	g.onStop(func(context.Context) { g.warn("close connections to the relay", mail.Close()) })
	pools := append(emailPools(mail, c.cfg.SMTP.MaxConnections), outbox.Pool{
		Queues: []store.QueueName{store.TimerQueue}, Run: expire(c.service.Clock), Timeout: 30 * time.Second,
		Waits:      storeWaits,
		RepeatLast: true,
	})
	pools = append(pools, outbox.Pool{
		Queues: []store.QueueName{confirm.QueueSignature}, Run: mail.RunSignature, Timeout: 30 * time.Second,
		Waits: storeWaits, RepeatLast: true,
	})
	senders, err := newSenders(c, g.log, g.observeCall)
	if err != nil {
		return nil, err
	}
	for queue, s := range senders {
		pools = append(pools, outbox.Pool{
			Queues: []store.QueueName{queue}, Run: s.Run, Workers: 2, Timeout: time.Minute, Waits: storeWaits,
			RepeatLast: true,
			ProbeEvery: webhook.ProbeEvery,
			LeaseFor:   min(eventLease, cmp.Or(x.leaseFor, eventLease)),
		})
	}
	return outbox.New(outbox.Options{Store: c.store, Pools: pools, Log: g.log, Now: c.now, LeaseFor: x.leaseFor,
		FinishWithin: cmp.Or(x.finish, finishJobs),
		Observe: func(job store.Job, outcome outbox.Outcome, took time.Duration) {
			g.metrics.Job(queueLabel(job.Queue), string(outcome), took, metrics.Source{Job: job.ID})
		}})
}

// emailPools returns the pools that share the connections to a relay. There are twice as many workers as connections:
// while half of them wait for the store, which signups may keep busy, the others have all connections at work. Emails
// that were tried have a quarter of the connections, and at least one; those that were not have what is left, and at
// least one. Emails in one queue have at most half of the workers, and those to one domain, in the mailer, half of the
// connections. If there is only one connection, an email that stalls delays all others.
func emailPools(mail *mailer.Mailer, connections int) []outbox.Pool {
	fresh := outbox.Pool{
		Queues: confirm.EmailQueues(), Run: mail.Run, Prepare: mail.Service.Relay.ReadAhead,
		Timeout: mailer.MaxDuration, Waits: mailer.Waits(), RepeatLast: true, RetryQueue: confirm.QueueEmailRetry,
		Paused: mail.PausedFor,
	}
	tried := fresh
	tried.Queues, tried.RetryQueue = []store.QueueName{confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent}, ""
	if connections == 1 {
		fresh.Queues = slices.Concat(fresh.Queues, tried.Queues)
		return []outbox.Pool{fresh}
	}
	tried.Workers = max(1, connections/4)
	fresh.Workers = 2*connections - tried.Workers
	fresh.PerQueue = connections
	return []outbox.Pool{fresh, tried}
}

// expire is the worker of store.TimerQueue.
func expire(clock *confirm.Clock) outbox.Run {
	return func(ctx context.Context, job store.Job) outbox.Result {
		err := clock.Expire(ctx, job)
		switch {
		case err == nil:
			return outbox.Ended()
		case errors.Is(err, confirm.ErrUnreadable): // until its secret, or a copy of it, is put back
			return outbox.Retry(err).WithWait(unreadableWait)
		}
		return outbox.Retry(err)
	}
}

// queueLabel is a queue as metrics name it. Which domains share a queue of emails is of no interest, so those queues
// have one name.
func queueLabel(queue store.QueueName) string {
	if confirm.IsEmailQueue(queue) {
		return "email"
	}
	return string(queue)
}

// newSenders makes one for each endpoint, by its queue.
func newSenders(c *core, log *slog.Logger, observe func(webhook.Call)) (map[store.QueueName]*webhook.Sender, error) {
	all := map[store.QueueName]*webhook.Sender{}
	for _, s := range c.cfg.Sites {
		for _, w := range s.Webhooks {
			sender, err := webhook.New(webhook.Options{
				Events: c.service.Website, Log: log, UserAgent: "optin/" + versionText(), Endpoint: webhookEndpoint(w),
				Health: c.endpoints, Now: c.now, Observe: observe,
			})
			if err != nil {
				return nil, fmt.Errorf("site %s: %w", s.ID, err)
			}
			all[webhook.Queue(s.ID, w.URL.String())] = sender
		}
	}
	return all, nil
}
