package mailer

import "time"

// shortest is the least that something is told to wait, so that nothing comes back in a circle.
const shortest = time.Second

// span is how long pauses are: the first, and the most to which they grow by doubling.
type span struct{ first, most time.Duration }

func transient() span { return span{5 * time.Second, time.Minute} }  // a relay that is away, or busy
func refusing() span  { return span{time.Minute, 10 * time.Minute} } // a relay that wants none of us: somebody must look
func unwilling() span { return span{time.Minute, 15 * time.Minute} } // a recipients' domain

// pause is how something that failed is left alone: for longer each time, until one trial of it succeeds. When it is over, one letter tries
// alone, and the others wait for what that one finds. The zero pause is none.
type pause struct {
	length time.Duration // of the last one; zero: none is on
	until  time.Time
	tried  bool // its one trial is under way
}

func (p *pause) on() bool { return p.length > 0 }

// left is how long a letter has to wait; zero: it may try.
func (p *pause) left(now time.Time) time.Duration {
	switch {
	case !p.on():
		return 0
	case now.Before(p.until):
		return max(p.until.Sub(now), shortest)
	case p.tried:
		return shortest
	}
	return 0
}

// enter begins what left allowed, and tells whether it is the one trial after a pause.
func (p *pause) enter() (trial bool) {
	p.tried = p.on()
	return p.tried
}

// leave ends a trial that found nothing out.
func (p *pause) leave(trial bool) {
	if trial {
		p.tried = false
	}
}

// fail begins a pause, or, after a trial, a longer one; it tells whether none was on before. What was under way when a pause began, and
// fails too, tells nothing new.
func (p *pause) fail(now time.Time, trial bool, s span) (began bool) {
	if p.on() && !trial {
		return false
	}
	began = !p.on()
	p.length = min(max(2*p.length, s.first), s.most)
	p.until, p.tried = now.Add(p.length), false
	return began
}

// succeed ends a pause, and tells whether one was on.
func (p *pause) succeed() (ended bool) {
	ended = p.on()
	*p = pause{}
	return ended
}
