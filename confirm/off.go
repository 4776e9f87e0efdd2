package confirm

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/optin/optin/store"
)

// DisabledFor is for how long an endpoint that wants no more is left alone. Then an event may try whether that still holds.
const DisabledFor = 24 * time.Hour

// What the cell of a lane holds. "On" is kept only because asking keeps something; "off" has behind it whose it is.
const (
	cellOff = "off "
	cellOn  = "on"
)

const (
	onFor   = time.Minute // how long "on" is kept
	retries = 3           // of what somebody else changed at that moment
)

func cell(lane store.QueueName) string { return "webhook-off/" + string(lane) }

// Off tells whether an endpoint's lane is switched off, for all replicas and over restarts.
func (s *Service) Disabled(ctx context.Context, lane store.QueueName) (bool, error) {
	held, err := s.Store.SetNX(ctx, cell(lane), []byte(cellOn), onFor)
	return isOff(held), err
}

func isOff(held []byte) bool { return strings.HasPrefix(string(held), cellOff) }

// Disable switches an endpoint's lane off for DisabledFor; first is false if it is off already.
func (s *Service) Disable(ctx context.Context, lane store.QueueName) (first bool, err error) {
	ours := []byte(cellOff + s.nonce(16))
	for range retries {
		held, err := s.Store.SetNX(ctx, cell(lane), ours, DisabledFor)
		switch {
		case err != nil:
			return false, err
		case held == nil:
			return true, nil
		case isOff(held):
			return false, nil
		}
		if err := s.Store.CompareAndSwap(ctx, cell(lane), held, ours, DisabledFor); !errors.Is(err, store.ErrChanged) {
			return err == nil, err
		}
	}
	return false, store.ErrChanged
}

// switchOn ends what Disable began.
func (s *Service) switchOn(ctx context.Context, lane store.QueueName) error {
	held, err := s.Store.SetNX(ctx, cell(lane), []byte(cellOn), onFor)
	if err != nil || !isOff(held) {
		return err
	}
	err = s.Store.CompareAndSwap(ctx, cell(lane), held, []byte(cellOn), onFor)
	if errors.Is(err, store.ErrChanged) {
		return nil // somebody else was faster
	}
	return err
}
