package confirm

import (
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// Site is what the service knows of a website.
type Site struct {
	ID            string
	Locales       []string // the first is the default
	Purposes      []Purpose
	Terms         consent.Terms
	EmailsPerSite []store.Limit     // to anybody
	EventQueues   []store.QueueName // one for each endpoint of the site
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
