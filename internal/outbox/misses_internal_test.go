package outbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestWhatIsRememberedOfFailuresIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	entry := func(n int) store.Job { return store.Job{ID: fmt.Sprint(n), Attempts: 7} }
	var m misses
	for n := range maxMisses {
		m.another(entry(n), now)
	}
	if got := m.another(entry(1), now); got != 2 {
		t.Errorf("the second failure of one that is known is number %d", got)
	}
	if got := m.another(entry(-1), now); got != 7 || len(m.all) != maxMisses {
		t.Errorf("the first of one too many is number %d, and %d are remembered; want its tries, and no more", got, len(m.all))
	}
	m.forget(entry(0))
	if got := m.another(entry(-1), now); got != 1 {
		t.Errorf("where there is room it is number %d", got)
	}
	if got := m.another(entry(-2), now.Add(keepMisses+time.Second)); got != 1 || len(m.all) != 1 {
		t.Errorf("a day later it is number %d, and %d are remembered", got, len(m.all))
	}
}
