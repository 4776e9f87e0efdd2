package confirm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// putEvery is how often the store is given a text that it should have: after a store has lost everything, it has the
// text again by then.
const putEvery = time.Minute

// texts remembers the texts of statements by their hashes, and has the store keep them.
type texts struct {
	store  store.Texts
	now    func() time.Time
	known  sync.Map // hash -> text
	stored sync.Map // hash -> time.Time of the last put
}

func newTexts(s store.Texts, now func() time.Time) *texts { return &texts{store: s, now: now} }

func (t *texts) add(text string) { t.known.Store(sha256Hex(text), text) }

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// put makes sure that a text is in the store before a record names its hash.
func (t *texts) put(ctx context.Context, text string) (sum string, err error) {
	sum = sha256Hex(text)
	now := t.now()
	if at, ok := t.stored.Load(sum); ok && now.Sub(at.(time.Time)).Abs() < putEvery {
		return sum, nil
	}
	if err := t.store.PutText(ctx, sum, []byte(text)); err != nil {
		return "", fmt.Errorf("confirm: store a statement's text: %w", err)
	}
	t.stored.Store(sum, now)
	return sum, nil
}

// text returns the text of a hash.
func (t *texts) text(ctx context.Context, sum string) (string, error) {
	if text, ok := t.known.Load(sum); ok {
		return text.(string), nil
	}
	b, err := t.store.Text(ctx, sum)
	if errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("confirm: the store has lost the text %s", sum) // not wrapped: the record was found
	}
	if err != nil {
		return "", err
	}
	t.known.Store(sum, string(b))
	return string(b), nil
}

// fill fills in the texts of purposes.
func (t *texts) fill(ctx context.Context, purposes []consent.PurposeStatus) (err error) {
	for i := range purposes {
		if purposes[i].Text, err = t.text(ctx, purposes[i].TextSHA256); err != nil {
			return err
		}
	}
	return nil
}
