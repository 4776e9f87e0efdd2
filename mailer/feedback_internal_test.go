package mailer

import (
	"testing"

	"github.com/optin/optin/confirm"
)

func TestAFeedbackIDIsThreeWordsAndASender(t *testing.T) {
	for want, d := range map[string]confirm.Message{
		"known:gazette:optin:x.example":                      {Type: confirm.JobKnownEmail, Site: "gazette"},
		"confirm:gazette:optin:x.example":                    {Type: confirm.JobConfirmEmail, Site: "gazette"},
		"reminder:gazette:optin:x.example":                   {Type: confirm.JobConfirmEmail, Site: "gazette", Reminder: true},
		"confirm:la-gazettecceveevilexample:optin:x.example": {Type: confirm.JobConfirmEmail, Site: "la-gazette:\r\nBcc: eve@evil.example"},
	} {
		if got := feedbackID(d, "x.example"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
