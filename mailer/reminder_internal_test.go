package mailer

import (
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/templates"
)

func TestALetterSaysWhetherItRemindsOrOneMayFollow(t *testing.T) {
	for _, d := range []confirm.Draft{{Duty: confirm.DutyConfirm}, {Duty: confirm.DutyConfirm, Reminder: true}, {Duty: confirm.DutyConfirm, Reminds: true}} {
		l, ok := content(d, templates.Site{}, "en").(templates.ConfirmLetter)
		if !ok || l.Reminder != d.Reminder || l.Reminds != d.Reminds {
			t.Errorf("%+v says %+v", d, l)
		}
	}
}
