package mailer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// growAfter is how long an email waits for a connection before it gets one beyond the usual number: so long, only
	// if the relay is slow for the emails that there are.
	growAfter = 250 * time.Millisecond
	// noGrowth is how long there are no more of those after the relay has refused one.
	noGrowth = time.Minute
)

// pool keeps connections open between emails, the last used on top, and limits how many there are: in use, idle, and
// quitting. There are more than the usual number while emails wait for them for growAfter. Those that are not needed
// any more become idle, the first opened before the last used, and are quit.
type pool struct {
	idleTimeout time.Duration // after which an idle connection is quit
	limit       int           // of connections, usually; 0: none
	max         int           // of connections, while the relay is slow; at least limit

	mu       sync.Mutex
	slots    int       // taken; at most max
	growFrom time.Time // when there may be more than limit again
	greeted  int       // connections that the relay has greeted
	idle     []*connection
	waiting  []*waiter // the longest waiting first
	isClosed bool      // connections are quit instead of kept
	quitting sync.WaitGroup
}

// waiter is an email that waits for a connection. pool.mu guards what changes of it.
type waiter struct {
	email   *email
	ready   chan *connection // gets a connection, or nil for the slot of a new one; has room for it
	follows bool             // its commands were sent behind another email, after which it gets that connection
	left    bool             // it follows, and waits no longer
}

// acquire returns a connection for an email, or nil for a slot for a new one. Either ends with put, drop or freeSlot.
// If there is neither, it waits for at most wait. The error is errBusy or context.Canceled.
func (p *pool) acquire(ctx context.Context, e *email, wait time.Duration) (*connection, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		c.idleTimer.Stop() // if too late, the timer finds the connection no longer idle
		p.mu.Unlock()
		return c, nil
	}
	if p.limit == 0 || p.slots < p.limit {
		p.slots++
		p.mu.Unlock()
		return nil, nil
	}
	w := &waiter{email: e, ready: make(chan *connection, 1)}
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	return p.await(ctx, wait, w)
}

func (p *pool) await(ctx context.Context, wait time.Duration, w *waiter) (*connection, error) {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	grow := time.NewTicker(growAfter)
	defer grow.Stop()
	for waits := true; waits; {
		select {
		case c := <-w.ready:
			return c, nil
		case <-grow.C:
			if p.grow(w) {
				return nil, nil
			}
		case <-limited.Done():
			waits = false
		}
	}
	if !p.leave(w) { // it was served at this very moment
		return <-w.ready, nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, context.Canceled
	}
	return nil, errBusy
}

// leave ends the waiting of an email, and reports whether it was not served before.
func (p *pool) leave(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, w); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		return true
	}
	w.left = w.follows
	return w.left
}

// follow returns the email that has waited longest, if its commands may be sent behind the email that is about to be
// sent on a connection. It then gets the connection next, or its slot. Otherwise follow returns nil.
func (p *pool) follow(c *connection) *email {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 || !c.sendsTogether(p.waiting[0].email) {
		return nil
	}
	c.next = p.waiting[0]
	c.next.follows = true
	p.waiting = p.waiting[1:]
	return c.next.email
}

// unfollowed returns the email that follows on a connection, nil if there is none. It follows no more.
func (c *connection) unfollowed() *waiter {
	next := c.next
	if next != nil {
		c.next, next.follows = nil, false
	}
	return next
}

// grow takes a slot beyond the usual number for an email that waits, if there may be one.
func (p *pool) grow(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, w)
	if i < 0 || p.slots >= p.max || time.Now().Before(p.growFrom) {
		return false
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	p.slots++
	return true
}

// refused frees the slot of a connection that the relay did not want to have beside the others.
func (p *pool) refused() {
	p.mu.Lock()
	p.growFrom = time.Now().Add(noGrowth)
	p.mu.Unlock()
	p.freeSlot()
}

// put keeps a connection that is ready for another email, or for RSET.
func (p *pool) put(c *connection) {
	if c.release() != nil { // cancelled at this very moment: its deadline is in the past
		p.drop(c)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = c.raw.SetDeadline(time.Time{})
	next := c.unfollowed()
	switch {
	case next != nil && next.left: // nobody is there for the answers to its commands
		c.drop()
		p.dropped(next)
	case next != nil:
		next.ready <- c
	case len(p.waiting) > 0:
		p.serveNext(c)
	case p.isClosed:
		p.quitting.Go(func() { p.quit(c) })
	default:
		p.idle = append(p.idle, c)
		c.idleTimer = time.AfterFunc(p.idleTimeout, func() { p.expire(c) })
	}
}

// countGreeted adds n to the number of connections that the relay has greeted.
func (p *pool) countGreeted(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.greeted += n
}

// hasGreeted reports whether the relay has greeted us on a connection that is still open.
func (p *pool) hasGreeted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.greeted > 0
}

// drop closes a connection without QUIT and frees its slot, for the email that follows on it if there is one.
func (p *pool) drop(c *connection) {
	c.drop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropped(c.unfollowed())
}

func (p *pool) dropped(next *waiter) {
	p.greeted--
	if next != nil && !next.left {
		next.ready <- nil
		return
	}
	p.freed()
}

// freeSlot frees a slot that has no connection any more.
func (p *pool) freeSlot() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.freed()
}

func (p *pool) freed() {
	if len(p.waiting) > 0 && p.slots <= p.limit {
		p.serveNext(nil)
		return
	}
	p.slots--
}

// serveNext hands a connection, or its slot, to the caller that has waited longest.
func (p *pool) serveNext(c *connection) {
	p.waiting[0].ready <- c
	p.waiting = p.waiting[1:]
}

// expire quits a connection that was idle for long enough, if it still is.
func (p *pool) expire(c *connection) {
	p.mu.Lock()
	i := slices.Index(p.idle, c)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
		p.quitting.Add(1)
	}
	p.mu.Unlock()
	if i >= 0 {
		defer p.quitting.Done()
		p.quit(c)
	}
}

func (p *pool) quit(c *connection) {
	c.quit()
	p.countGreeted(-1)
	p.freeSlot()
}

// close quits all idle connections at once, and keeps none from now on.
func (p *pool) close() {
	p.mu.Lock()
	p.isClosed = true
	for _, c := range p.idle {
		c.idleTimer.Stop()
		p.quitting.Go(func() { p.quit(c) })
	}
	p.idle = nil
	p.mu.Unlock()
	p.quitting.Wait()
}
