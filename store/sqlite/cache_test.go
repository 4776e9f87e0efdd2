package sqlite

import (
	"path/filepath"
	"testing"
)

// TestFewPagesAreKeptInMemory adds up what the connections may keep, which SQLite shares out among all of them.
func TestFewPagesAreKeptInMemory(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	kiB := int64(0)
	for i := range s.conns {
		c, err := connect(t.Context(), s.o.Path, s.o.level(), []mode{writing, reading}[min(i, 1)])
		if err != nil {
			t.Fatal(err)
		}
		size, err := c.value("PRAGMA cache_size") // negative: in KiB
		if err != nil {
			t.Fatal(err)
		}
		kiB -= integer(size)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if kiB < 2000 || kiB > 7000 {
		t.Errorf("pages of %d KiB are kept, want 2000 to 7000", kiB)
	}
}
