package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Texts keeps texts that people were shown, for ever, each under the SHA-256 of its bytes in lower-case hex.
type Texts interface {
	// PutText keeps a text. To keep it again changes nothing. It returns ErrInvalid if sum is not that of the text;
	// ErrUnavailable.
	PutText(ctx context.Context, sum string, text []byte) error

	// Text returns the text with that sum. It returns ErrNotFound if there is none; ErrUnavailable.
	Text(ctx context.Context, sum string) ([]byte, error)
}

// CheckText returns ErrInvalid, wrapped, if sum is not that of the text. Implementations of PutText call it.
func CheckText(sum string, text []byte) error {
	if is := sha256.Sum256(text); sum != hex.EncodeToString(is[:]) {
		return fmt.Errorf("%w text: %q is not its sum", ErrInvalid, sum)
	}
	return nil
}
