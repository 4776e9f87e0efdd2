package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/identity"
	"github.com/optin/optin/internal/metrics"
	"github.com/optin/optin/internal/oidc"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/readiness"
	"github.com/optin/optin/internal/tracing"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// How long a program that accepts no more connections may take to stop: at first the requests that it has in hand, then
// the jobs, and everything together. A job that is not finished by then is run again when its lease ends.
const (
	finishRequests = 10 * time.Second
	finishJobs     = 8 * time.Second // then a job is cancelled, and an email has five seconds left (package mailer)
	stopWithin     = 25 * time.Second
)

// program is a running optin: its store and listeners, and what runs under its configuration.
type program struct {
	stopper
	store   store.Store
	addr    net.Addr
	metrics *metrics.Metrics
	running atomic.Pointer[generation] // replaced by reload
	extra   extra
	failed  chan error // a listener that ended by itself
	once    sync.Once
	leaving chan struct{} // closed when the program begins to stop
}

// generation is what runs under one configuration.
type generation struct {
	stopper
	cfg     *config.Config
	metrics *metrics.Metrics
	traces  *tracing.Exporter // nil: there is no tracing
	relays  *admin.Relays
	// nil: there is no consent log
	appender *consentlog.Appender
	ready    *readiness.Watch
	handler  http.Handler // of the main listener
	leaving  chan struct{}
}

// stopper stops what was started, the last first.
type stopper struct {
	log   *slog.Logger
	stops []func(context.Context)
}

// extra is what the demo, or a test, changes.
type extra struct {
	listener  net.Listener            // instead of the configuration's
	handlers  map[string]http.Handler // by the first segment of the path; of "" it is / alone
	noLookups bool                    // do not ask DNS about domains
	leaseFor  time.Duration           // of jobs; 0: the outbox's default
	finish    time.Duration           // instead of finishJobs
	// the least time in which a person fills in the hosted form; 0: the default of web; negative: none
	fill time.Duration
}

