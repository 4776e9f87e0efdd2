package redis

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestACellWhoseReplyIsLostIsTheCallersOwn(t *testing.T) {
	arm, good := lossy(t)
	mine, other, later := []byte("mine"), []byte("another's"), []byte("later")
	if current, err := arm().SetNX(t.Context(), "name", mine, time.Hour); current != nil || err != nil {
		t.Errorf("SetNX: %q, %v", current, err)
	}
	if current, err := arm().SetNX(t.Context(), "name", other, time.Hour); string(current) != "mine" || err != nil {
		t.Errorf("SetNX of another's cell: %q, %v", current, err)
	}
	if err := arm().CompareAndSwap(t.Context(), "name", mine, later, time.Hour); err != nil {
		t.Errorf("CompareAndSwap: %v", err)
	}
	if err := arm().CompareAndSwap(t.Context(), "name", mine, other, time.Hour); !errors.Is(err, store.ErrChanged) {
		t.Errorf("CompareAndSwap of an old value: %v, reply lost or not", err)
	}
	if err := good.CompareAndSwap(t.Context(), "name", mine, later, time.Hour); !errors.Is(err, store.ErrChanged) {
		t.Errorf("CompareAndSwap again: %v", err)
	}
	if current, err := good.SetNX(t.Context(), "name", other, time.Hour); string(current) != "later" || err != nil {
		t.Errorf("in the end there is %q, %v", current, err)
	}
}
