package confirm_test

import (
	"testing"

	"github.com/optin/optin/confirm/consent"
)

func TestARoleAddressGetsNoEmail(t *testing.T) {
	for to, emails := range map[string]int{
		"postmaster@example.org": 0, "Abuse@example.org": 0, "hostmaster@example.org": 0,
		"MAILER-DAEMON@example.org": 0, "noreply@example.org": 0, "no-reply@example.org": 0,
		"info@example.org": 1, "abuse+letters@example.org": 1, "postmasters@example.org": 1,
	} {
		env := newEnv(t)
		env.signUp(to, "letter")
		env.emails(emails)
		if got := env.state(to); got != consent.Pending { // as of anybody else
			t.Errorf("%s is %q", to, got)
		}
		due, _, err := env.Website.Resend(t.Context(), "gazette", env.id(to))
		if err != nil {
			t.Fatal(err)
		}
		if due {
			t.Errorf("%s is to get the email once more", to)
		}
	}
}