// start starts everything that the configuration asks for. If it fails, it stops what it had started.
func start(ctx context.Context, cfg *config.Config, pages *templates.Set, log *slog.Logger, x extra) (p *program,
	err error) {
	p = &program{
		stopper: stopper{log: log}, metrics: metrics.New(), extra: x, failed: make(chan error, 2),
		leaving: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	p.metrics.Build(versionText(), commitText(), runtime.Version())
	watched := store.Observer{RoundTrip: p.metrics.RoundTrip, Conflict: p.metrics.Conflict}
	if p.store, err = openKnown(ctx, cfg, storeOptions{log: log, watched: watched}); err != nil {
		return p, err
	}
	p.onStop(func(context.Context) { p.warn("close the store", p.store.Close()) })
	g, err := p.generate(ctx, cfg, pages)
	if err != nil {
		return p, err
	}
	p.running.Store(g)
	p.onStop(func(ctx context.Context) { p.running.Load().stopAll(ctx) })
	return p, p.listen(cfg, x.listener)
}

// generate starts what runs under a configuration. If it fails, it stops what it had started.
func (p *program) generate(ctx context.Context, cfg *config.Config, pages *templates.Set) (g *generation, err error) {
	var relays []string
	for _, r := range cfg.SMTP.Relays {
		relays = append(relays, r.HostPort())
		p.metrics.Relay(r.HostPort(), false)
		p.metrics.Refusal(r.HostPort(), 0)
	}
	g = &generation{
		stopper: stopper{log: p.log}, cfg: cfg, metrics: p.metrics, relays: admin.NewRelays(nil, relays...),
		leaving: p.leaving,
	}
	for _, site := range cfg.Sites {
		for _, name := range happens() {
			p.metrics.Count(site.ID, name, 0)
		}
	}
	g.traces = g.newExporter(cfg.Tracing)
	made, started := g, &g.stopper // g is nil beside an error
	defer func() {
		if err != nil {
			started.stopAll(ctx)
		}
	}()
	var box *outbox.Outbox
	c, err := newCore(cfg, p.store, p.log, hooks{counted: g.countChange, enqueued: func(queue store.QueueName) {
		if queue == confirm.QueueLog && g.appender != nil {
			g.appender.Wake()
			return
		}
		box.Wake(queue)
	}})
	if err != nil {
		return nil, err
	}
	g.onStop(func(ctx context.Context) { // all is done then
		if made.ready != nil && made.ready.Ask(ctx) == nil {
			c.identity.Close()
		}
	})
	if g.appender, err = g.newAppender(c); err != nil {
		return nil, err
	}
	if box, err = g.newOutbox(c, pages, p.extra); err != nil {
		return nil, err
	}
	g.background(box.Run)
	if err := g.watchStore(ctx, c); err != nil {
		return nil, err
	}
	if g.appender != nil { // from now on it is known which store this is
		g.background(g.appender.Run)
		g.background(g.watchLog)
	}
	g.background(func(ctx context.Context) { g.countReports(ctx, c) })
	if cfg.Metrics.Listen != "" {
		g.background(func(ctx context.Context) { g.watchStock(ctx, c) })
	}
	g.background(func(ctx context.Context) { g.retain(ctx, c) })
	g.handler, err = g.newHandler(c, pages, p.extra)
	return g, err
}

// onStop registers a function to call when this stops. The last one registered is called first.
func (p *stopper) onStop(f func(context.Context)) { p.stops = append(p.stops, f) }

// warn logs an error of stopping, if there is one.
func (p *stopper) warn(what string, err error) {
	if err != nil {
		p.log.Warn("stopping: "+what, "error", err)
	}
}

// stopAll calls all of them.
func (p *stopper) stopAll(ctx context.Context) {
	for i := len(p.stops) - 1; i >= 0; i-- {
		p.stops[i](ctx)
	}
}

// background runs f until this stops, and then waits for it.
func (p *stopper) background(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	p.onStop(func(ctx context.Context) {
		cancel()
		select {
		case <-done:
		case <-ctx.Done():
			p.log.Warn("stopping: a job takes too long; it is run again when its lease ends")
		}
	})
}

// watchStore asks every second whether the store is ready, the first time before this returns, and says so where it is
// looked for when that changes. It also stores the statements of the configuration, as soon as the store is ready. It
// returns an error if the configured secrets are not those of the store: then there is nothing to wait for.
func (g *generation) watchStore(ctx context.Context, c *core) error {
	stored, away := false, false
	g.ready = readiness.New(func(ctx context.Context) error {
		err := c.store.Ready(ctx)
		if errors.Is(err, store.ErrUnavailable) {
			return err // nothing else would have an answer either
		}
		// Which store it is says more than how it is set up.
		if other := c.identity.Check(ctx); err == nil || errors.As(other, new(*identity.Mismatch)) {
			err = other
			stored = stored && err == nil // what takes the place of a lost store has none
		}
		if err == nil && !stored {
			err = c.service.PutStatements(ctx)
			stored = err == nil
		}
		return err
	}, func(err error) {
		g.metrics.Ready(store.Reason(err))
		before := away
		switch away = errors.Is(err, store.ErrUnavailable); {
		case err == nil:
			g.log.Info("the store is ready")
		case !before || !away: // several servers that are away take turns to say so, each in its own words
			g.log.Error("the store is not ready", "error", advised(err))
		}
	})
	wrong := new(identity.Mismatch)
	if err := g.ready.Ask(ctx); errors.As(err, &wrong) && wrong.Secret {
		return err
	}
	for _, missing := range c.identity.Missing() {
		g.log.Warn("secret: " + missing)
	}
	g.background(g.ready.Run)
	return nil
}

// countReports shows every minute how many reports of mail systems there were, as all processes have counted them.
func (g *generation) countReports(ctx context.Context, c *core) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for reports := newBounces(c, g.log); ; {
		if counts, err := reports.Counts(ctx); err == nil {
			g.metrics.Reports(counts)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// newHandler returns the handler of the main listener.
func (g *generation) newHandler(c *core, pages *templates.Set, x extra) (http.Handler, error) {
	sites, err := webSites(c.cfg.Sites)
	if err != nil {
		return nil, err
	}
	work, err := challenge.NewWork(func() [][]byte { return c.ring.Keys("challenge") }, challenge.WorkOptions{})
	if err != nil {
		return nil, err
	}
	emails, err := newMailer(c.cfg, mailer.Options{Service: c.service, Pages: pages, Log: g.log}) // which sends none
	if err != nil {
		return nil, err
	}
	bulk := admin.NewBulk(admin.BulkOptions{
		Service: c.service, Store: c.store, Keyring: c.ring, Audit: c.audit, Log: g.log, Now: time.Now,
	})
	senders, err := newSenders(c, g.log, nil) // for tests
	if err != nil {
		return nil, err
	}
	g.onStop(func(context.Context) {
		for _, s := range senders {
			s.Close()
		}
	})
	o := web.Options{
		ConsentLog: g.appender,
		Service:    c.service, Surge: c.surge, Webhooks: c.endpoints, Audit: c.audit,
		Store: c.store, Ready: g.ready.Err,
		Keyring: c.ring, Pages: pages,
		Sites:     sites,
		PublicURL: c.cfg.PublicURL, FormerURLs: c.cfg.FormerURLs, Work: work,
		Bounces: newBounces(c, g.log), OperatorKeys: webAPIKeys(c.cfg.Admin.APIKeys),
		TrustedProxies: c.cfg.TrustedProxies, ClientIPHeader: c.cfg.ClientIPHeader,
		Fill: x.fill, Log: g.log, Observe: g.observeRequest, Refused: g.metrics.Refused,
		Stopping: g.leaving,
		Admin: web.Admin{
			Password: c.cfg.Admin.Password, Operators: c.cfg.Operators, ProxyHeader: c.cfg.Admin.ProxyHeader,
			OIDC:   provider(c.cfg),
			Relays: g.relays.Status, Endpoints: webhookHosts(c.cfg.Sites),
			RetryWaits: mailer.Waits(), EmailSum: emails.SkeletonSum, Bulk: bulk,
			SendTest: func(ctx context.Context, queue store.QueueName, event confirm.Event) (webhook.Answer, error) {
				return senders[queue].Send(ctx, event)
			},
		},
	}
	if !x.noLookups {
		o.Undeliverable = newNullMX().undeliverable
		o.TakesNoMail = takesNoMail(net.DefaultResolver, 600*time.Millisecond)
	}
	inner, err := web.New(o)
	if err != nil {
		return nil, err
	}
	if c.cfg.HasDashboard() {
		g.background(bulk.Run)
	}
	extras := maps.Clone(x.handlers)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-g.leaving:
			w.Header().Set("Connection", "close") // the next request goes to another process
		default:
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if h, ok := extras[first]; ok && (first != "" || r.URL.Path == "/") {
			h.ServeHTTP(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	}), nil
}

// listenError adds to the error of a listener the key of its address, and what to do.
func listenError(key string, err error) error {
	return fmt.Errorf("%s: %w; stop what is there, or name another address of this machine, and a port that optin "+
		"may use", key, err)
}

// listen starts the listeners.
func (p *program) listen(cfg *config.Config, l net.Listener) (err error) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.running.Load().handler.ServeHTTP(w, r) })
	if l == nil {
		if l, err = net.Listen("tcp", cfg.Listen); err != nil {
			return listenError("listen", err)
		}
	}
	p.addr = l.Addr()
	if cfg.Metrics.Listen != "" {
		own := http.NewServeMux()
		own.Handle("GET /metrics", p.metrics.Handler())
		ml, err := net.Listen("tcp", cfg.Metrics.Listen)
		if err != nil {
			l.Close()
			return listenError("metrics.listen", err)
		}
		p.serve(own, ml, web.ConnectionLimits{Max: metricsConnections, PerClient: metricsConnections, Log: p.log})
	}
	most := maxConnections(openFiles())
	p.serve(h, l, web.ConnectionLimits{
		Max: most, PerClient: most / 8, Proxies: cfg.TrustedProxies, Log: p.log,
	})
	return nil
}

