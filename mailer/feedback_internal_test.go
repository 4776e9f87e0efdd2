package mailer

import (
	"testing"

	"github.com/optin/optin/confirm"
)

func TestAFeedbackIDIsThreeWordsAndASender(t *testing.T) {
	for want, d := range map[string]confirm.Draft{
		"known:gazette:optin:x.example":                      {Duty: confirm.DutyKnown, Site: "gazette"},
		"confirm:gazette:optin:x.example":                    {Duty: confirm.DutyConfirm, Site: "gazette"},
		"reminder:gazette:optin:x.example":                   {Duty: confirm.DutyConfirm, Site: "gazette", Reminder: true},
		"confirm:la-gazettecceveevilexample:optin:x.example": {Duty: confirm.DutyConfirm, Site: "la-gazette:\r\nBcc: eve@evil.example"},
	} {
		if got := feedbackID(d, "x.example"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
