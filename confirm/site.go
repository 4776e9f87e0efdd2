package confirm

import (
	"slices"
	"strings"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/store"
)

// Site is what the service knows of a website.
type Site struct {
	ID            string
	Name          string
	URL           string   // of the website
	Locales       []string // the first is the default
	Purposes      []Purpose
	Forms         map[string]bool // ids of its own forms: what else signups name is counted as other
	Controller    statement.Controller
	Notice        *statement.Notice // nil: none is named
	Terms         consent.Terms
	EmailsPerSite []store.Limit     // to anybody
	EventQueues   []store.QueueName // one for each endpoint of the site
}

// Purpose is one thing a person can agree to, with what is put to them in every language of the site. Maps are by
// locale.
type Purpose struct {
	ID         string
	Revision   int               // raising it ends older consents: the next signup asks again
	Text       map[string]string // the words beside the box
	TextChild  map[string]string // the same in words for children
	Recipients []string          // none: the controller alone
	Retention  map[string]string
	Objective  map[string]string
	Audience   map[string]string
	Frequency  map[string]string
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

// SameWords reports whether a website showed the words of a purpose as they are here, except for white space.
func (p Purpose) SameWords(locale, shown string) bool {
	return strings.Join(strings.Fields(shown), " ") == strings.Join(strings.Fields(p.Text[locale]), " ")
}

// Statement returns what is put to a person about a purpose in one language.
func (s Site) Statement(p Purpose, locale string) statement.Document {
	return statement.Document{
		Site: s.ID, SiteName: s.Name, Language: locale, Recipients: p.Recipients,
		Text: p.Text[locale], TextChild: p.TextChild[locale],
		Purpose: statement.Purpose{
			ID: p.ID, Revision: p.Revision, Objective: p.Objective[locale], Audience: p.Audience[locale],
			Frequency: p.Frequency[locale],
		},
		Controller: s.Controller, Retention: p.Retention[locale], Notice: s.Notice,
		Authority: statement.AuthorityOf(s.Controller.Country),
	}
}

// inOrder returns purposes in the order of the site. In a stranger's order, each order would make another wording of
// the email, and its skeleton is kept for ever.
func (s Site) inOrder(purposes []string) []string {
	place := func(id string) int {
		return slices.IndexFunc(s.Purposes, func(p Purpose) bool { return p.ID == id })
	}
	return slices.SortedStableFunc(slices.Values(purposes), func(a, b string) int { return place(a) - place(b) })
}

// revisions returns the revision of each purpose.
func (s Site) revisions() map[string]int {
	all := make(map[string]int, len(s.Purposes))
	for _, p := range s.Purposes {
		all[p.ID] = p.Revision
	}
	return all
}
