package redis

import (
	"cmp"
	"context"

	"github.com/optin/optin/store"
)

// texts is the port store.Texts.
type texts struct{ *connection }

// PutText keeps a text for ever.
func (s texts) PutText(ctx context.Context, sum string, text []byte) error {
	if err := store.CheckText(sum, text); err != nil {
		return err
	}
	_, err := s.doOne(ctx, command{plain: []any{"set", textKey(sum), string(text), "nx"}})
	return err
}

// Text returns a text.
func (s texts) Text(ctx context.Context, sum string) ([]byte, error) {
	value, err := s.doOne(ctx, get(textKey(sum)))
	if err == nil && value == nil {
		err = cmp.Or(s.stillMarked(ctx, s.allShards()...), store.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return []byte(text(value)), nil
}
