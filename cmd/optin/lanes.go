package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// letterWaits are the waits before the second try of a letter, the third, …; the last one repeats until the letter's link would be
// dead on arrival. RFC 5321 4.5.4.1 asks for 30 minutes between tries; greylisting relays take a letter after a few.
var letterWaits = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// storeWaits are those of a look at the clock, or of a webhook's event, that failed for want of the store. What an endpoint answers has a
// ladder of its own.
var storeWaits = []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute}

// outbox makes the lanes of everything that can be owed.
func (p *program) outbox(cfg *config.Config, desk *confirm.Service, pages *templates.Set, st store.Store, hold time.Duration) (*outbox.Outbox, error) {
	post, err := newMailer(cfg, desk, pages, p.log, func(relay string, paused bool) {
		p.metrics.Relay(relay, paused)
		p.relays.Alarm(relay, paused)
	})
	if err != nil {
		return nil, err
	}
	p.later(func(context.Context) { p.warn("close connections to the relay", post.Close()) })
	clock := func(ctx context.Context, e store.Job) (bool, error) {
		err := desk.Expire(ctx, e)
		return err == nil, err
	}
	lanes := append(letterLanes(post, cfg.SMTP.Connections), outbox.Pool{
		Queues: []store.QueueName{confirm.QueueExpire}, Run: clock, Timeout: 30 * time.Second, Waits: storeWaits, RepeatLast: true,
	})
	tell, err := callers(cfg, desk, p.log)
	if err != nil {
		return nil, err
	}
	for lane, c := range tell {
		lanes = append(lanes, outbox.Pool{
			Queues: []store.QueueName{lane}, Run: c.Run, Workers: 2, Timeout: time.Minute, Waits: storeWaits, RepeatLast: true, Probe: webhook.ProbeEvery,
		})
	}
	return outbox.New(outbox.Options{Store: st, Pools: lanes, Log: p.log, LeaseFor: hold, Observe: func(k store.QueueName, outcome string, d time.Duration) {
		p.metrics.Try(label(k), outcome, d)
	}})
}

// letterLanes share the connections to a relay: letters that were not tried yet have most of them, and in any case one; what failed
// before has the rest. Letters of the same domains have half of them at most, as in the mailer. Where there is but one connection, whatever
// stalls keeps all others waiting.
func letterLanes(post *mailer.Mailer, connections int) []outbox.Pool {
	fresh := outbox.Pool{
		Queues: confirm.EmailQueues(), Run: post.Run, Timeout: mailer.MaxDuration, Waits: letterWaits, RepeatLast: true, RetryQueue: confirm.QueueEmailRetry, Paused: post.PausedFor,
	}
	tried := fresh
	tried.Queues, tried.RetryQueue = []store.QueueName{confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent}, ""
	if connections == 1 {
		fresh.Queues = slices.Concat(fresh.Queues, tried.Queues)
		return []outbox.Pool{fresh}
	}
	tried.Workers = max(1, connections/4)
	fresh.Workers = connections - tried.Workers
	fresh.PerQueue = max(1, connections/2)
	return []outbox.Pool{fresh, tried}
}

// label is a lane as metrics name it: that one domain's letters share a lane is nothing to count by.
func label(k store.QueueName) string {
	switch {
	case slices.Contains(confirm.EmailQueues(), k):
		return "email"
	case k == confirm.QueueEmailRetry:
		return "email/retry"
	}
	return string(k)
}

// callers makes one for each endpoint, by its lane.
func callers(cfg *config.Config, desk *confirm.Service, log *slog.Logger) (map[store.QueueName]*webhook.Caller, error) {
	all := map[store.QueueName]*webhook.Caller{}
	for _, s := range cfg.Sites {
		for _, w := range s.Webhooks {
			c, err := webhook.New(webhook.Options{
				Events: desk, Log: log, UserAgent: "optin/" + versionText(),
				Endpoint: endpoint(w), Switch: desk,
			})
			if err != nil {
				return nil, fmt.Errorf("site %s: %w", s.ID, err)
			}
			all[webhook.Queue(s.ID, w.URL.String())] = c
		}
	}
	return all, nil
}
