package statement_test

import (
	"testing"

	"github.com/optin/optin/confirm/statement"
)

func TestTermsBesideABoxAreNoticed(t *testing.T) {
	for text, want := range map[string]bool{
		"Receive the letter and accept the Terms":                true,
		"I agree to the T&Cs and the letter":                     true,
		"J’accepte les CGV et la lettre":                         true,
		"Recevoir la lettre (voir conditions\n générales)":       true,
		"J’accepte les conditions d’utilisation":                 true,
		"Ich akzeptiere die AGB.":                                true,
		"Newsletter; es gelten die Nutzungsbedingungen":          true,
		"Receive the monthly letter of La Gazette":               false,
		"Be told when the midterms are counted":                  false,
		"Recevoir la lettre des CGVistes":                        false,
		"Den Brief an jedem dritten Montag erhalten (Abgabe AG)": false,
	} {
		if got := statement.MentionsTerms(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestPartnersWithoutANameAreNoticed(t *testing.T) {
	for text, want := range map[string]bool{
		"Receive offers of La Gazette and our partners":     true,
		"Recevoir les offres de nos\u00a0partenaires":       true,
		"Angebote von uns und unseren Partnern":             true,
		"Share my address with THIRD PARTIES":               true,
		"Weitergabe an Dritte":                              true,
		"Find a partner for the ball":                       false,
		"Recevoir la lettre mensuelle":                      false,
		"Den Brief an jedem dritten Montag erhalten":        false,
		"Be told of parties and open evenings of the house": false,
	} {
		if got := statement.MentionsPartners(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
