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

// bucket is what a limit is counted in. Without limits nothing is.
type bucket struct {
	name   string
	limits []store.Limit
}

func (s *Service) take(ctx context.Context, b bucket, taker string) (wait time.Duration, err error) {
	if len(b.limits) == 0 {
		return 0, nil
	}
	return s.Store.Acquire(ctx, b.name, taker, b.limits...)
}

func (s *Service) giveBack(ctx context.Context, b bucket, taker string) error {
	if len(b.limits) == 0 {
		return nil
	}
	return s.Store.Return(ctx, b.name, taker)
}

// budgets are the letters of a site, and those of the whole service.
func (s *Service) budgets(site string) (own, all bucket) {
	return bucket{"budget/" + site, s.sites[site].Terms.EmailsPerSite}, bucket{"budget", s.Emails}
}

// spend carries out an act that may owe a letter, if the budgets allow one; else it answers a *LimitError. The letter's entry has the name,
// a nonce, under which its place is taken, so that it can be given back (refund). Whether the act owed one does not show in the time it took.
func (s *Service) spend(ctx context.Context, key store.Key, letter string, a consent.Action) (done, error) {
	own, all := s.budgets(key.Site)
	wait, err := s.take(ctx, own, letter)
	if err == nil && wait == 0 {
		if wait, err = s.take(ctx, all, letter); wait > 0 {
			err = s.giveBack(ctx, own, letter)
		}
	}
	if err != nil {
		return done{}, err
	}
	if wait > 0 {
		return done{}, &LimitError{Wait: wait}
	}
	d, err := s.act(ctx, key, deed{Action: a, letter: letter})
	if err != nil && told(err) == nil {
		return d, err // perhaps it was committed all the same: what was taken stays taken
	}
	if d.letter {
		s.feign(ctx, own, all)
	} else {
		s.refund(ctx, key.Site, letter)
	}
	return d, err
}

// refund gives back what a letter took of the budgets. Should that fail, the letter counts though it never left: that harms nobody, and
// the act that has been committed is no failure.
func (s *Service) refund(ctx context.Context, site, letter string) {
	own, all := s.budgets(site)
	_ = s.giveBack(ctx, own, letter)
	_ = s.giveBack(ctx, all, letter)
}

// feign asks as much of the store as giving back does, and changes nothing that counts. To give back what was never taken would not do: a store
// that syncs each write is quicker with what it need not write.
func (s *Service) feign(ctx context.Context, of ...bucket) {
	for _, b := range of {
		if len(b.limits) > 0 {
			_, _ = s.Store.Acquire(ctx, "spare-"+b.name, "", store.Limit{N: 1 << 20, Per: time.Second})
		}
	}
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
