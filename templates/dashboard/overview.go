package dashboard

import (
	"strconv"
	"time"
)

// Overview is the first page: the state of the store and the relays, and the numbers of the sites.
type Overview struct {
	Store  Store
	Relays []Relay // none: nothing is known of relays
	Days   int     // how many days the sites' numbers cover, today included
	Sites  []Site
	Now    time.Time

	Jobs    []Fact
	Unusual []Unusual // the worst first; none: all is as it should be
	Flow    Flow
	Lights  []Light
}

// unusualSays says how many things are unusual.
func (p Overview) unusualSays() string {
	if len(p.Unusual) == 1 {
		return "One thing is not as it should be."
	}
	return strconv.Itoa(len(p.Unusual)) + " things are not as they should be."
}

func (Overview) name() string { return "overview" }

// Unusual is something that is not as it should be, and what to do about it.
type Unusual struct {
	What, Do string
	Path     string // where more of it is seen; may be empty
}

// Light says how one part of the service stands.
type Light struct {
	Name, Light, Word, Says string
	Path                    string // where more of it is seen; may be empty
}

// Store says whether what is accepted now will last.
type Store struct {
	Unreachable bool
	Fault, Fix  string // why it will not, and what mends that; empty: it will
	Incomplete  bool   // it may lack people, so that no figure is shown
}

// Relay is a mail server as one process sees it.
type Relay struct {
	Address     string    // host:port
	PausedSince time.Time // zero: it takes emails
	Refused     int       // recipients' domains for which it refuses us
	Words       string    // its last, that say why
}
