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
}

// Relays keeps, for the dashboard, which relays the mailer has paused. It is safe for concurrent use.
type Relays struct {
	now func() time.Time

	mu      sync.Mutex
	paused  map[string]time.Time // by host:port; zero: it takes emails
	refused map[string]int       // domains, by host:port
}

// NewRelays returns Relays with these addresses (host:port), none of them paused. now is time.Now if nil.
func NewRelays(now func() time.Time, addresses ...string) *Relays {
	if now == nil {
		now = time.Now
	}
	all := &Relays{now: now, paused: map[string]time.Time{}, refused: map[string]int{}}
	for _, a := range addresses {
		all.paused[a] = time.Time{}
	}
	return all
}

// Alarm notes that a relay was paused, or is used again. It is a mailer.Options.Alarm.
func (l *Relays) Alarm(address string, paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch since := l.paused[address]; {
	case !paused:
		l.paused[address] = time.Time{}
	case since.IsZero():
		l.paused[address] = l.now()
	}
}

// Refusal notes for how many recipients' domains a relay refuses us. It is a mailer.Options.Refusal.
func (l *Relays) Refusal(address string, domains int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused[address] = domains
}

// Status returns the status of all relays, sorted by address.
func (l *Relays) Status() (all []RelayStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, address := range slices.Sorted(maps.Keys(l.paused)) {
		all = append(all, RelayStatus{Address: address, PausedSince: l.paused[address], Refused: l.refused[address]})
	}
	return all
}
