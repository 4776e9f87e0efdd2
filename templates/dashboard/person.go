package dashboard

import "time"

// Person is everything that is known of one person at one site.
type Person struct {
	SiteName string
	ID       string
	Name     string // as in a form: site, slash, id
	Path     string // of the page
	Address  string // masked; empty: the person was erased
	State    string // in words, and its light
	Light    string
	Why      []string // where it stands and what comes next, in sentences
	Words    string   // of a relay or a mail system, which the last of Why is about

	Stages     []Stage
	Steps      []Step // oldest first
	Purposes   []Purpose
	Acts       []Act
	HasReceipt bool
	Unopened   bool   // the record does not open: nothing but the id is known
	Done       string // what the button that was pressed has done
}

func (Person) name() string { return "person" }

// PersonPath is the path of the page of one person.
func PersonPath(site, id string) string { return "/admin/sites/" + site + "/people/" + id }

// Fact is something that is known.
type Fact struct{ Label, Value string }

// Stage is a stage of the way from a signup to its answer.
type Stage struct {
	Label   string
	Class   string // done, failed or empty
	Current bool
}

// Act is something that can be done, or, with a Note, cannot.
type Act struct {
	Act, Label, Note string
	Danger           bool
}

// Purpose is where one purpose stands.
type Purpose struct {
	ID, State, Light, Text string
	Since                  time.Time
	Until                  time.Time // when it ends by itself; zero: it does not
}

// validity says since when it stands there, and until when.
func (p Purpose) validity() string {
	if p.Until.IsZero() {
		return "since " + moment(p.Since)
	}
	return "since " + moment(p.Since) + ", valid until " + moment(p.Until)
}
