package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/optin/optin/store"
)

func keeping() []testCase {
	return []testCase{
		{"ATextIsKeptUnderItsSum", kept},
		{"ATextUnderAnotherSumIsRefused", wrongSum},
		{"AGoodStoreIsReady", ready},
	}
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

func kept(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	texts := [][]byte{[]byte("Recevoir la lettre mensuelle de La Gazette"), noise(100 << 10), {0}, {}}
	for _, text := range texts {
		_, err := s.Text(t.Context(), sum(text))
		want(t, "a text not yet kept", err, store.ErrNotFound)
		for range 2 { // the second time changes nothing
			if err := s.PutText(t.Context(), sum(text), text); err != nil {
				t.Fatalf("keeping %d bytes: %v", len(text), err)
			}
		}
	}
	other := open(t)
	for _, text := range texts {
		if got, err := other.Text(t.Context(), sum(text)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("of %d bytes %d came back, %v", len(text), len(got), err)
		}
	}
}

func wrongSum(t *testing.T, open func(*testing.T) store.Store) {
	s, text := open(t), []byte("text")
	for _, wrong := range []string{sum([]byte("other")), strings.ToUpper(sum(text)), sum(text)[:63], ""} {
		want(t, "keeping under "+wrong, s.PutText(t.Context(), wrong, text), store.ErrInvalid)
	}
	_, err := s.Text(t.Context(), sum([]byte("other")))
	want(t, "what was refused", err, store.ErrNotFound)
}

func ready(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for range 2 {
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("not ready: %v", err)
		}
	}
}
