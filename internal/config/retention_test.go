package config

import (
	"strings"
	"testing"
	"time"
)

func TestHowLongProofIsKept(t *testing.T) {
	const year = 8766 * time.Hour
	for text, want := range map[string]Retention{
		"":                                       {30 * 24 * time.Hour, 3 * year, 0},
		"retention: {profile: default}":          {30 * 24 * time.Hour, 3 * year, 0},
		"retention: {profile: de_phone}":         {30 * 24 * time.Hour, 5 * year, 0},
		"retention: {profile: de_phone, ip: 7d}": {7 * 24 * time.Hour, 5 * year, 0},
		"retention: {evidence: 24mo, ip: 1d}":    {24 * time.Hour, 2 * year, 0},
		"retention: {evidence: 10y}":             {30 * 24 * time.Hour, 10 * year, 0},
		"retention: {receipt_after_erasure: 0}":  {30 * 24 * time.Hour, 3 * year, 0},
		"retention: {receipt_after_erasure: 3y}": {30 * 24 * time.Hour, 3 * year, 3 * year},
	} {
		with := strings.Replace(contract, "metrics: {listen: 127.0.0.1:9090}", text, 1)
		c, err := Parse("etc/optin.yaml", []byte(with), variables, refusing(t), "en", "fr")
		if err != nil || c.Retention != want {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
}
