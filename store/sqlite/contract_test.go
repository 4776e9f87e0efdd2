package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/store"
	"github.com/optin/optin/store/storetest"
)

func TestTheStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func(t *testing.T) store.Store {
		path := filepath.Join(t.TempDir(), "optin.db")
		return func(t *testing.T) store.Store { return open(t, Options{Path: path}) }
	})
}

// open opens a store that is closed with the test. Its deadline is long, because the machine may be busy. If temporary
// files are in memory, nothing can be asked to survive a power cut.
func open(t *testing.T, o Options) *Store {
	t.Helper()
	if o.Durability == "" && inMemory(filepath.Dir(o.Path)) {
		o.Durability = store.DurabilityNone
	}
	if o.Deadline == 0 {
		o.Deadline = 20 * time.Second
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}
