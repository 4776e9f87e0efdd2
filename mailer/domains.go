package mailer

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// maxDomains limits how many recipient domains are remembered. Strangers choose them.
	maxDomains = 4096
	// maxDeferrals is how many emails in a row a domain may put off before it is paused.
	maxDeferrals = 3
	// busyWait is how long an email waits if enough emails to its domain are under way: at first for one of them to be
	// done, and if none is, until its next attempt.
	busyWait = 1500 * time.Millisecond
	// knownFor is how long a domain is known to answer after it accepted or refused an email.
	knownFor = 10 * time.Minute
	// unprovenWait is how long emails to a domain that is not known to answer wait for the one that is under way. After
	// that they are put off for slowDelay.
	unprovenWait = 2 * time.Second
	slowDelay    = 20 * time.Second
	// maxStalls is how many domains in a row, of those not known to answer, may stall before timeouts become shorter
	// for all.
	maxStalls = 3
)

// domains are the recipient domains that something is remembered about: that emails are under way, that they
// answer, or what went wrong.
type domains struct {
	now   func() time.Time
	limit int // emails to one domain under way at once; 0: none

	mu       sync.Mutex
	byName   map[string]*domain
	stalls   int // domains in a row, of those not known to answer, that stalled
	unproven int // emails under way to domains that are not known to answer
}

type domain struct {
	pause
	inFlight  int // emails under way
	deferrals int // emails put off at RCPT, in a row

	answeredAt time.Time     // when an email was last accepted or refused
	startedAt  time.Time     // when the last email was begun, by the machine's clock
	done       chan struct{} // closed when that email is done
	freed      chan struct{} // closed when any email is done; nil: nobody waits for that
}

// slot is the permission to send one email to a domain.
type slot struct {
	domains  *domains
	name     string
	first    bool // it is the first attempt after a pause
	unproven bool // the domain was not known to answer
	done     chan struct{}
}

// known reports whether the domain answered lately.
func (d *domain) known(now time.Time) bool { return now.Sub(d.answeredAt) <= knownFor }

// acquire returns a slot for an email to a domain, or how long the email has to wait, with errDomainPaused,
// errDomainBusy or errDomainSlow. A domain that is not known to answer gets one email, and others wait a little for its
// result. So a domain that stalls holds one worker, and the emails that follow give theirs up. An email to a domain
// with enough of them under way waits a little for one to be done.
func (s *domains) acquire(ctx context.Context, name string) (*slot, time.Duration, error) {
	since := time.Now()
	for {
		slot, underWay, wait, err := s.tryAcquire(name, since)
		if underWay == nil {
			return slot, wait, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-underWay:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, minWait, errDomainSlow
		}
		timer.Stop()
	}
}

// tryAcquire does not block: while one email finds out about the domain, or enough are under way, it returns what to
// wait for, and for how long. since is when the email began to wait.
func (s *domains) tryAcquire(
	name string, since time.Time,
) (_ *slot, underWay chan struct{}, wait time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.byName[name]
	if d == nil {
		d = &domain{}
	}
	if wait := d.remaining(s.now()); wait > 0 {
		return nil, nil, wait, errDomainPaused
	}
	if s.limit > 0 && d.inFlight >= s.limit {
		if wait := busyWait - time.Since(since); wait > 0 {
			if d.freed == nil {
				d.freed = make(chan struct{})
			}
			return nil, d.freed, wait, nil
		}
		return nil, nil, busyWait, errDomainBusy
	}
	if d.inFlight > 0 && !d.known(s.now()) {
		if wait := unprovenWait - time.Since(d.startedAt); wait > 0 {
			return nil, d.done, wait, nil
		}
		return nil, nil, slowDelay, errDomainSlow
	}
	slot := &slot{domains: s, name: name, unproven: !d.known(s.now())}
	if slot.unproven {
		if s.stalls >= maxStalls && s.limit > 0 && s.unproven >= max(1, s.limit/2) {
			return nil, nil, slowDelay, errDomainSlow // the other workers are for domains that are known to answer
		}
		s.unproven++
	}
	s.remember(name, d)
	d.inFlight++
	d.startedAt, d.done = time.Now(), make(chan struct{})
	slot.first, slot.done = d.begin(), d.done
	return slot, nil, 0, nil
}

// remember keeps a domain. If there are too many, it forgets one that has no email under way: of a few arbitrary ones,
// the one with the pause that ends first.
func (s *domains) remember(name string, d *domain) {
	if s.byName == nil {
		s.byName = map[string]*domain{}
	}
	if len(s.byName) >= maxDomains && s.byName[name] == nil {
		victim, until, seen := "", time.Time{}, 0
		for other, d := range s.byName {
			if d.inFlight == 0 && (victim == "" || d.until.Before(until)) {
				victim, until = other, d.until
			}
			if seen++; seen >= 32 && victim != "" {
				break
			}
		}
		delete(s.byName, victim)
	}
	s.byName[name] = d
}

// release ends the slot and learns from the email's error. A domain that stalls, or puts several emails off in a row,
// is paused. An email that was accepted or refused shows that the domain answers.
func (s *slot) release(err error) {
	all := s.domains
	all.mu.Lock()
	defer all.mu.Unlock()
	d := all.byName[s.name]
	d.inFlight--
	if s.unproven {
		all.unproven--
	}
	close(s.done)
	if d.freed != nil {
		close(d.freed)
		d.freed = nil
	}
	var failure *smtpError
	errors.As(err, &failure)
	if !d.known(all.now()) {
		all.countStall(err, failure, s.first)
	}
	switch {
	case err == nil, failure != nil && failure.final:
		d.succeed()
		d.deferrals, d.answeredAt = 0, all.now()
	case failure != nil && failure.stalled():
		d.fail(all.now(), s.first, domainStalls())
	case failure != nil && failure.defers():
		if d.deferrals = min(d.deferrals+1, maxDeferrals); d.deferrals == maxDeferrals {
			d.fail(all.now(), s.first, domainStalls())
		}
		d.abandon(s.first)
	default:
		d.abandon(s.first)
		if failure != nil && failure.answers() {
			d.answeredAt = all.now()
		}
	}
	if d.inFlight == 0 && d.deferrals == 0 && !d.active() && d.answeredAt.IsZero() {
		delete(all.byName, s.name)
	}
}

// countStall counts the unknown domains that stall in a row. One that stalls again on its first attempt after a pause
// counts once.
func (s *domains) countStall(err error, failure *smtpError, first bool) {
	switch {
	case err == nil, failure != nil && failure.code > 0 && failure.step == stepRCPT:
		s.stalls = 0
	case failure != nil && failure.stalled() && !first:
		s.stalls = min(s.stalls+1, maxStalls)
	}
}

// stalling reports whether one domain after another stalls, as when somebody signs up addresses at many domains that
// do.
func (s *domains) stalling() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stalls == maxStalls
}
