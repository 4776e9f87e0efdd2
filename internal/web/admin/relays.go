package admin

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// RelayStatus is a mail server as this process sees it.
type RelayStatus struct {
	Address     string    // host:port
	PausedSince time.Time // for any sender; zero: it takes emails
	Refused     int       // for so many recipients' domains it refuses us
	Words       string    // its last, or ours, that say why; empty: nothing is wrong
}

// Relays keeps, for the dashboard, which relays the mailer has paused. It is safe for concurrent use.
type Relays struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string]*RelayStatus // by host:port
}

// NewRelays returns Relays with these addresses (host:port), none of them paused. now is time.Now if nil.
func NewRelays(now func() time.Time, addresses ...string) *Relays {
	if now == nil {
		now = time.Now
	}
	l := &Relays{now: now, all: map[string]*RelayStatus{}}
	for _, a := range addresses {
		l.all[a] = &RelayStatus{Address: a}
	}
	return l
}

// Alarm notes that a relay was paused, or is used again. It is a mailer.Options.Alarm.
func (l *Relays) Alarm(address string, paused bool, words string) {
	l.change(address, words, func(r *RelayStatus) {
		switch {
		case !paused:
			r.PausedSince = time.Time{}
		case r.PausedSince.IsZero():
			r.PausedSince = l.now()
		}
	})
}

// Refusal notes for how many recipients' domains a relay refuses us. It is a mailer.Options.Refusal.
func (l *Relays) Refusal(address string, domains int, words string) {
	l.change(address, words, func(r *RelayStatus) { r.Refused = domains })
}

// change changes the status of a relay.
func (l *Relays) change(address, words string, by func(*RelayStatus)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.all[address]
	if r == nil {
		r = &RelayStatus{Address: address}
		l.all[address] = r
	}
	by(r)
	if r.PausedSince.IsZero() && r.Refused == 0 {
		r.Words = ""
	} else if words != "" {
		r.Words = words
	}
}

// Status returns the status of all relays, sorted by address.
func (l *Relays) Status() (all []RelayStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, address := range slices.Sorted(maps.Keys(l.all)) {
		all = append(all, *l.all[address])
	}
	return all
}
