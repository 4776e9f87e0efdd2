package dashboard

import "time"

// Endpoints shows the endpoints of all sites.
type Endpoints struct {
	Endpoints []Endpoint
	Types     []string // of events that can be sent as a test; none: nothing can be tested
	Tested    *Tested
	Now       time.Time
}

// Endpoint is how one endpoint stands.
type Endpoint struct {
	Site, SiteName, Queue, Host string
	Light, Word, Says           string
	Waiting, Failed             int // events

	// Zero: not, or not known.
	Success  time.Time // when it took the last event
	Failing  time.Time // since when it took none
	Oldest   time.Time // when the oldest event happened that it did not take
	Off      time.Time // since when it is disabled
	Answered time.Time // when a call failed last

	Answer, Words string // of that call: why it failed, and the beginning of what it answered
	FailedPath    string // of the list of failed events
}

// Tested is what an endpoint answered to a test.
type Tested struct {
	Host, Type, Event string
	Taken             bool
	Says, Words       string
}

func (Endpoints) name() string { return "endpoints" }
