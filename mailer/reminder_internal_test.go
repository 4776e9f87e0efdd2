package mailer

import (
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/templates"
)

func TestALetterSaysWhetherItRemindsOrOneMayFollow(t *testing.T) {
	for _, d := range []confirm.Message{{Type: consent.JobConfirmEmail}, {Type: consent.JobConfirmEmail, Reminder: true}, {Type: consent.JobConfirmEmail, ReminderFollows: true}} {
		l, ok := content(d, templates.Site{}, "en").(templates.ConfirmEmail)
		if !ok || l.Reminder != d.Reminder || l.Reminds != d.ReminderFollows {
			t.Errorf("%+v says %+v", d, l)
		}
	}
}
