package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/metrics"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// drain is how long a stopping program waits for what is in hand. What is not finished by then comes back by its lease.
const drain = 25 * time.Second

// program is a running optin.
type program struct {
	log     *slog.Logger
	addr    net.Addr
	metrics *metrics.Metrics
	relays  *web.Relays
	failed  chan error // a listener that ended by itself
	once    sync.Once
	stops   []func(context.Context) // run last in, first out
}

// extra is what a demo, or a test, has beside the service.
type extra struct {
	listener  net.Listener            // instead of the configuration's
	handlers  map[string]http.Handler // by the first part of the path
	noLookups bool                    // DNS is not asked about domains
	hold      time.Duration           // of leases, if not the outbox's own
	fill      time.Duration           // that a person takes at least for our own form, if not the web's own; negative: none
}

// start starts everything the configuration asks for. When it fails, what it had started is stopped.
func start(ctx context.Context, cfg *config.Config, pages *templates.Set, log *slog.Logger, x extra) (p *program, err error) {
	p = &program{log: log, metrics: metrics.New(), relays: web.NewRelays(nil, relayAddresses(cfg.SMTP.Relays)...), failed: make(chan error, 2)}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	st, err := openStore(ctx, cfg.Store, log)
	if err != nil {
		return p, err
	}
	p.later(func(context.Context) { p.warn("close the store", st.Close()) })
	ring, err := keyring.New(cfg.Secrets...)
	if err != nil {
		return p, err
	}
	var box *outbox.Outbox
	desk, err := newDesk(cfg, st, ring, func(k store.QueueName) { box.Wake(k) })
	if err != nil {
		return p, err
	}
	endpoints, err := newEndpoints(desk)
	if err != nil {
		return p, err
	}
	if box, err = p.newOutbox(cfg, desk, endpoints, pages, st, x.hold); err != nil {
		return p, err
	}
	p.background(box.Run)
	p.background(func(ctx context.Context) { p.watch(ctx, st, desk) })
	handler, err := p.handler(cfg, desk, endpoints, pages, st, ring, x)
	if err != nil {
		return p, err
	}
	return p, p.listen(cfg, handler, x.listener)
}

// later is for what is to be stopped, the last first.
func (p *program) later(f func(context.Context)) { p.stops = append(p.stops, f) }

func (p *program) warn(what string, err error) {
	if err != nil {
		p.log.Warn("stopping: "+what, "error", err)
	}
}

// background runs f until the program stops, and then waits for it.
func (p *program) background(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	p.later(func(ctx context.Context) {
		cancel()
		select {
		case <-done:
		case <-ctx.Done():
			p.log.Warn("stopping: something in hand takes too long; it comes back by its lease")
		}
	})
}

// watch looks every ten seconds whether the store still keeps what it acknowledges, and says so in the log when that changes. It
// also sees to it that the texts are kept, as soon as there is a store to keep them.
func (p *program) watch(ctx context.Context, st store.Store, desk *confirm.Service) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	was, kept := "unknown", false
	for {
		err := st.Ready(ctx)
		if err == nil && !kept {
			err = desk.PutTexts(ctx)
			kept = err == nil
		}
		if ctx.Err() != nil {
			return
		}
		p.metrics.Ready(err == nil)
		if now := fmt.Sprint(err); now != was {
			was = now
			if err != nil {
				p.log.Error("the store is not ready", "error", err)
			} else {
				p.log.Info("the store is ready")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// handler is all of the main listener.
func (p *program) handler(cfg *config.Config, desk *confirm.Service, endpoints *webhook.Endpoints, pages *templates.Set, st store.Store, ring *keyring.Keyring, x extra) (http.Handler, error) {
	sites, err := webSites(cfg.Sites)
	if err != nil {
		return nil, err
	}
	work, err := challenge.NewWork(func() [][]byte { return ring.Keys("challenge") }, challenge.WorkOptions{})
	if err != nil {
		return nil, err
	}
	o := web.Options{
		Service: desk, Webhooks: endpoints, Store: st, Keyring: ring, Pages: pages, Sites: sites, PublicURL: cfg.PublicURL,
		Work: work, Bounces: newIntake(desk, cfg.Sites), OperatorKeys: apiKeys(cfg.Admin.APIKeys),
		TrustedProxies: cfg.TrustedProxies, Fill: x.fill, Log: p.log, Observe: p.metrics.Request,
	}
	if !x.noLookups {
		o.Undeliverable = newNullMX().undeliverable
	}
	o.Admin = web.Admin{Password: cfg.Admin.Password, Relays: p.relays.Status, Endpoints: hosts(cfg.Sites)}
	s, err := web.New(o)
	if err != nil {
		return nil, err
	}
	beside := map[string]http.Handler{}
	maps.Copy(beside, x.handlers)
	if cfg.Metrics.Listen == "" && len(cfg.Admin.Password) > 0 {
		beside["metrics"] = behindPassword(cfg.Admin.Password, p.metrics.Handler())
	}
	inner := s.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if h, ok := beside[first]; ok {
			h.ServeHTTP(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	}), nil
}

// stop stops everything, the last first: no more requests are taken, what is in hand is finished. It may be called twice.
func (p *program) stop() {
	p.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		for i := len(p.stops) - 1; i >= 0; i-- {
			p.stops[i](ctx)
		}
	})
}

// wait waits until ctx ends or a listener fails, and stops the program.
func (p *program) wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-p.failed:
	}
	p.stop()
	return err
}
