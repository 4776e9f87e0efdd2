package admin

import (
	"fmt"
	"math"

	"github.com/optin/optin/confirm"
)

// wording is a text that was put to people about one purpose in one language: about is the same for those that can be
// compared.
type wording struct {
	about, label string
	confirm.Part
}

// compareWordings says of the two most shown wordings of each purpose and language whether they differ by more than
// chance. All are the most shown first.
func compareWordings(all []wording) (says []string) {
	first := map[string]wording{}
	done := map[string]bool{}
	for _, w := range all {
		a, known := first[w.about]
		switch {
		case !known:
			first[w.about] = w
		case !done[w.about]:
			done[w.about] = true
			says = append(says, compare(a, w))
		}
	}
	return says
}

// compare says which of two wordings was confirmed more often, and whether that could be chance: by a test of two
// proportions, at one in twenty. It says nothing of a cause: they were shown at different times, perhaps to others.
func compare(a, b wording) string {
	counted := fmt.Sprintf("%s was confirmed by %s of %d, %s by %s of %d. ", a.label,
		percentOrNone(a.Part), a.Signups, b.label, percentOrNone(b.Part), b.Signups)
	switch chance(a.Part, b.Part) {
	case tooFew:
		return counted + "That is too few to tell them apart."
	case notParts:
		return counted + "Some confirmations are of signups before this time, so the two cannot be compared."
	case couldBeChance:
		return counted + "The difference could be chance."
	}
	return counted + "Chance alone makes a difference this large less than once in twenty times; that they were " +
		"shown at other times or to other people may."
}

func percentOrNone(p confirm.Part) string {
	if p.Confirmations == 0 {
		return "none"
	}
	if text := percentOf(p.Confirmations, p.Signups); text != "" {
		return text
	}
	return fmt.Sprint(p.Confirmations)
}

// difference is what can be said of two proportions.
type difference int

const (
	tooFew difference = iota
	notParts
	couldBeChance
	unlikely
)

func chance(a, b confirm.Part) difference {
	m, n := float64(a.Signups), float64(b.Signups)
	if a.Confirmations > a.Signups || b.Confirmations > b.Signups {
		return notParts
	}
	const least = 5 // that the normal distribution comes near
	p := float64(a.Confirmations+b.Confirmations) / max(1, m+n)
	if min(m, n)*min(p, 1-p) < least {
		return tooFew
	}
	z := (float64(a.Confirmations)/m - float64(b.Confirmations)/n) / math.Sqrt(p*(1-p)*(1/m+1/n))
	if math.Abs(z) < 1.96 {
		return couldBeChance
	}
	return unlikely
}
