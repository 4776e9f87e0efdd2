package outbox

import (
	"maps"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

const (
	// maxFailures is how many jobs' failures are remembered. Strangers choose how many emails there are, so it needs a
	// limit.
	maxFailures = 1 << 16
	// rememberFor is how long a failure is remembered, in case another process has ended the job: longer than any
	// pool's last wait.
	rememberFor = 24 * time.Hour
)

// failures counts how often jobs failed in this process. Their attempts say more than that: a job that was put off for
// the sake of others was leased too.
type failures struct {
	mu     sync.Mutex
	byJob  map[string]failure
	pruned time.Time
}

// failure is what is remembered of one job.
type failure struct {
	count int
	last  time.Time
}

// add counts one more failure of a job and returns how many there were. Where there is no room for another job, it
// returns its attempts.
func (f *failures) add(job store.Job, now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.byJob[job.ID]
	if known.count == 0 && len(f.byJob) >= maxFailures && !f.prune(now) {
		return job.Attempts
	}
	if f.byJob == nil {
		f.byJob = map[string]failure{}
	}
	f.byJob[job.ID] = failure{known.count + 1, now}
	return known.count + 1
}

// prune removes what is old, at most once a minute, and reports whether there is room.
func (f *failures) prune(now time.Time) bool {
	if now.Sub(f.pruned) >= time.Minute {
		f.pruned = now
		maps.DeleteFunc(f.byJob, func(_ string, old failure) bool { return now.Sub(old.last) > rememberFor })
	}
	return len(f.byJob) < maxFailures
}

func (f *failures) forget(job store.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byJob, job.ID)
}
