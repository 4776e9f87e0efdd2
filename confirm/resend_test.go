package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func TestALetterIsSentAgainWithTheSameLinkWithinTheLimits(t *testing.T) {
	d := newDesk(t)
	d.ask("ada@example.org", "letter")
	first := d.letter()
	id := d.id("ada@example.org")
	again := func(want bool) {
		t.Helper()
		if owed, err := d.Website.Resend(t.Context(), "gazette", id); err != nil || owed != want {
			t.Fatalf("owed %t, %v; want %t", owed, err, want)
		}
	}
	again(false) // 1 in 10 minutes
	d.letters(0)
	for range 2 {
		d.later(10 * time.Minute)
		again(true)
		if second := d.letter(); second.Confirm != first.Confirm || !second.Deadline.Equal(first.Deadline) {
			t.Errorf("another link: %+v", second)
		}
	}
	d.later(10 * time.Minute)
	again(false) // 3 in 24 hours
	if _, err := d.press(tokenOf(first.Confirm)); err != nil {
		t.Fatal(err)
	}
	d.later(25 * time.Hour)
	again(false) // nothing is open
	if _, err := d.Website.Resend(t.Context(), "gazette", "AAAAAAAAAAAAAAAAAAAAAA"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func TestWhoDeclinedGetsNoLetterAgain(t *testing.T) {
	d := newDesk(t)
	d.ask("ada@example.org", "letter")
	draft := d.letter()
	if _, err := d.Person.Decline(t.Context(), tokenOf(draft.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	d.later(time.Hour)
	if owed, err := d.Website.Resend(t.Context(), "gazette", d.id("ada@example.org")); err != nil || owed {
		t.Errorf("owed %t, %v", owed, err)
	}
}

func TestALetterThatNeverLeftIsOwedOnceWhenItIsAskedForAgain(t *testing.T) {
	d := newDesk(t)
	d.ask("ada@example.org", "letter")
	d.later(11 * time.Minute)
	if owed, err := d.Website.Resend(t.Context(), "gazette", d.id("ada@example.org")); err != nil || !owed {
		t.Fatalf("owed %t, %v", owed, err)
	}
	both := d.letters(2)
	if err := d.Relay.Delivered(t.Context(), both[0], consent.Delivery{Reply: "250 ok"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Relay.Message(t.Context(), both[1]); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("the second one: %v", err)
	}
}
