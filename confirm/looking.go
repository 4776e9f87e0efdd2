package confirm

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// MaxLookup is how many addresses one LookupAll takes.
const MaxLookup = 1000

// lookups is how many addresses are looked up at once.
const lookups = 16

// Lookup answers the website's question: what is known of this address here? store.ErrNotFound if nothing is.
func (s *Service) Lookup(ctx context.Context, site string, a address.Address) (consent.Status, error) {
	return s.lookup(ctx, site, a, time.Time{})
}

// LookupAt answers as Lookup does, of the past: from what is kept as evidence of each act. Status.Complete says whether all of
// what ended before then is still known. Of somebody erased, and of records that have expired, nothing is.
func (s *Service) LookupAt(ctx context.Context, site string, a address.Address, at time.Time) (consent.Status, error) {
	return s.lookup(ctx, site, a, at)
}

// LookupAll answers Lookup for many addresses, in their order, or LookupAt if there is a time; nil where nothing is known.
func (s *Service) LookupAll(ctx context.Context, site string, all []address.Address, at time.Time) ([]*consent.Status, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	found, next := make([]*consent.Status, len(all)), make(chan int)
	var workers sync.WaitGroup
	for range min(lookups, len(all)) {
		workers.Go(func() {
			for i := range next {
				st, err := s.lookup(ctx, site, all[i], at)
				if err == nil {
					found[i] = &st
				} else if !errors.Is(err, store.ErrNotFound) {
					cancel(err)
				}
			}
		})
	}
	for i := range all {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	return found, context.Cause(ctx)
}

// lookup is LookupAt; the zero time is now.
func (s *Service) lookup(ctx context.Context, site string, a address.Address, at time.Time) (consent.Status, error) {
	key, err := s.locate(ctx, site, a)
	if err != nil {
		return consent.Status{}, err
	}
	r, err := s.Store.Find(ctx, key)
	if err != nil {
		return consent.Status{}, err
	}
	st, err := s.status(ctx, r, at)
	if err == nil && st.Email == "" {
		st.Email = a.String()
	}
	return st, err
}

// status is what a website is told of a record, now or at a time; store.ErrNotFound if there is nothing to tell.
func (s *Service) status(ctx context.Context, r store.Record, at time.Time) (consent.Status, error) {
	sub, err := s.vault.open(r)
	if err != nil {
		return consent.Status{}, err
	}
	when, whole := s.Now(), true
	if !at.IsZero() {
		when = at
		sub, whole = sub.AsOf(at)
	}
	st := sub.Status(r.Key.ID, when)
	if st.State == "" && whole {
		return consent.Status{}, store.ErrNotFound
	}
	if !at.IsZero() {
		st.AsOf, st.Complete = &at, &whole
		return st, s.word(ctx, st.Purposes)
	}
	return st, s.finish(ctx, &sub, &st)
}
