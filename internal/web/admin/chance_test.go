package admin

import (
	"testing"

	"github.com/optin/optin/confirm"
)

func TestADifferenceIsCalledOneOnlyIfChanceSeldomMakesIt(t *testing.T) {
	of := func(confirmed, signups int64) confirm.Part {
		return confirm.Part{Signups: signups, Confirmations: confirmed}
	}
	for name, row := range map[string]struct {
		a, b confirm.Part
		want difference
	}{
		"nothing":                    {of(0, 0), of(0, 0), tooFew},
		"one each":                   {of(1, 1), of(0, 1), tooFew},
		"few of one":                 {of(600, 1000), of(3, 6), tooFew},
		"a little":                   {of(60, 100), of(55, 100), couldBeChance},
		"nearly":                     {of(63, 100), of(50, 100), couldBeChance},
		"the same of many":           {of(6010, 10000), of(5900, 10000), couldBeChance},
		"much":                       {of(65, 100), of(50, 100), unlikely},
		"less than the other":        {of(50, 100), of(65, 100), unlikely},
		"a little, of many":          {of(6100, 10000), of(5900, 10000), unlikely},
		"those of earlier signups":   {of(11, 10), of(50, 100), notParts},
		"of earlier ones, the other": {of(50, 100), of(101, 100), notParts},
	} {
		if got := chance(row.a, row.b); got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
}
