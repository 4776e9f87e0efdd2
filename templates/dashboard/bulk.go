package dashboard

import "time"

// Bulk is an act on all that match, which goes on in the background.
type Bulk struct {
	Act, Filter         string // in words; no Filter: everybody
	Ended               time.Time
	Looked, Total, Done int // people
	Not                 []NotResent
	Stopping, Failed    bool
	Now                 time.Time
}

// Percent is how far it has come.
func (b Bulk) Percent() int {
	if b.Total == 0 {
		return 0
	}
	return 100 * b.Looked / b.Total
}

// goesOn says what becomes of it.
func (b Bulk) goesOn() string {
	if b.Stopping {
		return "It stops after the people it is at."
	}
	return "It goes on in the background, whether this page is open or not."
}

// doneFor says for how many people it was done, and for how many not and why.
func (b Bulk) doneFor() string {
	says := "done for " + Number(b.Done)
	for _, not := range b.Not {
		says += ", not for " + Number(not.N) + " (" + NotDueInWords(not.Why) + ")"
	}
	return says + "."
}

// Resent says what became of emails that were asked for once more.
type Resent struct {
	Act    string // see audit.Act; empty: resend
	Resent int
	Not    []NotResent
}

// Says writes what was done, in two parts.
func (r Resent) Says() (all [2]string) {
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
func (r Resent) gotNone() string {
	var says string
	for _, not := range r.Not {
		says += " " + Count(not.N, "person") + " got none: " + NotDueInWords(not.Why) + "."
	}
	return says
}

// NotResent says for how many people no email is due, and why: see consent.NotDue.
type NotResent struct {
	Why string
	N   int
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
