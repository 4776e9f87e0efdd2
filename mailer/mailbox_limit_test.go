package mailer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// The limit on emails holds for a mailbox, however many spellings of it are signed up.
func TestSpellingAMailboxDifferentlyBringsNoMoreEmails(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr)
	spellings := []string{"a.d.a@gmail.com", "ada@googlemail.com", "ADA+news@gmail.com"}
	for n := range 51 { // with those above, 50 emails and four that wait
		spellings = append(spellings, fmt.Sprintf("ada+%d@gmail.com", n))
	}
	var refused store.Job
	for n, address := range spellings {
		job := env.signUp(address)
		ended, err := env.Run(t.Context(), job)
		switch {
		case n < 50 && (!ended || err != nil):
			t.Fatalf("email %d: ended %v, %v", n+1, ended, err)
		case n >= 50 && notBeforeOf(err) < 23*time.Hour:
			t.Fatalf("email %d: ended %v, %v; want it to wait for a day", n+1, ended, err)
		}
		env.noSecrets(err)
		refused = job
	}
	if n := r.heard("DATA"); n != 50 {
		t.Fatalf("%d emails left, want 50", n)
	}
	env.deliver(env.signUp("ada@example.org")) // somebody else's mailbox
	env.advance(24 * time.Hour)
	env.deliver(refused)
}

// An email that the relay puts off counts once, not with each attempt.
func TestAnEmailThatIsPutOffCountsOnceAgainstTheLimit(t *testing.T) {
	r := startRelay(t)
	r.change(func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" && s.nth <= 60 {
				return "450 4.2.0 greylisted"
			}
			return ""
		}
	})
	env := newEnv(t, r.addr)
	job := env.signUp("ada@example.org")
	for range 60 {
		if _, err := env.Run(t.Context(), job); err == nil || env.lastLog()["code"] != 450.0 {
			t.Fatalf("%v, %v; want it put off by the relay", err, env.lastLog())
		}
		env.advance(15 * time.Minute) // for as long as its domain may be paused
	}
	env.deliver(job)
}
