package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/web"
)

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
