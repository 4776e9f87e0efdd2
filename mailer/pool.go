package mailer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// pool keeps connections between letters, the last used on top, and bounds how many there are: in use, kept, and on their way out.
type pool struct {
	idle    time.Duration // after which a kept connection is quit
	most    int           // connections; 0: no bound
	mu      sync.Mutex
	places  int // of those there are
	live    int // of them, those that were greeted
	kept    []*conn
	waiting []chan *conn   // the longest waiting first
	over    bool           // nothing is kept any more
	away    sync.WaitGroup // farewells under way
}

// take hands out a kept connection, or a place for a new one (nil), which ends with put or leave. It waits for either, for a while: the
// error is errBusy or that of ctx.
func (p *pool) take(ctx context.Context, wait time.Duration) (*conn, error) {
	p.mu.Lock()
	if n := len(p.kept); n > 0 {
		c := p.kept[n-1]
		p.kept = p.kept[:n-1]
		c.farewell.Stop() // too late, it finds the connection kept no more
		p.mu.Unlock()
		return c, nil
	}
	if p.most == 0 || p.places < p.most {
		p.places++
		p.mu.Unlock()
		return nil, nil
	}
	turn := make(chan *conn, 1)
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()
	return p.await(ctx, wait, turn)
}

func (p *pool) await(ctx context.Context, wait time.Duration, turn chan *conn) (*conn, error) {
	patience, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	select {
	case c := <-turn:
		return c, nil
	case <-patience.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.waiting, turn)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // its turn came this very moment
		return <-turn, nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, context.Canceled
	}
	return nil, errBusy
}

// put keeps a connection that is ready for another letter, or for RSET.
func (p *pool) put(c *conn) {
	if c.release() != nil { // cancelled this very moment: its deadline is spoilt
		p.drop(c)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = c.raw.SetDeadline(time.Time{})
	switch {
	case len(p.waiting) > 0:
		p.next(c)
	case p.over:
		p.away.Go(func() { p.dismissed(c) })
	default:
		p.kept = append(p.kept, c)
		c.farewell = time.AfterFunc(p.idle, func() { p.dismiss(c) })
	}
}

// opened counts a connection that was greeted, closed that it is no more.
func (p *pool) opened() { p.count(1) }
func (p *pool) closed() { p.count(-1) }

func (p *pool) count(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live += n
}

// alive tells whether there are connections over which the relay talks to us.
func (p *pool) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live > 0
}

// drop closes a connection without a word, and gives its place up.
func (p *pool) drop(c *conn) {
	c.drop()
	p.closed()
	p.leave()
}

// leave gives a place up, for which there is no connection any more.
func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 {
		p.next(nil)
		return
	}
	p.places--
}

// next hands a connection, or the place of one, to whoever waits longest.
func (p *pool) next(c *conn) {
	p.waiting[0] <- c
	p.waiting = p.waiting[1:]
}

// dismiss quits a connection that was kept for long enough, if it still is.
func (p *pool) dismiss(c *conn) {
	p.mu.Lock()
	i := slices.Index(p.kept, c)
	if i >= 0 {
		p.kept = slices.Delete(p.kept, i, i+1)
		p.away.Add(1)
	}
	p.mu.Unlock()
	if i >= 0 {
		defer p.away.Done()
		p.dismissed(c)
	}
}

func (p *pool) dismissed(c *conn) {
	c.quit()
	p.closed()
	p.leave()
}

// close quits what is kept, all at once, and keeps nothing from now on.
func (p *pool) close() {
	p.mu.Lock()
	p.over = true
	for _, c := range p.kept {
		c.farewell.Stop()
		p.away.Go(func() { p.dismissed(c) })
	}
	p.kept = nil
	p.mu.Unlock()
	p.away.Wait()
}
