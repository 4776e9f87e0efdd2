package redis

import (
	"context"

	"github.com/optin/optin/store"
)

const textPrefix = "optin:text:"

// Keep keeps a text for ever under its sum.
func (s *Store) PutText(ctx context.Context, sum string, text []byte) error {
	if err := store.CheckText(sum, text); err != nil {
		return err
	}
	_, err := s.askOne(ctx, question{plain: []any{"set", textPrefix + sum, string(text), "nx"}})
	return err
}

// Kept returns a text.
func (s *Store) Text(ctx context.Context, sum string) ([]byte, error) {
	value, err := s.askOne(ctx, get(textPrefix+sum))
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, store.ErrNotFound
	}
	return []byte(text(value)), nil
}
