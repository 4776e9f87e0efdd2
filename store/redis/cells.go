package redis

import (
	"context"
	"time"

	"github.com/optin/optin/store"
)

// cells is the port store.Cells.
type cells struct{ *connection }

// SetNX puts a value into a cell unless it holds another one, which it then returns.
func (s cells) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	if err := store.CheckCell(name, value, d); err != nil {
		return nil, err
	}
	current, err := s.doOne(ctx, command{
		script: setNXScript, keys: []string{cellKey(name)}, args: []string{string(value), decimal(milliUp(d))},
	})
	if err != nil || current == nil {
		return nil, err
	}
	return []byte(text(current)), nil
}

// Get returns the value that a cell holds, or nil.
func (s cells) Get(ctx context.Context, name string) ([]byte, error) {
	if err := store.CheckCellName(name); err != nil {
		return nil, err
	}
	current, err := s.doOne(ctx, get(cellKey(name)))
	if err != nil || current == nil {
		return nil, err
	}
	return []byte(text(current)), nil
}

// CompareAndSwap puts a value into a cell that holds exactly the old one.
func (s cells) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	if err := store.CheckCell(name, value, d); err != nil {
		return err
	}
	swapped, err := s.doOne(ctx, command{
		script: compareAndSwapScript, keys: []string{cellKey(name)},
		args: []string{string(old), string(value), decimal(milliUp(d))},
	})
	if err == nil && number(swapped) != 1 {
		return store.ErrChanged
	}
	return err
}

// milliUp returns a duration in whole milliseconds, rounded up.
func milliUp(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }
