package mailer

import (
	"slices"
	"sync"
	"time"
)

// pool keeps connections between letters, the last used on top. It holds no more than were in use at once.
type pool struct {
	idle   time.Duration // after which a kept connection is quit
	mu     sync.Mutex
	kept   []*conn
	closed bool
	leave  sync.WaitGroup // farewells under way
}

// take hands out a kept connection, or nil.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.kept) == 0 {
		return nil
	}
	c := p.kept[len(p.kept)-1]
	p.kept = p.kept[:len(p.kept)-1]
	c.farewell.Stop() // too late, it finds the connection kept no more
	return c
}

// put keeps a connection that is ready for another letter, or for RSET.
func (p *pool) put(c *conn) {
	if !c.release() { // cancelled this very moment: its deadline is spoilt
		c.drop()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.leave.Go(c.quit)
		return
	}
	_ = c.raw.SetDeadline(time.Time{})
	p.kept = append(p.kept, c)
	c.farewell = time.AfterFunc(p.idle, func() { p.dismiss(c) })
}

// dismiss quits a connection that was kept for long enough, if it still is.
func (p *pool) dismiss(c *conn) {
	p.mu.Lock()
	i := slices.Index(p.kept, c)
	if i >= 0 {
		p.kept = slices.Delete(p.kept, i, i+1)
		p.leave.Add(1)
	}
	p.mu.Unlock()
	if i >= 0 {
		defer p.leave.Done()
		c.quit()
	}
}

// close quits what is kept, all at once, and keeps nothing from now on.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, c := range p.kept {
		c.farewell.Stop()
		p.leave.Go(c.quit)
	}
	p.kept = nil
	p.mu.Unlock()
	p.leave.Wait()
}
