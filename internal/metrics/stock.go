package metrics

import "time"

// Stock is what stands in the store at one moment.
type Stock struct {
	Pending map[string]int      // by site
	Queues  map[string]Backlog  // by queue
	Hooks   map[string]Endpoint // by queue
}

// Backlog is what stands in one queue.
type Backlog struct {
	Jobs, Failed int
	Late         time.Duration // for how long the job that was due first has been due
}

// Endpoint is a webhook endpoint.
type Endpoint struct {
	Site, Host string
	Disabled   bool
}

// Stock sets what stands in the store. A series that s has no value for is removed; the zero Stock removes all.
func (m *Metrics) Stock(s Stock) {
	gauges := map[string]float64{}
	for site, n := range s.Pending {
		gauges[series("optin_pending", "site", site)] = float64(n)
	}
	for queue, b := range s.Queues {
		gauges[series("optin_outbox_jobs", "queue", queue)] = float64(b.Jobs)
		gauges[series("optin_outbox_failed_jobs", "queue", queue)] = float64(b.Failed)
		gauges[series("optin_outbox_late_seconds", "queue", queue)] = b.Late.Seconds()
	}
	for queue, e := range s.Hooks {
		gauges[series("optin_endpoint_disabled", "queue", queue)] = number(e.Disabled)
		gauges[series("optin_endpoint_info", "queue", queue, "site", e.Site, "host", e.Host)] = 1
	}
	m.replace(gauges, "optin_pending", "optin_outbox_jobs", "optin_outbox_failed_jobs", "optin_outbox_late_seconds",
		"optin_endpoint_disabled", "optin_endpoint_info")
}
