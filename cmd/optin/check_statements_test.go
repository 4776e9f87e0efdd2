package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/config"
)

func TestCheckWarnsOfStatementsThatMayNotMakeAConsentValid(t *testing.T) {
	purpose := func(text string, recipients ...string) config.Purpose {
		return config.Purpose{ID: "letter", Text: map[string]string{"en": text}, Recipients: recipients}
	}
	const plain = "Receive the letter"
	for name, row := range map[string]struct {
		country string
		purpose config.Purpose
		want    []string // of the lines that are printed
	}{
		"fine": {"FR", purpose(plain), []string{"ok     statements     of 1 site(s)"}},
		"terms": {"FR", purpose("I accept the terms"), []string{
			"warn   statements     site gazette, purpose letter, in en", "speaks of terms",
		}},
		"unnamed partners": {"FR", purpose("Offers of our partners"), []string{
			"warn   statements", "partners who are not named", "recipients",
		}},
		"named partners": {"FR", purpose("Offers of our partners", "Acme"), []string{"ok     statements"}},
		"no authority": {"US", purpose(plain), []string{
			"warn   statements     site gazette\n", "No data protection authority of US",
		}},
		"everything at one": {"US", purpose("Terms, our partners"), []string{"speaks of terms", "not named", "of US"}},
		"asked late": {"FR", config.Purpose{ID: "late"}, []string{
			"site gazette\n", "less than a week", "renew_before",
		}},
	} {
		var out bytes.Buffer
		f := &findings{out: &out}
		site := config.Site{ID: "gazette", Purposes: []config.Purpose{row.purpose}}
		site.Validity = config.Validity{For: 700 * 24 * time.Hour, RenewBefore: 7 * 24 * time.Hour}
		if row.purpose.ID == "late" {
			site.Validity.RenewBefore--
		}
		site.Controller.Country = row.country
		f.checkStatements([]config.Site{site})
		for _, want := range row.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, out.String())
			}
		}
		if f.wrong != 0 || strings.Contains(out.String(), "warn") == strings.Contains(out.String(), "ok ") {
			t.Errorf("%s: %d wrong\n%s", name, f.wrong, out.String())
		}
	}
}
