package confirm

import (
	"context"
	"strings"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// What a website's servers do with one subscription, by its id. Each answers store.ErrNotFound where nothing is known under it.

// ByID is one subscription.
func (s *Service) ByID(ctx context.Context, site, id string) (consent.Status, error) {
	r, err := s.record(ctx, site, id)
	if err != nil {
		return consent.Status{}, err
	}
	return s.status(ctx, r, time.Time{})
}

// Resend owes the letter of the latest open request again. Owed tells whether it is: not to who declined or has nothing open, nor
// where the limits on letters to one address allow none now. A *LimitError.
func (s *Service) Resend(ctx context.Context, site, id string) (owed bool, err error) {
	r, err := s.record(ctx, site, id)
	if err != nil {
		return false, err
	}
	d, err := s.spend(ctx, r.Key, s.nonce(16), consent.Resend{Terms: s.sites[site].Terms})
	return d.letter, err
}

// WithdrawFor takes back the named purposes, or all if none is named, because the person told the website.
func (s *Service) WithdrawFor(ctx context.Context, site, id string, purposes []string, e consent.Evidence) (consent.Status, error) {
	r, err := s.record(ctx, site, id)
	if err != nil {
		return consent.Status{}, err
	}
	e.How = consent.ByServer
	if _, err := s.act(ctx, r.Key, deed{Action: consent.Withdraw{Purposes: purposes, Evidence: s.stamp(e)}}); err != nil {
		return consent.Status{}, err
	}
	return s.Website.ByID(ctx, site, id)
}

// Erase forgets a person, but not that they declined or took a consent back.
func (s *Service) Erase(ctx context.Context, site, id string) error {
	r, err := s.record(ctx, site, id)
	if err != nil {
		return err
	}
	_, err = s.act(ctx, r.Key, deed{Action: consent.Erase{}})
	return err
}

// record is what is kept under an id, which anybody may have made up.
func (s *Service) record(ctx context.Context, site, id string) (store.Record, error) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if _, ok := s.sites[site]; !ok || len(id) != 22 || strings.Trim(id, letters) != "" {
		return store.Record{}, store.ErrNotFound
	}
	return s.Store.Find(ctx, store.Key{Site: site, ID: id})
}
