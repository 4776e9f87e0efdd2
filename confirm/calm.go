package confirm

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// Challenge says when a signup must come with a proof that no machine made it.
type Challenge int

// The challenges.
const (
	ChallengeInSurge Challenge = iota // while there are far more signups than is normal, or after Trip
	ChallengeAlways                   // each time
	ChallengeNever                    // not even then
)

// What is far more than normal.
const (
	calmPer   = 10 * time.Minute
	calmTimes = 5   // as many as normal
	calmLeast = 200 // fewer are never too many, where nobody said what is normal
	calmDays  = 7   // of which what is normal is the mean

	tripFor   = time.Hour
	tripKnown = 5 * time.Second // how long the answer whether a site is tripped is good
)

// The declines that trip a site.
func tooManyDeclines() store.Limit { return store.Limit{N: 20, Per: time.Hour} }

// weather is what a process remembers of a site, so as not to ask the store at each signup.
type weather struct {
	mu           sync.Mutex
	tripped      bool
	trippedUntil time.Time // until when that is known
	most         int       // signups in calmPer that are not too many
	mostUntil    time.Time
}

// Calm tells whether a signup at a site may come without a challenge, and counts it if so. What a store answers; ErrUnknownSite.
func (s *Service) NoSurge(ctx context.Context, site string) (bool, error) {
	st, ok := s.sites[site]
	switch {
	case !ok:
		return false, fmt.Errorf("%w: %s", ErrUnknownSite, site)
	case st.Challenge == ChallengeAlways:
		return false, nil
	case st.Challenge == ChallengeNever:
		return true, nil
	}
	if tripped, err := s.tripped(ctx, site); err != nil || tripped {
		return false, err
	}
	most, err := s.most(ctx, st)
	if err != nil {
		return false, err
	}
	wait, err := s.take(ctx, "", store.Bucket{Name: "calm/" + site, Limits: []store.Limit{{N: most, Per: calmPer}}})
	return err == nil && wait == 0, err
}

// Trip makes a site ask everybody for a challenge, for an hour: its form is being abused. While it is tripped that does not begin anew.
func (s *Service) StartSurge(ctx context.Context, site string) error {
	if _, ok := s.sites[site]; !ok {
		return fmt.Errorf("%w: %s", ErrUnknownSite, site)
	}
	if _, err := s.Store.SetNX(ctx, "trip/"+site, []byte("tripped"), tripFor); err != nil {
		return err
	}
	s.weather[site].trip(true, s.Now())
	return nil
}

// tripped asks the store, but not always.
func (s *Service) tripped(ctx context.Context, site string) (bool, error) {
	w, now := s.weather[site], s.Now()
	w.mu.Lock()
	tripped, known := w.tripped, now.Before(w.trippedUntil)
	w.mu.Unlock()
	if known {
		return tripped, nil
	}
	held, err := s.Store.Get(ctx, "trip/"+site)
	if err != nil {
		return false, err
	}
	w.trip(held != nil, now)
	return held != nil, nil
}

func (w *weather) trip(tripped bool, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tripped, w.trippedUntil = tripped, now.Add(tripKnown)
}

// most is how many signups in calmPer are not too many. One caller at a time finds out; meanwhile the others go by what was known.
func (s *Service) most(ctx context.Context, st Site) (int, error) {
	if st.NormalSignups > 0 {
		return calmTimes * st.NormalSignups, nil
	}
	w, now := s.weather[st.ID], s.Now()
	w.mu.Lock()
	most, known := max(w.most, calmLeast), now.Before(w.mostUntil)
	if !known {
		w.mostUntil = now.Add(calmPer)
	}
	w.mu.Unlock()
	if known {
		return most, nil
	}
	today := now.UTC()
	counted, err := s.Store.Counts(ctx, st.ID, today.AddDate(0, 0, -calmDays).Format(time.DateOnly), today.AddDate(0, 0, -1).Format(time.DateOnly))
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.mostUntil = time.Time{}
		return 0, err
	}
	var signups int64
	for _, c := range counted {
		if c.Name == consent.CountSignups {
			signups += c.N
		}
	}
	w.most = max(calmLeast, int(calmTimes*signups/int64(calmDays*24*time.Hour/calmPer)))
	return w.most, nil
}

// declined counts a decline, and trips the site where there are too many: somebody signs up people who do not want it. The decline
// itself is no worse for a failure here.
func (s *Service) declined(ctx context.Context, site string) {
	b := store.Bucket{Name: "declines/" + site, Limits: []store.Limit{tooManyDeclines()}}
	if wait, err := s.take(ctx, "", b); err == nil && wait > 0 {
		_ = s.StartSurge(ctx, site)
	}
}
