package dashboard

import "time"

// Emails shows the emails that wait, or whose addresses take none, by their domains, relays and words.
type Emails struct {
	Choices                []Choice
	Domain                 string
	Filtered               bool
	Undeliverable          bool // these, and not those that wait
	Continued              bool // these are not the first
	Words, Domains, Relays []Group
	Rows                   []PendingRow
	Matching               int    // among those that were looked at
	Read                   int    // how many records were looked at
	Chosen                 []Fact // what of the filter is in no field
	Match                  string // the filter, for a form
	Self, First, Next      string // paths; Next is empty if there is nothing older
	Queues                 []Fact // what stands in the queues, of all emails
	Bulk                   *Bulk
	Busy                   bool
	Done                   *Resent
	Now                    time.Time
}

// actor is the viewer without what cannot be done: what is undeliverable is never tried again.
func (p Emails) actor(v Viewer) Viewer {
	v.Acts = v.Acts && !p.Undeliverable
	return v
}

// counted says among whom the groups were counted.
func (p Emails) counted() string {
	if p.Next == "" {
		return "All " + Number(p.Matching) + " of them are counted here."
	}
	where := ""
	if p.Continued {
		where = " here"
	}
	return "Counted among the " + Number(p.Read) + " people who were looked at" + where +
		", the newest first; there are older ones."
}

func (Emails) name() string { return "emails" }

// MaxGroups is how many groups of one kind are shown. Where there are as many, there may be smaller ones.
const MaxGroups = 12

// Group is emails that have something in common.
type Group struct {
	Name           string
	N              int
	Oldest, Newest time.Time
	Delivery       string // see confirm.DeliveryState
	Words          string // the last
	Next           string // when one of them is tried next
	Path           string // of the list of them
	Match          string // their filter, for a form
}
