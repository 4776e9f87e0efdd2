package templates

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"sync"
	"time"
)

// Dossier is everything that proves what one person agreed to, to be read and printed by somebody who knows nothing of
// optin. It is a file: its style is in it, it loads nothing, and has no link that works for the person alone.
type Dossier struct {
	Site       Site
	Subject    string // the address in full, or the id of a person who was erased
	Made       time.Time
	Purposes   []Purpose   // with State and Since
	Statements []Statement // each as it was shown
	Steps      []Step      // oldest first
	Emails     []SentEmail
	Receipts   []ProofText
	Log        []LogEntry
	HowToCheck string // plain text, in English
}

// Step is one thing that happened.
type Step struct {
	At       time.Time
	Action   string   // as the API names it
	Count    int      // how often, where that is more than once; else 0
	Purposes []string // what it is about, in the words of each
	Seen     Facts    // what the service saw itself
	Said     Facts    // what the website says
}

// Facts is what is known of one step. What is empty is not shown.
type Facts struct {
	Method    string    // as the API names it
	How       []string  // in words from outside
	At        time.Time // where it differs from that of the step
	Page      string    // where the form was
	IP        string
	UserAgent string
	Origin    string
	Reply     string   // the words of a mail system
	MessageID string   // of the email that it is about
	SHA256    string   // of that email
	Receipt   string   // its id
	Told      []string // which event the website was told, and where
	Words     []string // that were shown
}

// SentEmail is one email that a relay took, as it looked.
type SentEmail struct {
	At                      time.Time // when it was taken
	From, To, Date, Subject string    // of its header; empty where the email cannot be made again
	MessageID, Reply        string
	SHA256, EMLSHA256       string
	Signature               string // the fields that signed it
	Text                    string // its words, with the SHA-256 of the token in each link
}

// ProofText is a text to be checked by a program, and its name.
type ProofText struct{ Name, Text string }

// LogEntry is one entry of the consent log.
type LogEntry struct {
	Index               int64
	Record, Salt, Proof string
}

func (Dossier) name() string      { return "dossier" }
func (d Dossier) site() Site      { return d.Site }
func (Dossier) actions() []string { return nil }

// IsEmpty reports whether nothing is known.
func (f Facts) IsEmpty() bool {
	return f.Method+f.Page+f.IP+f.UserAgent+f.Origin+f.Reply+f.MessageID+f.SHA256+f.Receipt == "" && f.At.IsZero() &&
		len(f.How)+len(f.Words)+len(f.Told) == 0
}

// stepActions lists the actions that have words of their own; those of the others are of states, or their names.
func stepActions() []string {
	return []string{
		"asked", "renewed", "unanswered", "email_queued", "email_tried", "email_taken", "email_reported", "confirmed",
		"objected", "unblocked", "superseded", "renewal_asked", "validity_ended", "told", "erased",
		"copy_asked", "erase_asked", "copied",
	}
}

// stepMethods lists the methods that have words of their own. Of the others the action says all.
func stepMethods() []string {
	return []string{"hosted_form", "form", "api", "link_post", "same_browser", "one_click", "server", "complaint"}
}

// action returns what happened, in words.
func (t *translation) action(name string) string {
	same := map[string]string{
		"email_resent": "email_queued", "email_reminder": "email_queued", "email_notice": "email_queued",
		"email_bounced": "email_reported",
	}
	if like := same[name]; like != "" {
		name = like
	}
	switch {
	case slices.Contains(stepActions(), name):
		return t.text("step." + name)
	case slices.Contains(states(), name):
		return t.text("state." + name)
	}
	return name
}

// method returns how something was done, in words; empty if the action says it.
func (t *translation) method(name string) string {
	if !slices.Contains(stepMethods(), name) {
		return ""
	}
	return t.text("method." + name)
}

// dossierStyle is the style of a dossier: that of all pages, and its own.
var dossierStyle = sync.OnceValue(func() string {
	all := assets()
	return string(all["optin.css"].content) + string(all["dossier.css"].content)
})

// DossierStyleSource is the source of a Content-Security-Policy that allows the style in a dossier, and no other.
func DossierStyleSource() string {
	sum := sha256.Sum256([]byte(dossierStyle()))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
