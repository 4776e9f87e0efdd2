package confirm

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/optin/optin/store"
)

// OffFor is for how long an endpoint that wants no more is left alone. Then an event may try whether that still holds.
const OffFor = 24 * time.Hour

// What the cell of a lane holds. "On" is kept only because asking keeps something; "off" has behind it whose it is.
const (
	cellOff = "off "
	cellOn  = "on"
)

const (
	onFor   = time.Minute // how long "on" is kept
	retries = 3           // of what somebody else changed at that moment
)

func cell(lane store.Kind) string { return "webhook-off/" + string(lane) }

// Off tells whether an endpoint's lane is switched off, for all replicas and over restarts.
func (s *Service) Off(ctx context.Context, lane store.Kind) (bool, error) {
	held, err := s.Store.Reserve(ctx, cell(lane), []byte(cellOn), onFor)
	return isOff(held), err
}

func isOff(held []byte) bool { return strings.HasPrefix(string(held), cellOff) }

// SwitchOff switches an endpoint's lane off for OffFor; first is false if it is off already.
func (s *Service) SwitchOff(ctx context.Context, lane store.Kind) (first bool, err error) {
	ours := []byte(cellOff + s.nonce(16))
	for range retries {
		held, err := s.Store.Reserve(ctx, cell(lane), ours, OffFor)
		switch {
		case err != nil:
			return false, err
		case held == nil:
			return true, nil
		case isOff(held):
			return false, nil
		}
		if err := s.Store.Replace(ctx, cell(lane), held, ours, OffFor); !errors.Is(err, store.ErrLost) {
			return err == nil, err
		}
	}
	return false, store.ErrLost
}

// switchOn ends what SwitchOff began.
func (s *Service) switchOn(ctx context.Context, lane store.Kind) error {
	held, err := s.Store.Reserve(ctx, cell(lane), []byte(cellOn), onFor)
	if err != nil || !isOff(held) {
		return err
	}
	err = s.Store.Replace(ctx, cell(lane), held, []byte(cellOn), onFor)
	if errors.Is(err, store.ErrLost) {
		return nil // somebody else was faster
	}
	return err
}
