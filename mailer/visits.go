package mailer

import (
	"errors"
)

// visit is one letter's stay with its domain.
type visit struct {
	all   *domains
	name  string
	trial bool
	finds bool // whether the domain answers
	over  chan struct{}
}

// end learns from what became of the letter. What keeps somebody waiting, and what is put off time and again, makes the domain rest; an
// answer that settles the letter shows that all is well.
func (v *visit) end(err error) {
	s := v.all
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.all[v.name]
	d.hands--
	if v.finds {
		s.finding--
	}
	close(v.over)
	var f *fault
	errors.As(err, &f)
	if !d.known(s.now()) {
		s.learn(err, f, v.trial)
	}
	switch {
	case err == nil, f != nil && f.permanent():
		d.succeed()
		d.soft, d.answered = 0, s.now()
	case f != nil && f.stalled():
		d.fail(s.now(), v.trial, unwilling())
	case f != nil && f.stage == stageRCPT && f.code/100 == 4 && !oneMailbox.MatchString(f.text):
		if d.soft = min(d.soft+1, maxSoft); d.soft == maxSoft {
			d.fail(s.now(), v.trial, unwilling())
		}
		d.leave(v.trial)
	default:
		d.leave(v.trial)
	}
	if d.hands == 0 && d.soft == 0 && !d.on() && d.answered.IsZero() {
		delete(s.all, v.name)
	}
}

// learn keeps whether domains that are not known stall: each once, and not again as it is tried after its rest.
func (s *domains) learn(err error, f *fault, trial bool) {
	switch {
	case err == nil, f != nil && f.code > 0 && f.stage == stageRCPT:
		s.stalls = 0
	case f != nil && f.stalled() && !trial:
		s.stalls = min(s.stalls+1, maxStalls)
	}
}

// stalling tells whether one domain after another keeps letters waiting: as where somebody signs up people at many that do.
func (s *domains) stalling() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stalls == maxStalls
}
