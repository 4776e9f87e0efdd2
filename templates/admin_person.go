package templates

import (
	"strings"
	"time"
)

// AdminPeople is the search for a person.
type AdminPeople struct {
	Asked bool // false: nothing was looked for yet
	Found []AdminFound
	Done  string // what the button that was pressed has done
}

// AdminFound is one subscription that was found.
type AdminFound struct {
	Path    string
	Address string // masked; empty: the person was erased
	Site    string
	State   string
}

// AdminPerson is everything that is known of one person at one site.
type AdminPerson struct {
	SiteName string
	ID       string
	Name     string // as in a form: site, slash, id
	Path     string // of the page
	Address  string // masked; empty: the person was erased
	State    string // in words, and its light
	Light    string
	Why      []string // where it stands and what comes next, in sentences
	Words    string   // of a relay or a mail system, which the last of Why is about

	Stages     []AdminStage
	Steps      []AdminStep // oldest first
	Purposes   []AdminPurpose
	Acts       []AdminAct
	HasReceipt bool
	Unopened   bool   // the record does not open: nothing but the id is known
	Done       string // what the button that was pressed has done
}

// AdminStage is a stage of the way from a signup to its answer.
type AdminStage struct {
	Label   string
	Class   string // done, failed or empty
	Current bool
}

// AdminStep is one thing that happened.
type AdminStep struct {
	At        time.Time
	Title     string
	Light     string
	Words     string // of a relay or a mail system
	Facts     []AdminFact
	EmailPath string // of the email that it is about, if that can be seen
}

// AdminFact is something that is known.
type AdminFact struct{ Label, Value string }

// AdminPurpose is where one purpose stands.
type AdminPurpose struct {
	ID, State, Light, Text string
	Since                  time.Time
	Until                  time.Time // when it ends by itself; zero: it does not
}

// validity says since when it stands there, and until when.
func (p AdminPurpose) validity() string {
	if p.Until.IsZero() {
		return "since " + moment(p.Since)
	}
	return "since " + moment(p.Since) + ", valid until " + moment(p.Until)
}

// AdminAct is something that can be done, or, with a Note, cannot.
type AdminAct struct {
	Act, Label, Note string
	Danger           bool
}

// AdminEmail is one email as it looked.
type AdminEmail struct {
	Address string // masked
	Back    string // path of the person
	Subject string // empty: the email cannot be made again
	Facts   []AdminFact
	Rebuilt bool   // it is proven to be what the relay took
	Frame   string // path of the email itself
}

func (AdminPeople) admin() string { return "people" }
func (AdminPerson) admin() string { return "person" }
func (AdminEmail) admin() string  { return "email" }

// precise writes a time in UTC, to the second.
func precise(at time.Time) string { return at.UTC().Format("2 Jan 2006, 15:04:05 UTC") }

// MethodInWords writes how an action was expressed. See consent.Method.
func MethodInWords(method string) string {
	return wordsFor(map[string]string{
		"hosted_form":  "optin’s own signup page",
		"form":         "a form of the website",
		"api":          "a call of the website",
		"link_post":    "the button behind the link in the email",
		"same_browser": "the browser that had signed up",
		"one_click":    "the unsubscribe button of a mail program",
		"smtp":         "a relay",
		"clock":        "time had passed",
		"server":       "the website’s servers, or an operator",
		"dsn":          "a report of a mail system",
		"complaint":    "a spam report",
		"revision":     "a newer revision of the purpose",
		"validity":     "the end of its validity",
		"renewal":      "a new confirmation",
	}, method)
}

// StepInWords writes what happened. See consent.StepAction.
func StepInWords(action string) string {
	return wordsFor(map[string]string{
		"asked":          "Signed up",
		"renewed":        "Asked for a new email, from an expired link",
		"unanswered":     "Signed up again; no email was due",
		"email_queued":   "An email became due",
		"email_resent":   "The email became due once more",
		"email_reminder": "A reminder became due",
		"email_notice":   "A notice became due: all of it was confirmed already",
		"email_tried":    "A relay did not take the email",
		"email_taken":    "A relay took the email",
		"email_reported": "Reported: the email did not arrive this time",
		"email_bounced":  "Reported: the email will never arrive",
		"confirmed":      "Confirmed",
		"declined":       "Said “this was not me”",
		"objected":       "Objected, as the website was told",
		"unblocked":      "Allowed emails again",
		"withdrawn":      "Withdrew",
		"superseded":     "A newer revision of the purpose ended the consent",
		"renewal_asked":  "The end of the validity came near, so the person is asked whether to renew it",
		"validity_ended": "The validity of the consent ended",
		"expired":        "The link expired",
		"undeliverable":  "The address takes no email",
		"told":           "The website was told",
		"erased":         "Erased",
		"copy_asked":     "Asked for a copy of the data, with the link that withdraws",
		"erase_asked":    "Asked to be erased, with the link that withdraws",
		"copied":         "Took the copy of the data",
	}, action)
}

// StateInWords writes a state. See consent.State.
func StateInWords(state string) string {
	return wordsFor(map[string]string{
		"pending": "Pending", "confirmed": "Confirmed", "declined": "Declined", "withdrawn": "Withdrawn",
		"expired": "Expired", "undeliverable": "Undeliverable", "erased": "Erased", "unreadable": "Does not open",
	}, state)
}

// wordsFor returns the words for a name, or for one that is not known the name as it is.
func wordsFor(words map[string]string, name string) string {
	if is, ok := words[name]; ok {
		return is
	}
	return strings.ReplaceAll(name, "_", " ")
}

// LightOfStep returns the class of the light of what happened.
func LightOfStep(action string) string {
	switch action {
	case "confirmed", "email_taken":
		return "good"
	case "email_tried", "email_reported", "expired", "superseded", "validity_ended", "withdrawn":
		return "warn"
	case "email_bounced", "undeliverable", "declined", "objected":
		return "bad"
	}
	return "off"
}

// LightOfState returns the class of the light of a state.
func LightOfState(state string) string {
	switch state {
	case "confirmed":
		return "good"
	case "pending":
		return "off"
	case "declined", "undeliverable", "unreadable":
		return "bad"
	}
	return "warn"
}
