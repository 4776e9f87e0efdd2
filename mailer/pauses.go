package mailer

import "time"

// minWait is the least delay of an email, so that nothing is retried in a tight loop.
const minWait = time.Second

// backoff is how long pauses are: the first, and the longest to which they grow by doubling.
type backoff struct{ initial, max time.Duration }

func relayBusy() backoff { return backoff{5 * time.Second, time.Minute} } // a relay that is unavailable or busy
// a relay that refuses us: an operator has to look
func relayRefuses() backoff { return backoff{time.Minute, 10 * time.Minute} }
func domainStalls() backoff { return backoff{time.Minute, 15 * time.Minute} } // a recipient domain

// pause keeps emails from a relay or a domain that failed, for longer each time, until one attempt succeeds. Once its
// time is over, one email is attempted alone, and the others wait for its result. The zero pause is not active.
type pause struct {
	duration   time.Duration // zero: not active
	until      time.Time
	attempting bool // the first attempt after it is under way
}

func (p *pause) active() bool { return p.duration > 0 }

// remaining returns how long an email has to wait. Zero means that it may be attempted.
func (p *pause) remaining(now time.Time) time.Duration {
	switch {
	case !p.active():
		return 0
	case now.Before(p.until):
		return max(p.until.Sub(now), minWait)
	case p.attempting:
		return minWait
	}
	return 0
}

// begin begins an attempt that remaining allowed, and reports whether it is the first one after a pause.
func (p *pause) begin() (first bool) {
	p.attempting = p.active()
	return p.attempting
}

// abandon ends an attempt that found nothing out.
func (p *pause) abandon(first bool) {
	if first {
		p.attempting = false
	}
}

// fail starts a pause or, if the failed attempt was the first after one, a longer pause. It reports whether none was
// active before. The failure of an attempt that was under way when the pause began changes nothing.
func (p *pause) fail(now time.Time, first bool, b backoff) (began bool) {
	if p.active() && !first {
		return false
	}
	began = !p.active()
	p.duration = min(max(2*p.duration, b.initial), b.max)
	p.until, p.attempting = now.Add(p.duration), false
	return began
}

// succeed ends the pause, and reports whether it was active.
func (p *pause) succeed() (ended bool) {
	ended = p.active()
	*p = pause{}
	return ended
}
