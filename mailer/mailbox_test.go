package mailer_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// The limit on letters holds for a mailbox, in however many spellings strangers sign it up.
func TestAMailboxGetsNoMoreLettersForBeingSpelledDifferently(t *testing.T) {
	r := startRelay(t)
	o := openOffice(t, r.addr)
	spellings := []string{"a.d.a@gmail.com", "ada@googlemail.com", "ADA+news@gmail.com"}
	for n := range 51 { // with those above, 50 letters and four that wait
		spellings = append(spellings, fmt.Sprintf("ada+%d@gmail.com", n))
	}
	var refused store.Job
	for n, address := range spellings {
		e := o.owe(address)
		settled, err := o.Run(t.Context(), e)
		var later interface{ RetryAfter() time.Duration }
		switch {
		case n < 50 && (!settled || err != nil):
			t.Fatalf("letter %d: settled %v, %v", n+1, settled, err)
		case n >= 50 && (!errors.As(err, &later) || later.RetryAfter() < 23*time.Hour):
			t.Fatalf("letter %d: settled %v, %v; want it to wait for a day", n+1, settled, err)
		}
		o.discreet(err)
		refused = e
	}
	if n := r.heard("DATA"); n != 50 {
		t.Fatalf("%d letters left, want 50", n)
	}
	o.sends(o.owe("ada@example.org")) // somebody else's mailbox
	o.later(24 * time.Hour)
	o.sends(refused)
}

// A letter that the relay puts off has its place, and does not take another with each try.
func TestALetterThatIsPutOffTakesOnePlace(t *testing.T) {
	r := startRelay(t)
	r.say = func(s step) string {
		if s.verb == "RCPT" && s.nth <= 60 {
			return "450 4.2.0 greylisted"
		}
		return ""
	}
	o := openOffice(t, r.addr)
	e := o.owe("ada@example.org")
	for range 60 {
		if _, err := o.Run(t.Context(), e); err == nil || o.line()["code"] != 450.0 {
			t.Fatalf("%v, %v; want it put off by the relay", err, o.line())
		}
		o.later(15 * time.Minute) // for as long as its domain may rest
	}
	o.sends(e)
}
