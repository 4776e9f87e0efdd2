package store

import (
	"context"
	"fmt"
	"time"
)

// Cells keeps small values that replicas agree on, each under a name and for a time. A name is a keyed hash, or
// something else that names nobody, of 1 to 128 bytes. A value has at most MaxBody bytes.
type Cells interface {
	// SetNX puts a value into a cell for d, unless the cell holds one. It returns nil if it put the value, or if the
	// cell holds this very value already; otherwise the value that the cell holds. So values that differ say whose
	// cell it is. It returns ErrInvalid for a name or value that cannot be, or if d is less than a millisecond;
	// ErrUnavailable.
	SetNX(ctx context.Context, name string, value []byte, d time.Duration) (current []byte, err error)

	// Get returns the value that a cell holds, or nil if it holds none. It returns ErrInvalid for a name that cannot
	// be; ErrUnavailable.
	Get(ctx context.Context, name string) ([]byte, error)

	// CompareAndSwap puts a value into a cell, for d from now on, if the cell holds exactly the old value. It returns
	// ErrChanged, and changes nothing, if the cell holds another value or none; ErrInvalid and ErrUnavailable as SetNX
	// does.
	CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error
}

// CheckCell returns ErrInvalid, wrapped, for a name, a value or a duration that a cell cannot have. Implementations of
// SetNX and CompareAndSwap call it.
func CheckCell(name string, value []byte, d time.Duration) error {
	if err := CheckCellName(name); err != nil {
		return err
	}
	switch {
	case len(value) > MaxBody:
		return fmt.Errorf("%w cell: a value of %d bytes, at most %d", ErrInvalid, len(value), MaxBody)
	case d < time.Millisecond:
		return fmt.Errorf("%w cell: a value for %v, at least 1ms", ErrInvalid, d)
	}
	return nil
}

// CheckCellName returns ErrInvalid, wrapped, for a name that a cell cannot have. Implementations of Get call it.
func CheckCellName(name string) error { return checkName("cell", name) }
