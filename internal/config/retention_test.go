package config

import (
	"strings"
	"testing"
	"time"
)

func TestHowLongProofIsKept(t *testing.T) {
	const year = 8766 * time.Hour
	for text, want := range map[string]Retention{
		"":                                       {30 * 24 * time.Hour, 3 * year},
		"retention: {profile: default}":          {30 * 24 * time.Hour, 3 * year},
		"retention: {profile: de_phone}":         {30 * 24 * time.Hour, 5 * year},
		"retention: {profile: de_phone, ip: 7d}": {7 * 24 * time.Hour, 5 * year},
		"retention: {evidence: 24mo, ip: 1d}":    {24 * time.Hour, 2 * year},
		"retention: {evidence: 10y}":             {30 * 24 * time.Hour, 10 * year},
	} {
		with := strings.Replace(contract, "metrics: {listen: 127.0.0.1:9090}", text, 1)
		c, err := Parse("etc/optin.yaml", []byte(with), variables, refusing(t), "en", "fr")
		if err != nil || c.Retention != want {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
}
