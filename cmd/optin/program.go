package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/optin/optin/config"
	"github.com/optin/optin/confirm"
	"github.com/optin/optin/keyring"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/metrics"
	"github.com/optin/optin/outbox"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
	"github.com/optin/optin/web"
	"github.com/optin/optin/webhook"
)

// drain is how long a stopping program waits for what is in hand. What is not finished by then comes back by its lease.
const drain = 25 * time.Second

// letterWaits are the waits before the second try of a letter, the third, …; the last one repeats until the letter's link would be
// dead on arrival. RFC 5321 4.5.4.1 asks for 30 minutes between tries; greylisting relays take a letter after a few.
var letterWaits = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// clockWaits are those of a look at the clock that failed.
var clockWaits = []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute}

// program is a running optin.
type program struct {
	log     *slog.Logger
	addr    net.Addr
	metrics *metrics.Metrics
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
}

// start starts everything the configuration asks for. When it fails, what it had started is stopped.
func start(ctx context.Context, cfg *config.Config, pages *templates.Set, log *slog.Logger, x extra) (p *program, err error) {
	p = &program{log: log, metrics: metrics.New(), failed: make(chan error, 2)}
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
	desk, err := confirm.New(confirm.Options{
		Store: st, Ring: ring, PublicURL: cfg.PublicURL.String(), Sites: ruleSites(cfg.Sites),
		Owed: func(k store.Kind) { box.Wake(k) },
	})
	if err != nil {
		return p, err
	}
	if box, err = p.outbox(cfg, desk, pages, st, x.hold); err != nil {
		return p, err
	}
	p.background(box.Run)
	p.background(func(ctx context.Context) { p.watch(ctx, st, desk) })
	handler, err := p.handler(cfg, desk, pages, st, ring, x)
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

// outbox makes the lanes of everything that can be owed.
func (p *program) outbox(cfg *config.Config, desk *confirm.Service, pages *templates.Set, st store.Store, hold time.Duration) (*outbox.Outbox, error) {
	post, err := newMailer(cfg, desk, pages, p.log)
	if err != nil {
		return nil, err
	}
	p.later(func(context.Context) { p.warn("close connections to the relay", post.Close()) })
	clock := func(ctx context.Context, e store.Entry) (bool, error) {
		err := desk.Lapse(ctx, e)
		return err == nil, err
	}
	lanes := []outbox.Lane{
		{Kind: confirm.KindLetter, Try: post.Try, Workers: cfg.SMTP.Connections, Limit: mailer.Longest, Waits: letterWaits, Repeat: true},
		{Kind: confirm.KindClock, Try: clock, Limit: 30 * time.Second, Waits: clockWaits, Repeat: true},
	}
	tell, err := callers(cfg, desk, p.log)
	if err != nil {
		return nil, err
	}
	for lane, c := range tell {
		lanes = append(lanes, outbox.Lane{Kind: lane, Try: c.Try, Workers: 2, Limit: time.Minute, Waits: webhook.Waits()})
	}
	return outbox.New(outbox.Options{Store: st, Lanes: lanes, Log: p.log, Hold: hold, Observe: func(k store.Kind, outcome string, d time.Duration) {
		p.metrics.Try(string(k), outcome, d)
	}})
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
			err = desk.KeepTexts(ctx)
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
func (p *program) handler(cfg *config.Config, desk *confirm.Service, pages *templates.Set, st store.Store, ring *keyring.Ring, x extra) (http.Handler, error) {
	o := web.Options{
		Desk: desk, Store: st, Ring: ring, Pages: pages, Sites: webSites(cfg.Sites), PublicURL: cfg.PublicURL,
		TrustedProxies: cfg.TrustedProxies, Log: p.log, Observe: p.metrics.Request,
	}
	if !x.noLookups {
		o.Undeliverable = newNullMX().undeliverable
	}
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

// behindPassword asks for the admin password (RFC 7617), whatever the user's name.
func behindPassword(password []byte, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, given, _ := r.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(given), password) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="optin", charset="UTF-8"`)
			http.Error(w, "The admin password is needed here.", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
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
		p.serve(web.HTTPServer("", own), ml)
	}
	p.serve(web.HTTPServer("", h), l)
	return nil
}

func (p *program) serve(s *http.Server, l net.Listener) {
	unused := &fresh{conns: map[net.Conn]struct{}{}}
	s.ConnState = unused.watch
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.failed <- err
		}
	}()
	p.later(func(ctx context.Context) {
		t := time.AfterFunc(500*time.Millisecond, unused.close)
		defer t.Stop()
		p.warn("close the listener", s.Shutdown(ctx))
	})
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
