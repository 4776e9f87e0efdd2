package confirm_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/token"
)

// What was lost with a store is told from what was never there, by when its link was mailed.
func TestALinkOfALostStoreSaysSo(t *testing.T) {
	lost := newEnv(t)
	lost.signUp("ada@example.org", "letter")
	older := tokenOf(lost.email().Confirm)

	var lostBefore time.Time
	now := openWith(t, filepath.Join(t.TempDir(), "optin.db"), func(o *confirm.Options) {
		o.LostBefore = func() time.Time { return lostBefore }
	}, "s")
	expect := func(signed string, want error) {
		t.Helper()
		v, err := now.Person.View(t.Context(), signed)
		if !errors.Is(err, want) || errors.Is(want, confirm.ErrLost) && v.Site != "gazette" {
			t.Errorf("looking: %+v, %v, want %v", v, err, want)
		}
		_, err = now.Person.Confirm(t.Context(), signed, nil, consent.Evidence{})
		if !errors.Is(err, want) {
			t.Errorf("confirming: %v, want %v", err, want)
		}
	}
	expect(older, token.ErrUnknown)
	lostBefore = lost.clock().Add(time.Hour)
	expect(older, confirm.ErrLost)
	now.later(30 * 24 * time.Hour)
	expect(older, confirm.ErrLost) // not "expired", which offers a new email

	now.signUp("grace@example.org", "letter")
	newer := tokenOf(now.email().Confirm)
	if _, err := now.Person.View(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	now.erase("grace@example.org")
	expect(newer, token.ErrUnknown)
}
