package sqlite

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestTheObserverIsToldOfReadsAndOfChanges(t *testing.T) {
	var trips atomic.Int64
	s := open(t, Options{
		Path:     filepath.Join(t.TempDir(), "optin.db"),
		Observer: store.Observer{RoundTrip: func(time.Duration) { trips.Add(1) }},
	})
	before := trips.Load()
	if _, err := s.Get(t.Context(), "a-cell"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetNX(t.Context(), "a-cell", []byte("value"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := trips.Load() - before; n != 2 {
		t.Errorf("a read and a change are %d round trips, want 2", n)
	}
}
