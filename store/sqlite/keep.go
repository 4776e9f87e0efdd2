package sqlite

import (
	"context"
	"errors"

	"github.com/optin/optin/store"
)

const (
	selectText = "SELECT text FROM texts WHERE sum = ?"
	keepText   = "INSERT INTO texts (sum, text) VALUES (?, ?) ON CONFLICT (sum) DO NOTHING"
)

// Keep keeps a text under its SHA-256. It only reads where the text is kept already, so it may be called for each signup.
func (s *Store) PutText(ctx context.Context, sum string, text []byte) error {
	if err := store.CheckText(sum, text); err != nil {
		return err
	}
	ctx, cancel := s.bounded(ctx) // both steps together
	defer cancel()
	if _, err := s.Text(ctx, sum); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	_, err := change(ctx, s, s.hard, func(tx transaction) (int64, error) { return tx.exec(keepText, sum, text) })
	return err
}

// Kept returns a text, or store.ErrNotFound.
func (s *Store) Text(ctx context.Context, sum string) ([]byte, error) {
	return read(ctx, s, func(ctx context.Context) ([]byte, error) {
		var text []byte
		err := s.reader.statements[selectText].QueryRowContext(ctx, sum).Scan(&text)
		if there, err := found(err); !there && err == nil {
			return nil, store.ErrNotFound
		}
		return text, err
	})
}
