package main

import (
	"context"
	"errors"
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
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/identity"
	"github.com/optin/optin/internal/metrics"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/readiness"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/web/admin"
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

// program is a running optin.
type program struct {
	log      *slog.Logger
	addr     net.Addr
	metrics  *metrics.Metrics
	relays   *admin.Relays
	appender *consentlog.Appender // nil: there is no consent log
	ready    *readiness.Watch
	failed   chan error // a listener that ended by itself
	once     sync.Once
	drain    time.Duration           // of the configuration
	leaving  chan struct{}           // closed when the program begins to stop
	stops    []func(context.Context) // called last in, first out
}

// extra is what the demo, or a test, changes.
type extra struct {
	listener  net.Listener            // instead of the configuration's
	handlers  map[string]http.Handler // by the first segment of the path
	noLookups bool                    // do not ask DNS about domains
	leaseFor  time.Duration           // of jobs; 0: the outbox's default
	finish    time.Duration           // instead of finishJobs
	// the least time in which a person fills in the hosted form; 0: the default of web; negative: none
	fill time.Duration
}

// start starts everything that the configuration asks for. If it fails, it stops what it had started.
func start(ctx context.Context, cfg *config.Config, pages *templates.Set, log *slog.Logger, x extra) (p *program,
	err error) {
	var relays []string
	for _, r := range cfg.SMTP.Relays {
		relays = append(relays, r.HostPort())
	}
	p = &program{
		log: log, metrics: metrics.New(), relays: admin.NewRelays(nil, relays...), failed: make(chan error, 2),
		drain: cfg.Drain, leaving: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	st, err := openStore(ctx, cfg.Store, log)
	if err != nil {
		return p, err
	}
	p.onStop(func(context.Context) { p.warn("close the store", st.Close()) })
	var box *outbox.Outbox
	var leaves *consentlog.Appender
	c, err := newCore(cfg, st, log, func(queue store.QueueName) {
		if queue == confirm.QueueLog && leaves != nil {
			leaves.Wake()
			return
		}
		box.Wake(queue)
	})
	if err != nil {
		return p, err
	}
	if leaves, err = p.newAppender(c); err != nil {
		return p, err
	}
	p.appender = leaves
	if box, err = p.newOutbox(c, pages, x); err != nil {
		return p, err
	}
	p.background(box.Run)
	if leaves != nil {
		p.background(leaves.Run)
		p.background(p.watchLog)
	}
	if err := p.watchStore(ctx, c); err != nil {
		return p, err
	}
	p.background(func(ctx context.Context) { p.countReports(ctx, c) })
	handler, err := p.handler(c, pages, x)
	if err != nil {
		return p, err
	}
	return p, p.listen(cfg, handler, x.listener)
}

// onStop registers a function to call when the program stops. The last one registered is called first.
func (p *program) onStop(f func(context.Context)) { p.stops = append(p.stops, f) }

// warn logs an error of stopping, if there is one.
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
func (p *program) watchStore(ctx context.Context, c *core) error {
	stored := false
	p.ready = readiness.New(func(ctx context.Context) error {
		err := c.store.Ready(ctx)
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
		p.metrics.Ready(store.Reason(err))
		if err != nil {
			p.log.Error("the store is not ready", "error", err)
		} else {
			p.log.Info("the store is ready")
		}
	})
	wrong := new(identity.Mismatch)
	if err := p.ready.Ask(ctx); errors.As(err, &wrong) && wrong.Secret {
		return err
	}
	for _, missing := range c.identity.Missing() {
		p.log.Warn("secret: " + missing)
	}
	p.background(p.ready.Run)
	return nil
}

// countReports shows every minute how many reports of mail systems there were, as all processes have counted them.
func (p *program) countReports(ctx context.Context, c *core) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for reports := newBounces(c, p.log); ; {
		if counts, err := reports.Counts(ctx); err == nil {
			p.metrics.Reports(counts)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// handler returns the handler of the main listener.
func (p *program) handler(c *core, pages *templates.Set, x extra) (http.Handler, error) {
	sites, err := webSites(c.cfg.Sites)
	if err != nil {
		return nil, err
	}
	work, err := challenge.NewWork(func() [][]byte { return c.ring.Keys("challenge") }, challenge.WorkOptions{})
	if err != nil {
		return nil, err
	}
	o := web.Options{
		ConsentLog: p.appender,
		Service:    c.service, Surge: c.surge, Webhooks: c.endpoints, Store: c.store, Ready: p.ready.Err,
		Keyring: c.ring, Pages: pages,
		Sites:     sites,
		PublicURL: c.cfg.PublicURL, FormerURLs: c.cfg.FormerURLs, Work: work,
		Bounces: newBounces(c, p.log), OperatorKeys: webAPIKeys(c.cfg.Admin.APIKeys),
		TrustedProxies: c.cfg.TrustedProxies, Fill: x.fill, Log: p.log, Observe: p.metrics.Request,
		Stopping: p.leaving,
		Admin:    web.Admin{Password: c.cfg.Admin.Password, Relays: p.relays.Status, Endpoints: webhookHosts(c.cfg.Sites)},
	}
	if !x.noLookups {
		o.Undeliverable = newNullMX().undeliverable
		o.TakesNoMail = takesNoMail(net.DefaultResolver, 600*time.Millisecond)
	}
	inner, err := web.New(o)
	if err != nil {
		return nil, err
	}
	extras := maps.Clone(x.handlers)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-p.leaving:
			w.Header().Set("Connection", "close") // the next request goes to another process
		default:
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if h, ok := extras[first]; ok {
			h.ServeHTTP(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	}), nil
}

// listen starts the listeners.
func (p *program) listen(cfg *config.Config, h http.Handler, l net.Listener) (err error) {
	if l == nil {
		if l, err = net.Listen("tcp", cfg.Listen); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	p.addr = l.Addr()
	if cfg.Metrics.Listen != "" {
		own := http.NewServeMux()
		own.Handle("GET /metrics", p.metrics.Handler())
		ml, err := net.Listen("tcp", cfg.Metrics.Listen)
		if err != nil {
			l.Close()
			return fmt.Errorf("metrics.listen: %w", err)
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
			time.Sleep(p.drain)
		}
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
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
