package mailer

import (
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

func TestAFeedbackIDIsThreeWordsAndASender(t *testing.T) {
	for want, d := range map[string]confirm.Message{
		"known:gazette:optin:x.example":                      {Type: consent.JobKnownEmail, Site: "gazette"},
		"confirm:gazette:optin:x.example":                    {Type: consent.JobConfirmEmail, Site: "gazette"},
		"reminder:gazette:optin:x.example":                   {Type: consent.JobConfirmEmail, Site: "gazette", Reminder: true},
		"confirm:la-gazettecceveevilexample:optin:x.example": {Type: consent.JobConfirmEmail, Site: "la-gazette:\r\nBcc: eve@evil.example"},
	} {
		if got := feedbackID(d, "x.example"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
