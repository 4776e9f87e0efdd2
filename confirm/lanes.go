package confirm

import (
	"fmt"
	"strings"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// Lanes of owed work, but for those of EmailQueues. What websites are told has a lane for each endpoint: Site.Tell.
const (
	// QueueEmailRetry has the letters that were tried before, and those that an earlier version of optin owed.
	QueueEmailRetry store.QueueName = "email/retry"
	// QueueEmailMaybeSent has the letters of which nobody knows whether a relay took them.
	QueueEmailMaybeSent store.QueueName = "email/maybe-sent"
	QueueExpire         store.QueueName = "expire"
)

// letterLanes is how many lanes EmailQueues are: a power of two.
const letterLanes = 16

// EmailQueues are the lanes of letters that were not tried yet. One domain's letters share a lane, so that many of them, to a domain
// that is slow or is being flooded, hold up one lane and not the letters to everybody else.
func EmailQueues() []store.QueueName {
	kinds := make([]store.QueueName, letterLanes)
	for i := range kinds {
		kinds[i] = letterLane(byte(i))
	}
	return kinds
}

func letterLane(n byte) store.QueueName {
	return store.QueueName(fmt.Sprintf("email/%x", n%letterLanes))
}

// letterLane is the lane of a letter to an address. It is read off a keyed hash, and so says nothing of the domain.
func (s *Service) letterLane(to address.Address) store.QueueName {
	return letterLane(s.Keyring.Sums("letter lane", to.Domain())[0][0])
}

// untried tells whether no relay was ever asked to take the letter of an entry.
func untried(e store.Job) bool {
	return e.Queue != QueueEmailMaybeSent && e.Queue != QueueEmailRetry && strings.HasPrefix(string(e.Queue), "email/")
}
