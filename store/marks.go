package store

import (
	"context"
	"fmt"
	"time"
)

// Marks keeps the mark of a store: one small value that says which store this is, and since when. It is written once
// and lives as long as the data. So a store that has lost its data is told from one that never had any.
type Marks interface {
	// Mark returns the mark, nil if there is none. The data of an implementation may be in parts that can be lost one
	// by one, each with a copy of the mark: whole is false if some have a mark and others none. ErrUnavailable.
	Mark(ctx context.Context) (mark []byte, whole bool, err error)

	// SetMark puts a mark in the place of the old one; nil stands for none. It returns ErrChanged, and changes nothing,
	// if another mark is there. To put the mark that is there completes the parts that have none. ErrInvalid for an
	// empty mark, or one of more than MaxMark bytes; ErrUnavailable.
	SetMark(ctx context.Context, old, mark []byte) error

	// Newest returns how new the data was, by its own account, when Ready last looked: Ready notes in the data when it
	// was asked. So an earlier process can tell a later one what to expect. It asks nobody; zero: it is not known.
	Newest() time.Time

	// Empty reports whether there is no record, of any site. ErrUnavailable.
	Empty(ctx context.Context) (bool, error)
}

// MaxMark is the size limit of a mark, in bytes.
const MaxMark = 16 << 10

// CheckMark returns ErrInvalid, wrapped, for a mark that cannot be. Implementations of SetMark call it.
func CheckMark(mark []byte) error {
	if len(mark) == 0 || len(mark) > MaxMark {
		return fmt.Errorf("%w mark: it has %d bytes, 1 to %d are possible", ErrInvalid, len(mark), MaxMark)
	}
	return nil
}
