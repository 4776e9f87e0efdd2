package mailer

import (
	"maps"
	"sync"
	"time"

	"github.com/optin/optin/confirm/consent"
)

// keepNotes is for how long something is remembered of a letter that came to no end here: another process may have ended it.
const keepNotes = 48 * time.Hour

// note is what this process remembers of a letter that is still owed.
type note struct {
	at    time.Time
	taken *consent.Delivery // the relay took it, which could not be recorded yet
}

// notes are kept by entry. They are few: one for each letter that went wrong late.
type notes struct {
	now func() time.Time
	mu  sync.Mutex
	all map[string]note
}

func (n *notes) get(id string) note {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all[id]
}

func (n *notes) set(id string, x note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	x.at = n.now()
	if n.all == nil {
		n.all = map[string]note{}
	}
	maps.DeleteFunc(n.all, func(_ string, old note) bool { return x.at.Sub(old.at) > keepNotes })
	n.all[id] = x
}

func (n *notes) forget(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.all, id)
}
