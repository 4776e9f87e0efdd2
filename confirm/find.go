package confirm

import (
	"context"
	"errors"
	"strings"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// Find returns the keys of the subscriptions that a text names: the exact address of a person, at every site that knows
// it; the id of a subscription, as websites and log lines have it; or the Message-ID of an email. It returns none if
// nothing is known by that name.
func (o *Operator) Find(ctx context.Context, text string) (found []store.Key, err error) {
	text = strings.Trim(strings.TrimSpace(text), "<>")
	name, _, isAddress := strings.Cut(text, "@")
	if keys, err := o.findID(ctx, name); err != nil || len(keys) > 0 || !isAddress {
		return keys, err
	}
	a, err := address.Parse(text)
	if err != nil {
		return nil, nil //nolint:nilerr // what is no address is nobody's
	}
	for _, s := range o.Sites {
		key, err := o.locate(ctx, s.ID, a)
		if err != nil {
			return nil, err
		}
		sub, err := o.get(ctx, key)
		if err != nil {
			return nil, err
		}
		if !sub.Created.IsZero() {
			found = append(found, key)
		}
	}
	return found, nil
}

// findID finds a subscription by its id, or by the left side of the Message-ID of one of its emails, which begins with
// that.
func (o *Operator) findID(ctx context.Context, id string) (found []store.Key, err error) {
	if len(id) == messageIDLength {
		id = id[:messageIDLength/2]
	}
	if !store.IsID(id) {
		return nil, nil
	}
	for _, s := range o.Sites {
		key, err := o.follow(ctx, store.Key{Site: s.ID, ID: id})
		if err != nil {
			return nil, err
		}
		sub, err := o.get(ctx, key)
		if err != nil && !errors.Is(err, store.ErrInvalid) {
			return nil, err
		}
		if !sub.Created.IsZero() {
			found = append(found, key)
		}
	}
	return found, nil
}
