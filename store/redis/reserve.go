package redis

import (
	"context"
	"time"

	"github.com/optin/optin/store"
)

const cellPrefix = "optin:v:"

// Reserve keeps a value under a name unless another is kept there, which it then returns.
func (s *Store) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	if err := store.CheckCell(name, value, d); err != nil {
		return nil, err
	}
	held, err := s.askOne(ctx, question{
		script: reserveScript, keys: []string{cellPrefix + name}, args: []any{string(value), atLeast(d)},
	})
	if err != nil || held == nil {
		return nil, err
	}
	return []byte(text(held)), nil
}

// Held returns what is kept under a name, or nil.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	if err := store.CheckCellName(name); err != nil {
		return nil, err
	}
	held, err := s.askOne(ctx, get(cellPrefix+name))
	if err != nil || held == nil {
		return nil, err
	}
	return []byte(text(held)), nil
}

// Replace puts a value where exactly the old one is kept.
func (s *Store) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	if err := store.CheckCell(name, value, d); err != nil {
		return err
	}
	replaced, err := s.askOne(ctx, question{
		script: replaceScript, keys: []string{cellPrefix + name}, args: []any{string(old), string(value), atLeast(d)},
	})
	if err == nil && number(replaced) != 1 {
		return store.ErrChanged
	}
	return err
}

// atLeast is a duration in whole milliseconds, rounded up.
func atLeast(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }
