package confirm

import (
	"context"
	"errors"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// LimitError says that the site, or the whole service, has no letter left to send for now. Nothing was changed.
type LimitError struct {
	Wait time.Duration // until there may be one
}

func (*LimitError) Error() string { return "confirm: too many letters for now" }

// take takes one from every bucket, or from none, and then returns the longest wait.
func (s *Service) take(ctx context.Context, taker string, buckets ...store.Bucket) (wait time.Duration, err error) {
	waits, err := s.Store.Acquire(ctx, taker, buckets...)
	for _, w := range waits {
		wait = max(wait, w)
	}
	return wait, err
}

// budgets are the letters of a site, and those of the whole service.
func (s *Service) budgets(site string) (own, all store.Bucket) {
	return store.Bucket{Name: "budget/" + site, Limits: s.sites[site].Terms.EmailsPerSite}, store.Bucket{Name: "budget", Limits: s.Emails}
}

// spend carries out an act that may owe a letter, if the budgets allow one; else it answers a *LimitError. The letter's entry has the name,
// a nonce, under which its place is taken.
func (s *Service) spend(ctx context.Context, key store.Key, letter string, a consent.Action) (done, error) {
	own, all := s.budgets(key.Site)
	wait, err := s.take(ctx, letter, own, all)
	if err != nil {
		return done{}, err
	}
	if wait > 0 {
		return done{}, &LimitError{Wait: wait}
	}
	return s.act(ctx, key, deed{Action: a, letter: letter})
}

// told is the error of a rule of which a link's holder is told, nothing being changed; or nil.
func told(err error) error {
	for _, e := range []error{consent.ErrGone, consent.ErrExpired, consent.ErrDeclined, consent.ErrWithdrawn} {
		if errors.Is(err, e) {
			return e
		}
	}
	return nil
}
