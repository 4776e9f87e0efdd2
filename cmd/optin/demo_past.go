package main

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/inbox"
	"github.com/optin/optin/internal/metrics"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// The past of the demo is lived through: made-up people sign up, read their emails and follow the links in them, while
// workers send, retry and expire, all by the rules of the service and with its store, on a clock that runs through two
// months within a moment.
const (
	pastDays       = 61 // two months, so that each can be compared with the one before
	oldWordingDays = 24 // ago the words of the letter were changed
	stuckFor       = 20 * time.Hour
	crmDownFor     = 10*24*time.Hour + 3*time.Hour // more than the nine days for which an event is tried
)

// movedClock is a clock that is moved. It may be read by many.
type movedClock struct{ at atomic.Int64 }

func (c *movedClock) now() time.Time { return time.Unix(0, c.at.Load()) }

// to moves the clock forward.
func (c *movedClock) to(t time.Time) { c.at.Store(max(c.at.Load(), t.UnixNano())) }

// past is the history of a demo while it is made.
type past struct {
	*movedClock
	era               // the present one
	until   time.Time // the beginning of the demo
	pages   *templates.Set
	mail    *inbox.Inbox
	store   store.Store
	plan    []planned
	tokens  map[string]string // of the links to confirm, by address
	consent map[string]string // the tokens of the links to what somebody agreed to, by address
	crm     store.QueueName
	crmSlot time.Time // when its events were last tried
}

// era is a time with one configuration.
type era struct {
	*core
	box *outbox.Outbox
}

// planned is something that happens at a time.
type planned struct {
	at time.Time
	do func(ctx context.Context) error
}

// livePast fills the store of a demo with a past until the given time. Its emails go to an inbox: the relay of the
// configuration.
func livePast(
	ctx context.Context, cfg *config.Config, pages *templates.Set, mail *inbox.Inbox, clock *movedClock,
	until time.Time,
) (err error) {
	p := &past{
		movedClock: clock, until: until, pages: pages, mail: mail, tokens: map[string]string{},
		consent: map[string]string{},
		crm:     webhook.Queue(cfg.Sites[0].ID, cfg.Sites[0].Webhooks[1].URL.String()),
	}
	log := slog.New(slog.DiscardHandler)
	p.store, err = openStoreFor(ctx, cfg.Store, storeOptions{log: log, now: p.now, patience: patient})
	if err != nil {
		return err
	}
	g := &generation{stopper: stopper{log: log}, metrics: metrics.New(), relays: admin.NewRelays(p.now)}
	defer func() {
		g.stopAll(context.WithoutCancel(ctx))
		err = cmp.Or(err, p.store.Close())
	}()
	if err := p.begin(ctx, g, withOldWording(cfg)); err != nil {
		return err
	}
	p.at(until.AddDate(0, 0, -oldWordingDays), func(ctx context.Context) error { return p.begin(ctx, g, cfg) })
	p.planPeople()
	p.planAttack()
	p.planOperators()
	return p.live(ctx)
}

// withOldWording returns the configuration as it was before the words of the letter were changed.
func withOldWording(cfg *config.Config) *config.Config {
	old := *cfg
	old.Sites = slices.Clone(cfg.Sites)
	old.Sites[0].Purposes = slices.Clone(old.Sites[0].Purposes)
	old.Sites[0].Purposes[0].Text = map[string]string{
		"en": "Subscribe to the letter of The Daily Demo", "fr": "S’abonner à la lettre de The Daily Demo",
	}
	return &old
}

// begin begins an era.
func (p *past) begin(ctx context.Context, g *generation, cfg *config.Config) (err error) {
	if p.core, err = newCoreAt(cfg, p.store, g.log, hooks{}, p.now); err != nil {
		return err
	}
	if err = p.identity.Check(ctx); err == nil {
		err = p.service.PutStatements(ctx)
	}
	if err == nil {
		p.box, err = g.newOutbox(p.core, p.pages, extra{})
	}
	return err
}

// at plans something. What is later than the beginning of the demo does not happen.
func (p *past) at(at time.Time, do func(context.Context) error) {
	if at.Before(p.until) {
		p.plan = append(p.plan, planned{at, do})
	}
}

// live lets everything happen that is planned, with what follows from it.
func (p *past) live(ctx context.Context) error {
	slices.SortStableFunc(p.plan, func(a, b planned) int { return a.at.Compare(b.at) })
	for _, next := range p.plan {
		p.to(next.at)
		if err := next.do(ctx); err != nil {
			return err
		}
		p.to(next.at.Add(2 * time.Second)) // or a moment earlier than what is planned next
		if err := p.work(ctx, p.skipsCRM); err != nil {
			return err
		}
	}
	p.to(p.until)
	return p.work(ctx, func(store.QueueName) bool { return false })
}

// work runs what is due, and lets people read their emails.
func (p *past) work(ctx context.Context, skip func(store.QueueName) bool) error {
	err := p.box.RunDue(ctx, skip)
	for _, m := range p.mail.Messages() {
		for _, link := range m.Links() {
			if _, token, ok := strings.Cut(link, "/c/"); ok {
				p.tokens[m.To[0]] = token
				break // the next one declines
			}
		}
	}
	p.mail.Clear()
	return err
}

// skipsCRM spares the demo most of the calls to the endpoint that is down: each event is tried a few times a day.
func (p *past) skipsCRM(queue store.QueueName) bool {
	now := p.now()
	if queue != p.crm || now.Before(p.until.Add(-crmDownFor)) {
		return false
	}
	if now.Sub(p.crmSlot) > 8*time.Hour {
		p.crmSlot = now
	}
	return now.Sub(p.crmSlot) > time.Minute
}

// act is an act of an operator, noted before it is done.
func (p *past) act(at time.Time, e audit.Entry, do func(context.Context) error) {
	p.at(at, func(ctx context.Context) error {
		if err := p.audit.Add(ctx, e); err != nil {
			return err
		}
		return do(ctx)
	})
}

// demoRefusals is how the demo's mail server answers: the servers of one domain are full since a time, one mailbox is,
// and some people do not exist.
func demoRefusals(since time.Time, now func() time.Time) func(to string) *inbox.Refusal {
	return func(to string) *inbox.Refusal {
		local, domain, _ := strings.Cut(strings.ToLower(to), "@")
		switch {
		case !strings.HasSuffix(domain, ".example"):
			return nil
		case strings.HasPrefix(local, "nobody."):
			return &inbox.Refusal{Code: 550, Enhanced: [3]int{5, 1, 1}, Words: "No such user here"}
		case strings.HasPrefix(local, "full."):
			return &inbox.Refusal{Code: 452, Enhanced: [3]int{4, 2, 2}, Words: "The mailbox is over its quota"}
		case domain == "heron.example" && now().After(since):
			return &inbox.Refusal{
				Code: 451, Enhanced: [3]int{4, 3, 1},
				Words: "mx1.heron.example: the queue is full, please try again later",
			}
		}
		return nil
	}
}
