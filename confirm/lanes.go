package confirm

import (
	"fmt"
	"strings"

	"github.com/optin/optin/store"
)

// Lanes of owed work, but for those of LetterKinds. What websites are told has a lane for each endpoint: Site.Tell.
const (
	// KindAgain has the letters that were tried before, and those that an earlier version of optin owed.
	KindAgain store.Kind = "letter"
	// KindMaybe has the letters of which nobody knows whether a relay took them.
	KindMaybe store.Kind = "letter/maybe"
	KindClock store.Kind = "clock"
)

// letterLanes is how many lanes LetterKinds are: a power of two.
const letterLanes = 16

// LetterKinds are the lanes of letters that were not tried yet. One domain's letters share a lane, so that many of them, to a domain
// that is slow or is being flooded, hold up one lane and not the letters to everybody else.
func LetterKinds() []store.Kind {
	kinds := make([]store.Kind, letterLanes)
	for i := range kinds {
		kinds[i] = letterLane(byte(i))
	}
	return kinds
}

func letterLane(n byte) store.Kind { return store.Kind(fmt.Sprintf("letter/%x", n%letterLanes)) }

// letterLane is the lane of a letter to an address. It is read off a keyed hash, and so says nothing of the domain.
func (s *Service) letterLane(to Address) store.Kind {
	return letterLane(s.Ring.Sums("letter lane", to.domain)[0][0])
}

// untried tells whether no relay was ever asked to take the letter of an entry.
func untried(e store.Entry) bool {
	return e.Kind != KindMaybe && strings.HasPrefix(string(e.Kind), "letter/")
}
