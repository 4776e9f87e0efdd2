package dashboard

import (
	"strconv"
	"time"
)

// Pending lists who is pending.
type Pending struct {
	Choices   []Choice // by which the listing can be filtered
	Domain    string   // likewise
	Filtered  bool
	Continued bool // these are not the first
	Rows      []PendingRow
	Read      int    // how many records were looked at
	Match     string // the filter, for a form
	Bulk      *Bulk
	Busy      bool   // the button that was pressed has done nothing: an act on all that match runs already
	Self      string // path of this very page
	First     string // paths of other pages; Next is empty if there is nothing older
	Next      string
	Done      *Resent // what the button that was pressed has done; nil: none was
	Now       time.Time
}

// allThatMatch says whom an act on all that match is about.
func (p Pending) allThatMatch() string {
	if p.Filtered {
		return "All that match:"
	}
	return "All that match, which is everybody:"
}

func (Pending) name() string { return "pending" }

// Choice is a filter whose values are known.
type Choice struct {
	Name, Label string
	Options     []Option
}

// Option is one value of a filter.
type Option struct {
	Value, Label string
	Chosen       bool
}

// PendingRow is one person who is pending.
type PendingRow struct {
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
func (r PendingRow) asked() string {
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
func peopleListed(rows []PendingRow, continued bool, next string) string {
	return listing(Count(len(rows), "person"), continued, next, "there may be more") +
		". Addresses are masked; a name leads to the person."
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

// lightOfDelivery returns the class of the light of a delivery state.
func lightOfDelivery(state string) string {
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