// metricsConnections is how many connections the metrics may have; one or two are used.
const metricsConnections = 32

// defaultOpenFiles is how many files a process may have open where the system does not say.
const defaultOpenFiles = 1024

// maxConnections returns how many connections there may be if the process may have that many files open. The store, the
// relays and the webhooks need some as well. Each connection that is sending a request takes some 20 KB.
func maxConnections(files int) int { return min(files-files/4, 8192) }

// serve serves a listener until the program stops.
func (p *program) serve(h http.Handler, l net.Listener, limits web.ConnectionLimits) {
	s, connections := web.HTTPServer("", h), web.NewConnections(limits)
	go func() {
		if err := connections.Serve(s, l); !errors.Is(err, http.ErrServerClosed) {
			p.failed <- err
		}
	}()
	p.onStop(func(ctx context.Context) {
		t := time.AfterFunc(500*time.Millisecond, connections.CloseUnused)
		defer t.Stop()
		ctx, cancel := context.WithTimeout(ctx, finishRequests)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			p.warn("requests take too long", err)
			_ = s.Close()
		}
	})
}

// stop stops everything, the last started first. The program says that it is no longer ready, while it still accepts
// requests; then it accepts no more, finishes those in hand, and then the jobs. It may be called twice.
func (p *program) stop() {
	p.once.Do(func() {
		close(p.leaving)
		if p.addr != nil {
			time.Sleep(p.running.Load().cfg.Drain)
		}
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		p.stopAll(ctx)
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

// provider returns where operators log in; nil if that is nowhere else.
func provider(cfg *config.Config) *admin.OIDC {
	if cfg.OIDC == nil {
		return nil
	}
	return &admin.OIDC{Roles: cfg.OIDC.Roles, Provider: oidc.New(oidc.Options{
		Issuer: cfg.OIDC.Issuer, ClientID: cfg.OIDC.ClientID, ClientSecret: string(cfg.OIDC.Secret),
		Return: cfg.PublicURL.String() + admin.ReturnPath,
	})}
}
