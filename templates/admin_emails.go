package templates

import "time"

// AdminBulk is an act on all that match, which goes on in the background.
type AdminBulk struct {
	Act, Filter         string // in words; no Filter: everybody
	Ended               time.Time
	Looked, Total, Done int // people
	Not                 []AdminNotResent
	Stopping, Failed    bool
	Now                 time.Time
}

// Percent is how far it has come.
func (b AdminBulk) Percent() int {
	if b.Total == 0 {
		return 0
	}
	return 100 * b.Looked / b.Total
}

// goesOn says what becomes of it.
func (b AdminBulk) goesOn() string {
	if b.Stopping {
		return "It stops after the people it is at."
	}
	return "It goes on in the background, whether this page is open or not."
}

// doneFor says for how many people it was done, and for how many not and why.
func (b AdminBulk) doneFor() string {
	says := "done for " + Number(b.Done)
	for _, not := range b.Not {
		says += ", not for " + Number(not.N) + " (" + NotDueInWords(not.Why) + ")"
	}
	return says + "."
}

// AdminEmails shows the emails that wait, or whose addresses take none, by their domains, relays and words.
type AdminEmails struct {
	Choices                []AdminChoice
	Domain                 string
	Filtered               bool
	Undeliverable          bool // these, and not those that wait
	Continued              bool // these are not the first
	Words, Domains, Relays []AdminGroup
	Rows                   []AdminPendingRow
	Matching               int         // among those that were looked at
	Read                   int         // how many records were looked at
	Chosen                 []AdminFact // what of the filter is in no field
	Match                  string      // the filter, for a form
	Self, First, Next      string      // paths; Next is empty if there is nothing older
	Queues                 []AdminFact // what stands in the queues, of all emails
	Bulk                   *AdminBulk
	Busy                   bool
	Done                   *AdminResent
	Now                    time.Time
}

// AdminGroup is emails that have something in common.
type AdminGroup struct {
	Name           string
	N              int
	Oldest, Newest time.Time
	Delivery       string // see confirm.DeliveryState
	Words          string // the last
	Next           string // when one of them is tried next
	Path           string // of the list of them
	Match          string // their filter, for a form
}

// actor is the viewer without what cannot be done: what is undeliverable is never tried again.
func (p AdminEmails) actor(v AdminViewer) AdminViewer {
	v.Acts = v.Acts && !p.Undeliverable
	return v
}

func (AdminEmails) admin() string { return "emails" }

// MaxGroups is how many groups of one kind are shown. Where there are as many, there may be smaller ones.
const MaxGroups = 12

// counted says among whom the groups were counted.
func (p AdminEmails) counted() string {
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
