package address

import (
	"slices"

	"github.com/optin/optin/internal/typo"
)

// minSuggested is the length of the shortest domain that is suggested: the neighbours of shorter ones are words.
const minSuggested = len("aol.com")

// NearMiss returns the well-known domain that the domain of the address differs from by one typing error: a character
// that is missing, doubled, wrong, or swapped with its neighbour. It returns "" if there is none, and for a domain that
// is well known itself. Whether the domain takes mail, and so was meant, is not known here.
func (a Address) NearMiss() string {
	if a.IsZero() || a.IsLarge() {
		return ""
	}
	i := slices.IndexFunc(large, func(d string) bool { return len(d) >= minSuggested && typo.OneSlip(a.domain, d) })
	if i < 0 {
		return ""
	}
	return large[i]
}

// At returns the address with the same local part at another domain; ErrInvalid if that makes none.
func (a Address) At(domain string) (Address, error) { return Parse(a.local + "@" + domain) }
