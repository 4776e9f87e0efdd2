package mailer

import (
	"strings"
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/templates"
)

func TestATextInAnotherLanguageThanItsEmailIsMarked(t *testing.T) {
	msg := confirm.Message{Type: consent.EmailConfirm, Locale: "oc",
		Purposes: []consent.PurposeStatus{{ID: "letter", Text: "La letra"}}}
	for language, want := range map[string]string{"fr": "oc", "oc": ""} {
		l := templateData(&msg, templates.Site{}, language).(templates.ConfirmEmail)
		if got := l.Purposes[0].Lang; got != want {
			t.Errorf("in an email in %s the text is marked %q, want %q", language, got, want)
		}
	}
}

func TestTheLastCheckRejectsAnythingIllFormed(t *testing.T) {
	good := "From: a@b.example\r\nTo: <c@d.example>\r\nSubject: x\r\n y\r\nDate: d\r\nMessage-ID: " +
		"<m>\r\nMIME-Version: 1.0\r\nContent-Type: t\r\n\r\nbody\r\n"
	if err := checkForm([]byte(good), false); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"a field of somebody's": {"Subject", "Bcc: eve@evil.example\r\nSubject"},
		"a field twice":         {"Subject", "To: <eve@evil.example>\r\nSubject"},
		"a field of no name":    {"Subject: x", "x"},
		"a field missing":       {"Date: d\r\n", ""},
		"a bare LF":             {"x\r\n y", "x\nBcc: eve@evil.example"},
		"a bare CR":             {"body", "bo\rdy"},
		"a NUL":                 {"body", "bo\x00dy"},
		"a smuggled dot":        {"body", "body\n.\nMAIL FROM:<eve@evil.example>"},
		"a long line":           {"body", strings.Repeat("x", 999)},
		"an 8-bit body":         {"body", "bödy"},
		"an 8-bit subject":      {"x\r\n", "ü\r\n"},
		"an 8-bit recipient":    {"<c@", "<ç@"},
		"no end":                {"body\r\n", "body"},
		"no body":               {"\r\n\r\nbody\r\n", "\r\n"},
	} {
		if err := checkForm([]byte(strings.Replace(good, change[0], change[1], 1)), false); err == nil {
			t.Errorf("%s went out", name)
		}
	}
	if err := checkForm([]byte(strings.Replace(good, "<c@", "<ç@", 1)), true); err != nil {
		t.Errorf("a recipient beyond ASCII, where that is possible: %v", err)
	}
	if err := checkForm([]byte(strings.Replace(good, "x\r\n", "ü\r\n", 1)), true); err == nil {
		t.Error("an 8-bit subject went out")
	}
}

func TestAFeedbackIDIsThreeWordsAndTheSender(t *testing.T) {
	for want, msg := range map[string]confirm.Message{
		"known:gazette:optin:x.example":    {Type: consent.EmailAlreadyConfirmed, Site: "gazette"},
		"confirm:gazette:optin:x.example":  {Type: consent.EmailConfirm, Site: "gazette"},
		"reminder:gazette:optin:x.example": {Type: consent.EmailConfirm, Site: "gazette", Reminder: true},
		"confirm:la-gazettecceveevilexample:optin:x.example": {Type: consent.EmailConfirm,
			Site: "la-gazette:\r\nBcc: eve@evil.example"},
	} {
		if got := feedbackID(&msg, "x.example"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAnEmailSaysWhetherItIsAReminderOrOneMayFollow(t *testing.T) {
	for _, msg := range []confirm.Message{{Type: consent.EmailConfirm},
		{Type: consent.EmailConfirm, Reminder: true}, {Type: consent.EmailConfirm, ReminderFollows: true}} {
		l, ok := templateData(&msg, templates.Site{}, "en").(templates.ConfirmEmail)
		if !ok || l.Reminder != msg.Reminder || l.Reminds != msg.ReminderFollows {
			t.Errorf("%+v says %+v", msg, l)
		}
	}
}
