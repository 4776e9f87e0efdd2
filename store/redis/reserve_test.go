package redis

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestAReservationWhoseReplyIsLostIsOnesOwn(t *testing.T) {
	arm, good := lossy(t)
	mine, other, later := []byte("mine"), []byte("another's"), []byte("later")
	if held, err := arm().SetNX(t.Context(), "name", mine, time.Hour); held != nil || err != nil {
		t.Errorf("reserving: %q, %v", held, err)
	}
	if held, err := arm().SetNX(t.Context(), "name", other, time.Hour); string(held) != "mine" || err != nil {
		t.Errorf("reserving what another has: %q, %v", held, err)
	}
	if err := arm().CompareAndSwap(t.Context(), "name", mine, later, time.Hour); err != nil {
		t.Errorf("replacing: %v", err)
	}
	if err := arm().CompareAndSwap(t.Context(), "name", mine, other, time.Hour); !errors.Is(err, store.ErrChanged) {
		t.Errorf("replacing what is replaced: %v, reply lost or not", err)
	}
	if err := good.CompareAndSwap(t.Context(), "name", mine, later, time.Hour); !errors.Is(err, store.ErrChanged) {
		t.Errorf("replacing again: %v", err)
	}
	if held, err := good.SetNX(t.Context(), "name", other, time.Hour); string(held) != "later" || err != nil {
		t.Errorf("in the end there is %q, %v", held, err)
	}
}
