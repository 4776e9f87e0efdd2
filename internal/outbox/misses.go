package outbox

import (
	"maps"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

const (
	// maxMisses is of how many entries it is remembered how often they failed. Strangers choose whom letters go to.
	maxMisses = 1 << 16
	// keepMisses is for how long, where another process may have ended one: longer than any table's last wait.
	keepMisses = 24 * time.Hour
)

// misses is how often entries failed here. Their tries say more than that: an entry that was put off for others' sake was leased too.
type misses struct {
	mu     sync.Mutex
	all    map[string]miss
	pruned time.Time
}

type miss struct {
	n  int
	at time.Time // of the last one
}

// another counts one more failure of an entry, and tells the number. Of one too many to be remembered it is that of its tries.
func (m *misses) another(e store.Job, now time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.all[e.ID]
	if known.n == 0 && len(m.all) >= maxMisses && !m.prune(now) {
		return e.Attempts
	}
	if m.all == nil {
		m.all = map[string]miss{}
	}
	m.all[e.ID] = miss{known.n + 1, now}
	return known.n + 1
}

// prune forgets what is old, once a minute at most; it tells whether there is room.
func (m *misses) prune(now time.Time) bool {
	if now.Sub(m.pruned) >= time.Minute {
		m.pruned = now
		maps.DeleteFunc(m.all, func(_ string, old miss) bool { return now.Sub(old.at) > keepMisses })
	}
	return len(m.all) < maxMisses
}

func (m *misses) forget(e store.Job) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, e.ID)
}
