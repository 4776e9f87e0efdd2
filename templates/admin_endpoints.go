package templates

import "time"

// AdminEndpoints shows the endpoints of all sites.
type AdminEndpoints struct {
	Endpoints []AdminEndpoint
	Types     []string // of events that can be sent as a test; none: nothing can be tested
	Tested    *AdminTested
	Now       time.Time
}

// AdminEndpoint is how one endpoint stands.
type AdminEndpoint struct {
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

// AdminTested is what an endpoint answered to a test.
type AdminTested struct {
	Host, Type, Event string
	Taken             bool
	Says, Words       string
}

func (AdminEndpoints) admin() string { return "endpoints" }
