package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
		var got formWords
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

// The purposes are those of the signup's evidence, in a language that the site has.
func TestAFormOnAnotherPageAsksWhatTheSiteAsks(t *testing.T) {
	e := newEnv(t, func(o *Options) {
		g := o.Sites["gazette"]
		g.Show.ChildTexts = map[string]map[string]string{
			"en": {"Receive letter": "We write to you."}, "fr": {"Receive letter": "On t’écrit."},
		}
		o.Sites["gazette"] = g
	})
	for query, want := range map[string]formPurpose{
		"?locale=en":    {ID: "letter", Text: "Receive letter", TextChild: "We write to you.", Lang: "en"},
		"?locale=fr-CA": {ID: "letter", Text: "Recevoir letter", Lang: "fr"},
		"?locale=ar":    {ID: "letter", Text: "Receive letter", TextChild: "We write to you.", Lang: "en"},
	} {
		var got formWords
		e.send("GET", "/v1/sites/gazette/words"+query, "").read(e, http.StatusOK, &got)
		if len(got.Purposes) != 1 || (got.Dir == "rtl") != (got.Locale == "ar") {
			t.Fatalf("%s: %+v", query, got)
		}
		statement := e.send("GET", got.Purposes[0].Statement, "")
		if statement.status != 200 || !strings.Contains(statement.body, want.Text) {
			t.Errorf("%s: its statement: %d %s", query, statement.status, statement.body)
		}
		got.Purposes[0].Statement = ""
		if d := cmp.Diff(want, got.Purposes[0]); d != "" {
			t.Error(query, d)
		}
	}
}
