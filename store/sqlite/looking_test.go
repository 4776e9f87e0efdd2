package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/optin/optin/store"
)

// A file that is only looked at, such as a copy that is to be checked, is read as any other and stays as it is.
func TestAFileThatIsOnlyLookedAtIsReadAndStaysAsItIs(t *testing.T) {
	path := closedStore(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Path: path, ReadOnly: true})
	p, err := s.List(t.Context(), store.Query{Site: "gazette", Limit: 1000})
	if err != nil || len(p.Records) != 60 {
		t.Errorf("%d records are read, %v", len(p.Records), err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("ready: %v", err)
	}
	if err := put(t.Context(), s, "another", nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("writing gives %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("it was changed, %v", err)
	}
	none := filepath.Join(t.TempDir(), "none.db")
	if _, err := Open(t.Context(), Options{Path: none, ReadOnly: true}); !errors.Is(err, ErrNoFile) {
		t.Errorf("where there is none: %v", err)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("one was made")
	}
}
