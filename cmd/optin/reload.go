package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/templates"
)

// stopSignals are the signals that end a command, cleanly. To the service, SIGHUP says something else.
func stopSignals(args []string) []os.Signal {
	if len(args) > 0 && args[0] == "serve" {
		return []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
}

// notifyHangups returns a channel of SIGHUPs, which no longer end the program, and a function that ends that.
func notifyHangups() (<-chan os.Signal, func()) {
	hangups := make(chan os.Signal, 1) // several of them while one is worked on are one more
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups, func() { signal.Stop(hangups) }
}

// ignoreBrokenPipes lets the program go on when nobody reads its output any more. Go ends one whose write to standard
// output or error meets that, as is right for a filter; a service has other work than its log.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }

// reloadOn reads the configuration again on each hangup, until the program stops.
func (p *program) reloadOn(hangups <-chan os.Signal, read func() (*config.Config, *templates.Set, error)) {
	p.background(func(ctx context.Context) {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
			}
			cfg, pages, err := readInTime(ctx, read)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				err = p.reload(ctx, cfg, pages)
			}
			p.metrics.Reload(err == nil)
			if err != nil {
				p.log.Error("the configuration was not loaded; the one before goes on", "error", err)
			} else {
				p.log.Info("the configuration was loaded", "config", cfg)
			}
		}
	})
}

// readWithin is how long reading a configuration again may take. One that was given as a pipe at the start
// (-config <(…)) never ends: nobody is at its other end any more.
const readWithin = 5 * time.Second

var errReading = fmt.Errorf("its files could not be read within %v: is one a pipe, or on a disk that hangs? "+
	"Restart optin, or put a file there", readWithin)

// readInTime reads a configuration, unless that takes too long or the program stops.
func readInTime(
	ctx context.Context, read func() (*config.Config, *templates.Set, error),
) (cfg *config.Config, pages *templates.Set, err error) {
	done := make(chan func(), 1)
	go func() {
		c, p, failed := read()
		done <- func() { cfg, pages, err = c, p, failed }
	}()
	select {
	case set := <-done:
		set()
		return cfg, pages, err
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-time.After(readWithin):
		return nil, nil, errReading
	}
}

// errRestart says that a configuration cannot be loaded while the program runs.
var errRestart = errors.New("listen, metrics.listen and store take effect at a restart only: restart optin, " +
	"or put back what they were")

// reload replaces what runs under the configuration, or returns an error and changes nothing. Requests that are in hand
// end under the configuration under which they began, and so do jobs: as in a rolling restart, old and new workers
// share the queues for a moment.
func (p *program) reload(ctx context.Context, cfg *config.Config, pages *templates.Set) error {
	old := p.running.Load()
	if cfg.Listen != old.cfg.Listen || cfg.Metrics.Listen != old.cfg.Metrics.Listen ||
		cfg.Store.String() != old.cfg.Store.String() {
		return errRestart
	}
	next, err := p.generate(ctx, cfg, pages)
	if err != nil {
		return err
	}
	if err := next.ready.Err(); err != nil { // what it puts to people could not be kept
		p.stopGeneration(next)
		return err
	}
	p.running.Store(next)
	p.stopGeneration(old)
	return nil
}

// stopGeneration stops what runs under a configuration, and waits for its jobs.
func (p *program) stopGeneration(g *generation) {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	g.stopAll(ctx)
}
