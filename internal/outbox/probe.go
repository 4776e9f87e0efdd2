package outbox

import (
	"context"
	"math"
	"sync"
	"time"
)

const (
	// allWaiting is more jobs than any queue holds, and a number that every store can count to.
	allWaiting = math.MaxInt32
	// releaseEvery is the least time between two times at which all waiting jobs of a queue are made due.
	releaseEvery = time.Minute
	// maxProbeEvery is how seldom a queue is probed in which nothing waits, unless Pool.ProbeEvery is longer.
	maxProbeEvery = time.Hour
)

// prober knows how the jobs of one queue end in this process, and decides when waiting jobs are to run out of turn.
type prober struct {
	every time.Duration // 0: never

	mu        sync.Mutex
	failing   bool
	nextProbe time.Time
	vain      int       // probes in a row that found no waiting job
	notBefore time.Time // until then a receiver asked to be left alone
	release   bool      // all waiting jobs must be made due
	released  time.Time // when they last were
	logged    bool      // the store's last answer was an error, which was logged
}

func newProber(every time.Duration, now time.Time) *prober {
	return &prober{every: every, failing: true, nextProbe: now.Add(jitter(every))}
}

// observe records the result of a run, and reports whether all waiting jobs must be made due because of it.
func (p *prober) observe(r Result, now time.Time) bool {
	if r.OfJob {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Err == nil {
		recovered := p.failing && p.every > 0
		p.release = p.release || recovered
		p.failing, p.notBefore = false, time.Time{}
		return recovered
	}
	p.waits(now)
	p.failing, p.release = true, false
	if r.NotBefore > 0 {
		p.notBefore = now.Add(r.NotBefore)
	}
	return false
}

// expect records that a job waits in the queue from now on.
func (p *prober) expect(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits(now)
}

// waits is expect with mu held. The next probe is after ProbeEvery, if nothing had waited or failed before.
func (p *prober) waits(now time.Time) {
	if !p.failing || p.vain > 0 {
		p.nextProbe, p.vain = now.Add(jitter(p.every)), 0
	}
}

// wants reports whether waiting jobs must be made due now.
func (p *prober) wants(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted(now) > 0
}

// wanted returns how many of the waiting jobs must be made due now.
func (p *prober) wanted(now time.Time) int {
	switch {
	case p.every == 0:
		return 0
	case p.release && now.Sub(p.released) >= releaseEvery:
		return allWaiting
	case p.failing && !now.Before(p.nextProbe) && !now.Before(p.notBefore):
		return 1
	}
	return 0
}

// due is wanted, and records that they are made due.
func (p *prober) due(now time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.wanted(now)
	switch n {
	case allWaiting:
		p.release, p.released = false, now
	case 1:
		p.nextProbe = now.Add(jitter(min(p.every<<min(p.vain, 16), max(p.every, maxProbeEvery))))
	}
	return n
}

// madeDue records how many of n jobs the store made due, and reports whether its error is new, and so worth a line in
// the log.
func (p *prober) madeDue(n, made int, err error) (isNew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	isNew = err != nil && !p.logged
	p.logged = err != nil
	switch {
	case err != nil && n == allWaiting && !p.failing:
		p.release = true
	case err == nil && made == 0:
		p.vain++
	case made > 0:
		p.vain = 0
	}
	return isNew
}

// makeDue makes those waiting jobs of a queue due that are to run out of turn.
func (p *pool) makeDue(ctx context.Context, q *queue) {
	n := q.prober.due(time.Now())
	if n == 0 {
		return
	}
	made, err := p.box.Store.RunNow(ctx, q.name, n)
	if isNew := q.prober.madeDue(n, made, err); isNew && ctx.Err() == nil {
		p.box.Log.Error("outbox: cannot run waiting jobs out of turn", "queue", q.name, "error", err)
	}
}
