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
	clock := func(ctx context.Context, e store.Entry) (bool, error) {
		err := desk.Lapse(ctx, e)
		return err == nil, err
	}
	lanes := append(letterLanes(post, cfg.SMTP.Connections), outbox.Lane{
		Kinds: []store.Kind{confirm.KindClock}, Try: clock, Limit: 30 * time.Second, Waits: storeWaits, Repeat: true,
	})
	tell, err := callers(cfg, desk, p.log)
	if err != nil {
		return nil, err
	}
	for lane, c := range tell {
		lanes = append(lanes, outbox.Lane{
			Kinds: []store.Kind{lane}, Try: c.Try, Workers: 2, Limit: time.Minute, Waits: storeWaits, Repeat: true, Probe: webhook.Probe,
		})
	}
	return outbox.New(outbox.Options{Store: st, Lanes: lanes, Log: p.log, Hold: hold, Observe: func(k store.Kind, outcome string, d time.Duration) {
		p.metrics.Try(label(k), outcome, d)
	}})
}

// letterLanes share the connections to a relay: letters that were not tried yet have most of them, and in any case one; what failed
// before has the rest. Letters of the same domains have half of them at most, as in the mailer. Where there is but one connection, whatever
// stalls keeps all others waiting.
func letterLanes(post *mailer.Mailer, connections int) []outbox.Lane {
	fresh := outbox.Lane{
		Kinds: confirm.LetterKinds(), Try: post.Try, Limit: mailer.Longest, Waits: letterWaits, Repeat: true, Then: confirm.KindAgain, Rest: post.Rest,
	}
	tried := fresh
	tried.Kinds, tried.Then = []store.Kind{confirm.KindAgain, confirm.KindMaybe}, ""
	if connections == 1 {
		fresh.Kinds = slices.Concat(fresh.Kinds, tried.Kinds)
		return []outbox.Lane{fresh}
	}
	tried.Workers = max(1, connections/4)
	fresh.Workers = connections - tried.Workers
	fresh.Each = max(1, connections/2)
	return []outbox.Lane{fresh, tried}
}

// label is a lane as metrics name it: that one domain's letters share a lane is nothing to count by.
func label(k store.Kind) string {
	switch {
	case slices.Contains(confirm.LetterKinds(), k):
		return "letter"
	case k == confirm.KindAgain:
		return "letter/again"
	}
	return string(k)
}

// callers makes one for each endpoint, by its lane.
func callers(cfg *config.Config, desk *confirm.Service, log *slog.Logger) (map[store.Kind]*webhook.Caller, error) {
	all := map[store.Kind]*webhook.Caller{}
	for _, s := range cfg.Sites {
		for _, w := range s.Webhooks {
			c, err := webhook.New(webhook.Options{
				Desk: desk, Log: log, UserAgent: "optin/" + versionText(),
				Endpoint: endpoint(w), Switch: desk,
			})
			if err != nil {
				return nil, fmt.Errorf("site %s: %w", s.ID, err)
			}
			all[webhook.Lane(s.ID, w.URL.String())] = c
		}
	}
	return all, nil
}
