package mailer

import (
	"context"
	"sync"
	"time"
)

const (
	// maxDomains is of how many recipients' domains something is remembered. Strangers choose them.
	maxDomains = 4096
	// maxSoft is how many letters in a row a domain may put off until it is left alone.
	maxSoft = 3
	// enoughFor is how long a letter waits whose domain has enough letters under way.
	enoughFor = 1500 * time.Millisecond
	// knownFor is how long a domain is known to answer after it settled a letter.
	knownFor = 10 * time.Minute
	// newcomer is how long letters to a domain that is not known wait for the one that finds out; after that they are put off, for slowFor.
	newcomer = 2 * time.Second
	slowFor  = 20 * time.Second
	// maxStalls is how many domains in a row, of those not known to answer, may keep a letter waiting until there is less patience with all.
	maxStalls = 3
)

// domains are those that letters go to, as far as something is to be remembered of them: that letters are under way, that they answer, or
// what went wrong.
type domains struct {
	now  func() time.Time
	most int // letters of one domain that are in the relays' hands at once; 0: no bound
	mu   sync.Mutex
	all  map[string]*domain

	stalls  int // domains in a row, of those not known to answer, that kept a letter waiting
	finding int // letters under way to domains that are not known to answer
}

type domain struct {
	pause
	hands int // letters under way
	soft  int // letters put off at RCPT, in a row

	answered time.Time     // when a letter was last settled
	began    time.Time     // when the last letter went; by the machine's clock
	over     chan struct{} // closed when that one's stay is over
}

// known tells whether it answered lately.
func (d *domain) known(now time.Time) bool { return now.Sub(d.answered) <= knownFor }

// enter lets a letter to a domain go to the relays, or says how long it has to wait: with errResting, errEnough or errSlow. A domain that is not
// known to answer is found out about by one letter, for which others wait a little: so one that stalls holds one worker, and the
// next ones let go of theirs.
func (s *domains) enter(ctx context.Context, name string) (*visit, time.Duration, error) {
	for {
		v, first, wait, err := s.admit(name)
		if first == nil {
			return v, wait, err
		}
		patience := time.NewTimer(wait)
		select {
		case <-first:
		case <-patience.C:
		case <-ctx.Done():
			patience.Stop()
			return nil, shortest, errSlow
		}
		patience.Stop()
	}
}

// admit is enter, but where a letter is under way that finds out about the domain, it answers what to wait for, and for how long.
func (s *domains) admit(name string) (v *visit, first chan struct{}, wait time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.all[name]
	if d == nil {
		d = &domain{}
	}
	if wait := d.left(s.now()); wait > 0 {
		return nil, nil, wait, errResting
	}
	if s.most > 0 && d.hands >= s.most {
		return nil, nil, enoughFor, errEnough
	}
	if d.hands > 0 && !d.known(s.now()) {
		if left := newcomer - time.Since(d.began); left > 0 {
			return nil, d.over, left, nil
		}
		return nil, nil, slowFor, errSlow
	}
	v = &visit{all: s, name: name, finds: !d.known(s.now())}
	if v.finds {
		if s.stalls >= maxStalls && s.most > 0 && s.finding >= max(1, s.most/2) {
			return nil, nil, slowFor, errSlow // the workers are for domains that are known to answer
		}
		s.finding++
	}
	s.remember(name, d)
	d.hands++
	d.began, d.over = time.Now(), make(chan struct{})
	v.trial, v.over = d.enter(), d.over
	return v, nil, 0, nil
}

// remember keeps a domain. Where there are too many, another is forgotten that has no letter under way: of a few, whichever they are, the
// one whose rest is over first.
func (s *domains) remember(name string, d *domain) {
	if s.all == nil {
		s.all = map[string]*domain{}
	}
	if len(s.all) >= maxDomains && s.all[name] == nil {
		victim, over, seen := "", time.Time{}, 0
		for other, d := range s.all {
			if d.hands == 0 && (victim == "" || d.until.Before(over)) {
				victim, over = other, d.until
			}
			if seen++; seen >= 32 && victim != "" {
				break
			}
		}
		delete(s.all, victim)
	}
	s.all[name] = d
}
