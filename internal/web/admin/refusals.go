package admin

import (
	"sync"
	"time"
)

// Refusals counts what this process has refused within the last hour or two. It is safe for concurrent use.
type Refusals struct {
	Now func() time.Time

	mu         sync.Mutex
	hour       time.Time
	this, last map[refusalKey]int
}

type refusalKey struct {
	site, code string
}

// Add counts a refusal, by the code of its problem.
func (r *Refusals) Add(site, code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	r.this[refusalKey{site, code}]++
}

// Count returns how many were refused at a site in this hour and the one before.
func (r *Refusals) Count(site, code string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	return r.this[refusalKey{site, code}] + r.last[refusalKey{site, code}]
}

// turn begins another hour.
func (r *Refusals) turn() {
	switch hour := r.Now().Truncate(time.Hour); {
	case r.this == nil || hour.Sub(r.hour) > time.Hour:
		r.hour, r.this, r.last = hour, map[refusalKey]int{}, nil
	case hour.After(r.hour):
		r.hour, r.this, r.last = hour, map[refusalKey]int{}, r.this
	}
}
