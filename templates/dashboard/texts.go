package dashboard

import (
	"net/url"
	"time"
)

// Texts is what a site puts to people in one of its languages: statements as they stand in the records by their
// hashes, and emails with canned data.
type Texts struct {
	ID, Name   string // of the site
	Lang, Dir  string // of the texts
	Unreviewed bool   // nobody has reviewed our words in this language
	Languages  []Language
	Statements []Statement
	Emails     []Sample
}

// Path is the page's own, in the site's first language.
func (p Texts) Path() string { return textsPath(p.ID) }

// Frame is the path of an email itself.
func (p Texts) Frame(e Sample) string {
	return "/admin/sites/" + p.ID + "/email?" + url.Values{"lang": {p.Lang}, "name": {e.Name}}.Encode()
}

func (Texts) name() string { return "texts" }

// Language is a language by its tag, and by its name in that language.
type Language struct{ Tag, Name string }

// Statement is what is put to people about a purpose.
type Statement struct {
	Purpose, Text, TextChild, SHA256 string
	Since                            time.Time // zero: not known yet
}

// Sample is an email with canned data.
type Sample struct {
	Name, Subject, Text string
	SHA256              string    // of what the site's emails of this kind have in common; empty: it sends none
	Since               time.Time // zero: none was sent yet
}

func textsPath(site string) string { return "/admin/sites/" + site + "/texts" }
