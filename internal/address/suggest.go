package address

import "slices"

// minSuggested is the length of the shortest domain that is suggested: the neighbours of shorter ones are words.
const minSuggested = len("aol.com")

// NearMiss returns the well-known domain that the domain of the address differs from by one slip of the fingers: a
// character that is missing, doubled, wrong, or in the place of its neighbour. It returns "" if there is none, and for a
// domain that is well known itself. Whether the domain takes mail, and so was meant, is not known here.
func (a Address) NearMiss() string {
	if a.IsZero() || a.IsLarge() {
		return ""
	}
	i := slices.IndexFunc(large, func(d string) bool { return len(d) >= minSuggested && oneSlip(a.domain, d) })
	if i < 0 {
		return ""
	}
	return large[i]
}

// At returns the address with the same local part at another domain; ErrInvalid if that makes none.
func (a Address) At(domain string) (Address, error) { return Parse(a.local + "@" + domain) }

// oneSlip reports whether two different texts become the same by inserting, removing or replacing one byte, or by
// swapping two that are neighbours.
func oneSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 || a == b {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	return swapped || a[i+1:] == b[i+1:]
}
