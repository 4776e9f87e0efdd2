package dashboard

import "time"

// Webhooks lists the failed events of a site's endpoints.
type Webhooks struct {
	ID, Name     string // of the site
	HasEndpoints bool
	Events       []FailedEvent
	Continued    bool          // these are not the first
	Next         string        // path of the page with the next ones; empty: there are none
	Requeued     *BoundedCount // how many events the button that was pressed has requeued; nil: none was pressed
	Now          time.Time
}

// requeuedSays says what becomes of the events that were requeued.
func (p Webhooks) requeuedSays() string {
	says := "They are"
	if p.Requeued.N == 1 {
		says = "It is"
	}
	says += " due now. An event that is refused again is retried for nine days."
	if p.Requeued.More {
		says += " There are more: press the button once more."
	}
	return says
}

// Path is the page's own, where its forms post to.
func (p Webhooks) Path() string { return webhooksPath(p.ID) }

func (Webhooks) name() string { return "webhooks" }

// FailedEvent is an event that was given up. Type and At are empty if it can no longer be decrypted.
type FailedEvent struct {
	ID, Type, Endpoint string
	At                 time.Time
}

func webhooksPath(site string) string { return "/admin/sites/" + site + "/webhooks" }
