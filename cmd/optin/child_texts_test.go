package main

import (
	"net/url"
	"testing"

	"github.com/optin/optin/internal/config"
)

// "Newsletter" is a word of many languages.
func TestATextThatTwoLanguagesShareHasItsOwnWordsForChildrenInEach(t *testing.T) {
	own := map[string]string{"fr": "On t’écrit.", "de": "Wir schreiben dir."}
	face := templateSite(config.Site{
		URL: &url.URL{}, Controller: config.Controller{PrivacyURL: &url.URL{}},
		Purposes: []config.Purpose{{Text: map[string]string{"fr": "Newsletter", "de": "Newsletter"}, TextChild: own}},
	})
	for locale, want := range own {
		if got := face.ChildTexts[locale]["Newsletter"]; got != want {
			t.Errorf("%s: %q", locale, got)
		}
	}
}
