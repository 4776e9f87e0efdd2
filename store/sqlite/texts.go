package sqlite

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/optin/optin/store"
)

// texts is the port store.Texts.
type texts struct{ *database }

const (
	selectText = "SELECT text FROM texts WHERE sum = ?"
	putText    = "INSERT INTO texts (sum, text) VALUES (?, ?) ON CONFLICT (sum) DO NOTHING"
)

// PutText keeps a text. If the text is kept already it only reads, so it may be called for each signup.
func (s texts) PutText(ctx context.Context, sum string, text []byte) error {
	if err := store.CheckText(sum, text); err != nil {
		return err
	}
	until := s.deadline() // of both steps together
	if _, err := s.text(ctx, until, sum); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	text = bytes.Clone(text) // the call may go on after its caller has gone
	return s.write(ctx, until, func(t *transaction) error {
		_, err := t.exec(putText, sum, text)
		return err
	})
}

// Text returns a text.
func (s texts) Text(ctx context.Context, sum string) ([]byte, error) {
	return s.text(ctx, s.deadline(), sum)
}

func (s texts) text(ctx context.Context, until time.Time, sum string) ([]byte, error) {
	return read(ctx, until, s.database, func(c *conn) ([]byte, error) {
		row, err := c.first(selectText, sum)
		if row == nil && err == nil {
			err = store.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		return blob(row[0]), nil
	})
}
