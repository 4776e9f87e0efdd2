package templates

import (
	"cmp"
	"strconv"
	"time"
)

// AdminPending lists who is pending.
type AdminPending struct {
	Choices   []AdminChoice // by which the listing can be filtered
	Domain    string        // likewise
	Filtered  bool
	Continued bool // these are not the first
	Rows      []AdminPendingRow
	Read      int    // how many records were looked at
	Match     string // the filter, for a form
	Bulk      *AdminBulk
	Busy      bool   // the button that was pressed has done nothing: an act on all that match runs already
	Self      string // path of this very page
	First     string // paths of other pages; Next is empty if there is nothing older
	Next      string
	Done      *AdminResent // what the button that was pressed has done; nil: none was
	Now       time.Time
}

// AdminChoice is a filter whose values are known.
type AdminChoice struct {
	Name, Label string
	Options     []AdminOption
}

// AdminOption is one value of a filter.
type AdminOption struct {
	Value, Label string
	Chosen       bool
}

// AdminPendingRow is one person who is pending.
type AdminPendingRow struct {
	Name     string // as in a form: site, slash, id
	Path     string
	Address  string // masked; empty: the record does not open
	Site     string
	Purposes string
	Asked    time.Time
	Deadline time.Time // zero: unknown
	Emails   int
	Delivery string // see confirm.DeliveryState
	Words    string // of a relay or a mail system
	Next     string // when the email is tried next
}

// asked is at which site, and for what.
func (r AdminPendingRow) asked() string {
	if r.Purposes == "" {
		return r.Site
	}
	return r.Site + ": " + r.Purposes
}

// whoID is the id of the person in row i.
func whoID(i int) string { return "who-" + strconv.Itoa(i) }

// listing is the caption of what is listed, of which there may be a part before and one after it.
func listing(shown string, continued bool, next, older string) string {
	if continued {
		shown = "Further on: " + shown
	}
	if next != "" {
		shown += ", and " + older
	}
	return shown
}

// peopleListed is the caption of a listing of people who are pending.
func peopleListed(rows []AdminPendingRow, continued bool, next string) string {
	return listing(Count(len(rows), "person"), continued, next, "there may be more") +
		". Addresses are masked; a name leads to the person."
}

// AdminResent says what became of emails that were asked for once more.
type AdminResent struct {
	Act    string // see audit.Act; empty: resend
	Resent int
	Not    []AdminNotResent
}

// Says writes what was done, in two parts.
func (r AdminResent) Says() (all [2]string) {
	is, its := "They are", "s"
	if r.Resent == 1 {
		is, its = "It is", ""
	}
	switch {
	case r.Act == "erase":
		all[0] = Count(r.Resent, "person") + " erased."
	case r.Act == "try" && r.Resent == 0:
		all[0] = "No email became due."
	case r.Act == "try":
		all[0], all[1] = Count(r.Resent, "email")+" due now.", "A relay is offered what limits allow within seconds."
	case r.Resent == 0:
		all[0] = "No email will leave again."
	default:
		all = [2]string{
			Count(r.Resent, "email") + " will leave again.", is + " due now, with the same link" + its + " as before.",
		}
	}
	return all
}

// gotNone says who got none and why, each after a space.
func (r AdminResent) gotNone() string {
	var says string
	for _, not := range r.Not {
		says += " " + Count(not.N, "person") + " got none: " + NotDueInWords(not.Why) + "."
	}
	return says
}

// AdminNotResent says for how many people no email is due, and why: see consent.NotDue.
type AdminNotResent struct {
	Why string
	N   int
}

// AdminAsk asks once more before something is done to people.
type AdminAsk struct {
	Act           string
	Title         string // the question
	What          string // what happens then
	Button        string
	Danger        bool // it cannot be taken back
	People        []AdminAsked
	All           string // the act, if it is about all that match
	Match, Filter string // with All: the filter, for the form and in words; empty: everybody
	Matching      BoundedCount
	Read          int  // how many people were looked at to count them
	Possible      bool // for one of them, at least
	NeedsReason   bool
	ReasonMissing bool
	Back          string // path of the page from which it was asked
}

// AdminAsked is one person that an act is about.
type AdminAsked struct {
	Name    string // as in a form: site, slash, id
	Address string // masked; empty: nothing is known but that they declined or withdrew
	Site    string
	Note    string // why it is not possible now, say
}

// allThatMatch says whom an act on all that match is about.
func (p AdminPending) allThatMatch() string {
	if p.Filtered {
		return "All that match:"
	}
	return "All that match, which is everybody:"
}

func (AdminPending) admin() string { return "pending" }
func (AdminAsk) admin() string     { return "ask" }

// actClass is the class of the button of an act: usual, unless it cannot be taken back.
func actClass(danger bool, usual string) string {
	if danger {
		return "danger"
	}
	return usual
}

// orDash is a word, or a dash where there is none.
func orDash(word string) string { return cmp.Or(word, "–") }

// AdminPersonPath is the path of the page of one person.
func AdminPersonPath(site, id string) string { return "/admin/sites/" + site + "/people/" + id }

// left writes how much time is left, rounded down.
func left(now, until time.Time) string {
	switch d := until.Sub(now); {
	case d <= 0:
		return "none"
	case d < time.Minute:
		return "under a minute"
	default:
		return largestUnit(d)
	}
}

// DeliveryInWords writes how far the emails of a pending person have come. See confirm.DeliveryState.
func DeliveryInWords(state string) string {
	return wordsFor(map[string]string{
		"":              "Nothing is known",
		"taken":         "A relay took it",
		"untried":       "Not tried yet",
		"waiting":       "An email waits",
		"refused":       "Refused for now",
		"undeliverable": "The address takes no email",
		"recipient":     "The address takes no email",
		"mailbox":       "The mailbox is full or busy, or does not know us yet",
		"system":        "A server on the way does not answer",
		"sender":        "The relay objects to us",
		"flood":         "Forms flood this mailbox",
		"unknown":       "Refused, for no reason that is understood",
	}, state)
}

// lightOf returns the class of the light of a delivery state.
func lightOf(state string) string {
	switch state {
	case "taken":
		return "good"
	case "", "untried":
		return "off"
	case "sender", "flood", "recipient":
		return "bad"
	}
	return "warn"
}

// NotDueInWords writes why no email is due. See consent.NotDue.
func NotDueInWords(why string) string {
	return wordsFor(map[string]string{
		"declined":      "they said that it was not them, and want no emails",
		"confirmed":     "they have confirmed already",
		"nothing_open":  "what they were asked has expired, was withdrawn or cannot be delivered",
		"role_address":  "it is a role address, such as postmaster, which never gets one",
		"limit_reached": "they had as many emails as the limits allow for now",
		"unknown":       "they are not known any more",
		"none_waits":    "no email of theirs waits, or it is just being tried",
		"site_limit":    "the site, or the service, has sent as many as its limits allow",
	}, why)
}

// NotDueNow says why no email is due, and in which time one is; 0: at no time.
func NotDueNow(why string, in time.Duration) string {
	if in <= 0 {
		return "Not possible: " + NotDueInWords(why) + "."
	}
	return "Not yet: " + NotDueInWords(why) + ". Possible in " + DurationInWords(in) + "."
}
