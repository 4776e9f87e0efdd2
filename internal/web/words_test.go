package web

import (
	"net/http"
	"testing"
)

func TestAFormOnAnotherPageSpeaksThatPagesLanguage(t *testing.T) {
	e := newEnv(t)
	for _, row := range []struct{ query, header, locale, sending string }{
		{"?locale=de", "", "de", "Wird gesendet…"},
		{"?locale=de-AT", "fr", "de", "Wird gesendet…"},
		{"", "el-GR,el;q=0.9", "el", ""},
		{"?locale=pt-BR", "", "pt", ""},
		{"?locale=zh-Hans-CN", "fr-CA", "fr", "Envoi…"},
		{"?locale=tlh", "", "en", "Sending…"},
		{"", "", "en", "Sending…"},
	} {
		var got struct {
			Locale string
			Words  map[string]string
		}
		a := e.send("GET", "/v1/sites/gazette/words"+row.query, "", "Accept-Language", row.header,
			"Origin", "https://gazette.example")
		a.read(e, http.StatusOK, &got)
		if got.Locale != row.locale || a.header.Get("Content-Language") != row.locale ||
			row.sending != "" && got.Words["sending"] != row.sending || got.Words["email_invalid"] == "" {
			t.Errorf("%q, %q: %+v", row.query, row.header, got)
		}
	}
	if a := e.send("GET", "/v1/sites/nobody/words", ""); a.status != 404 || codeOf(t, a.body) != "site_unknown" {
		t.Errorf("%d %s", a.status, a.body)
	}
}
