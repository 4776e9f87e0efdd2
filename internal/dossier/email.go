package dossier

import (
	"context"

	"github.com/optin/optin/store"
)

// Email returns one email to a subscription that a relay took, by its id; store.ErrNotFound.
func (m *Maker) Email(ctx context.Context, key store.Key, id string) (Email, error) {
	d := &Dossier{}
	if err := m.emails(ctx, d, key); err != nil {
		return Email{}, err
	}
	for _, e := range d.Emails {
		if e.ID == id {
			return e, nil
		}
	}
	return Email{}, store.ErrNotFound
}
