package typo_test

import (
	"testing"

	"github.com/optin/optin/internal/typo"
)

func TestASlipOfTheFingersIsOneChange(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"chekc", "check", true}, {"chck", "check", true}, {"checkk", "check", true}, {"chack", "check", true},
		{"heck", "check", true}, {"chec", "check", true}, {"hceck", "check", true},
		{"check", "check", false}, {"", "check", false}, {"hekc", "check", false}, {"cehkc", "check", false},
		{"serve", "check", false}, {"", "a", true}, {"", "", false}, {"ab", "ba", true}, {"abc", "cba", false},
	} {
		if typo.OneSlip(row.a, row.b) != row.want || typo.OneSlip(row.b, row.a) != row.want {
			t.Errorf("%q and %q: want %t", row.a, row.b, row.want)
		}
	}
}
