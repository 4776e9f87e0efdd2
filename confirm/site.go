package confirm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// ErrUnknownSite says that the configuration has no such site.
var ErrUnknownSite = errors.New("confirm: no such site")

// Site is what the rules know of a website.
type Site struct {
	ID            string
	Locales       []string // the first is the default
	Purposes      []Purpose
	Terms         consent.Terms
	Challenge     Challenge
	NormalSignups int               // in ten minutes, nothing unusual; 0: what the last week says. For ChallengeInSurge
	EventQueues   []store.QueueName // each gets a job for every event
}

// Purpose is one thing a person can agree to, with its exact text in every language of the site.
type Purpose struct {
	ID   string
	Text map[string]string // by locale
}

// Purpose finds a purpose by its id.
func (s Site) Purpose(id string) (Purpose, bool) {
	for _, p := range s.Purposes {
		if p.ID == id {
			return p, true
		}
	}
	return Purpose{}, false
}

func textSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
