// Package surge detects when a site has so many signups that each must prove that it does not come from a program.
//
// A site is in a surge while it has more than five times its normal signups in ten minutes, and for an hour after
// Start: when many people decline, or a mail system reports that a mailbox is being flooded. While it lasts a signup
// must come with a challenge.
//
// Normal is what the operator says, or the mean of the last seven days; up to 200 signups in ten minutes are never a
// surge where the operator says nothing.
package surge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// ErrUnknownSite means that there is no such site.
var ErrUnknownSite = errors.New("surge: no such site")

// ChallengePolicy is when a signup must come with a challenge.
type ChallengePolicy int

// The choices.
const (
	ChallengeOnSurge ChallengePolicy = iota
	ChallengeAlways
	ChallengeNever // not even in a surge
)

const (
	window   = 10 * time.Minute
	factor   = 5   // times the normal signups are a surge
	least    = 200 // signups in a window that are no surge where nobody said what is normal
	meanDays = 7   // over which the mean is taken

	startedFor   = time.Hour
	startedKnown = 5 * time.Second // how long the store's answer whether a surge was started is used
)

// tooManyDeclines starts a surge: somebody signs up people who do not want it.
func tooManyDeclines() store.Limit { return store.Limit{N: 20, Per: time.Hour} }

// Site is how a site is watched.
type Site struct {
	Policy        ChallengePolicy
	NormalSignups int // in ten minutes; 0: what the last week says
}

// Store is what a Surge needs of a store.
type Store interface {
	store.Limits
	store.Cells
	store.Counters
}

// Options are what a Surge needs. Store and Sites are required.
type Options struct {
	Store Store
	Sites map[string]Site
	Now   func() time.Time // time.Now if nil
}

// Surge watches the signups of sites. Its methods may be called from any goroutine. Errors are those of the store, or
// ErrUnknownSite.
type Surge struct {
	store Store
	now   func() time.Time
	sites map[string]*site
}

// New makes a Surge.
func New(o Options) *Surge {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Surge{store: o.Store, now: o.Now, sites: map[string]*site{}}
	for id, st := range o.Sites {
		s.sites[id] = &site{Site: st}
	}
	return s
}

// site is a Site with what this process remembers of it, so that the store is not asked at every signup.
type site struct {
	Site

	mu           sync.Mutex
	started      bool
	startedUntil time.Time // until when that is known
	most         int       // signups in a window that are no surge
	mostUntil    time.Time
}

// ChallengePolicy returns when signups at a site must come with a challenge.
func (s *Surge) ChallengePolicy(id string) ChallengePolicy {
	if st := s.sites[id]; st != nil {
		return st.Policy
	}
	return ChallengeOnSurge
}

// Admit reports whether a signup at a site may come without a challenge now, if there is room for it in Bucket.
func (s *Surge) Admit(ctx context.Context, id string) (bool, error) {
	st := s.sites[id]
	switch {
	case st == nil:
		return false, fmt.Errorf("%w: %s", ErrUnknownSite, id)
	case st.Policy == ChallengeAlways:
		return false, nil
	case st.Policy == ChallengeNever:
		return true, nil
	}
	started, err := s.started(ctx, id, st)
	return err == nil && !started, err
}

// Surging reports whether signups at a site need a challenge because of a surge.
func (s *Surge) Surging(ctx context.Context, id string) (bool, error) {
	admits, err := s.Admit(ctx, id)
	return !admits && s.ChallengePolicy(id) == ChallengeOnSurge, err
}

// Bucket returns what a signup takes from that comes without a challenge: without room there is a surge. It has no
// limits at a site that never has one.
func (s *Surge) Bucket(ctx context.Context, id string) (store.Bucket, error) {
	st := s.sites[id]
	switch {
	case st == nil:
		return store.Bucket{}, fmt.Errorf("%w: %s", ErrUnknownSite, id)
	case st.Policy == ChallengeNever:
		return store.Bucket{}, nil
	}
	most, err := s.most(ctx, id, st)
	return store.Bucket{Name: "surge/" + id, Limits: []store.Limit{{N: most, Per: window}}}, err
}

// Start puts a site into a surge for an hour. A surge that was started already does not begin again.
func (s *Surge) Start(ctx context.Context, id string) error {
	st := s.sites[id]
	if st == nil {
		return fmt.Errorf("%w: %s", ErrUnknownSite, id)
	}
	if _, err := s.store.SetNX(ctx, cell(id), []byte("started"), startedFor); err != nil {
		return err
	}
	st.setStarted(true, s.now())
	return nil
}

// Declined counts a decline, and starts a surge where there are too many. The decline itself does not depend on it: an
// error of the store is dropped.
func (s *Surge) Declined(ctx context.Context, id string) {
	declines := store.Bucket{Name: "declines/" + id, Limits: []store.Limit{tooManyDeclines()}}
	waits, err := s.store.Acquire(ctx, "", declines)
	if err == nil && waits != nil {
		_ = s.Start(ctx, id)
	}
}

func cell(id string) string { return "surge/" + id }

// started asks the store whether a surge was started, but not every time.
func (s *Surge) started(ctx context.Context, id string, st *site) (bool, error) {
	now := s.now()
	st.mu.Lock()
	started, known := st.started, now.Before(st.startedUntil)
	st.mu.Unlock()
	if known {
		return started, nil
	}
	value, err := s.store.Get(ctx, cell(id))
	if err != nil {
		return false, err
	}
	st.setStarted(value != nil, now)
	return value != nil, nil
}

func (st *site) setStarted(started bool, now time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.started, st.startedUntil = started, now.Add(startedKnown)
}

// most returns how many signups in a window are no surge. One caller at a time finds out; the others use what was
// known.
func (s *Surge) most(ctx context.Context, id string, st *site) (int, error) {
	if st.NormalSignups > 0 {
		return factor * st.NormalSignups, nil
	}
	now := s.now()
	st.mu.Lock()
	most, known := max(st.most, least), now.Before(st.mostUntil)
	if !known {
		st.mostUntil = now.Add(window)
	}
	st.mu.Unlock()
	if known {
		return most, nil
	}
	daysAgo := func(n int) time.Time { return now.UTC().AddDate(0, 0, -n) }
	counts, err := s.store.Counts(ctx, id, store.ByDay, daysAgo(meanDays), daysAgo(1))
	st.mu.Lock()
	defer st.mu.Unlock()
	if err != nil {
		st.mostUntil = time.Time{}
		return 0, err
	}
	var signups int64
	for _, c := range counts {
		if c.Name == consent.CountSignups && c.By == "" {
			signups += c.N
		}
	}
	st.most = max(least, int(factor*signups/int64(meanDays*24*time.Hour/window)))
	return st.most, nil
}
