package config

import (
	"strings"
	"testing"
	"time"
)

func TestHowLongAConsentHolds(t *testing.T) {
	const day, year = 24 * time.Hour, 8766 * time.Hour
	for text, want := range map[string]Validity{
		"":                                      {},
		"validity: 24mo":                        {2 * year, 30 * day},
		"validity: 24mo\n    renew_before: 2mo": {2 * year, year / 6},
		"validity: 60d\n    renew_before: 59d":  {60 * day, 59 * day},
		"validity: 10y\n    renew_before: 1d":   {10 * year, day},
	} {
		with := strings.Replace(contract, "    link_ttl: 48h ", "    "+text+"\n    link_ttl: 48h ", 1)
		c, err := Parse("etc/optin.yaml", []byte(with), variables, refusing(t), "en", "fr")
		if err != nil || c.Sites[0].Validity != want {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
}

func TestAValidityThatCannotBeIsRefused(t *testing.T) {
	row := func(lines, want string) refusal {
		return refusal{"    link_ttl: 48h ", "    " + lines + "\n    link_ttl: 48h ", []string{want}}
	}
	const asked = "must be a number of days, months or years, such as 30d, 24mo or 3y"
	refuse(t, []refusal{
		row("validity: 59d", "23: sites[0].validity must be 60d to 10y"),
		row("validity: 11y", "23: sites[0].validity must be 60d to 10y"),
		row("validity: two years", "23: sites[0].validity "+asked),
		row("validity: 24m", "23: sites[0].validity "+asked),
		row("renew_before: 30d", "23: sites[0].renew_before is for consents that end; write validity: too, such as "+
			"24mo, or delete it"),
		row("validity: 24mo\n    renew_before: 12h", "24: sites[0].renew_before "+asked),
		row("validity: 60d\n    renew_before: 60d", "24: sites[0].renew_before must be shorter than validity"),
		row("validity: 60d\n    renew_before: 2mo", "24: sites[0].renew_before must be shorter than validity"),
	})
}
