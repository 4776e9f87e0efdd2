package admin

import (
	"cmp"
	"sync"
	"time"
)

// recentFor is how long what was read of a store is shown to everybody who asks for the same.
const recentFor = time.Second

// maxRecent is how many things are remembered.
const maxRecent = 64

// recent remembers what was read of a store, so that any number of viewers costs no more than one. It is safe for
// concurrent use.
type recent[T any] struct {
	age   time.Duration // instead of recentFor; negative: nothing is remembered
	mu    sync.Mutex
	known map[string]*recentRead[T]
}

type recentRead[T any] struct {
	mu    sync.Mutex
	at    time.Time
	value T
}

// get returns what load returned for the same key within recentFor, or calls it. Callers of one key wait for each
// other.
func (r *recent[T]) get(key string, load func() (T, error)) (T, error) {
	r.mu.Lock()
	if len(r.known) >= maxRecent && r.known[key] == nil {
		r.known = nil
	}
	if r.known == nil {
		r.known = map[string]*recentRead[T]{}
	}
	one := r.known[key]
	if one == nil {
		one = &recentRead[T]{}
		r.known[key] = one
	}
	r.mu.Unlock()

	one.mu.Lock()
	defer one.mu.Unlock()
	if !one.at.IsZero() && time.Since(one.at) < cmp.Or(r.age, recentFor) {
		return one.value, nil
	}
	value, err := load()
	if err == nil {
		one.at, one.value = time.Now(), value
	}
	return value, err
}

// forget empties the cache, so that an operator who has acted sees the result.
func (r *recent[T]) forget() {
	r.mu.Lock()
	r.known = nil
	r.mu.Unlock()
}
