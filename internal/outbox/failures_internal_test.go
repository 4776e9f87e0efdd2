package outbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestThereIsALimitToHowManyFailuresAreRemembered(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	job := func(n int) store.Job { return store.Job{ID: fmt.Sprint(n), Attempts: 7} }
	var f failures
	for n := range maxFailures {
		f.add(job(n), now)
	}
	if got := f.add(job(1), now); got != 2 {
		t.Errorf("the second failure of a known job is number %d", got)
	}
	if got := f.add(job(-1), now); got != 7 || len(f.byJob) != maxFailures {
		t.Errorf("the first failure of one job too many is number %d, want its attempts; %d are remembered",
			got, len(f.byJob))
	}
	f.forget(job(0))
	if got := f.add(job(-1), now); got != 1 {
		t.Errorf("where there is room it is number %d", got)
	}
	if got := f.add(job(-2), now.Add(rememberFor+time.Second)); got != 1 || len(f.byJob) != 1 {
		t.Errorf("a day later it is number %d, and %d are remembered", got, len(f.byJob))
	}
}
