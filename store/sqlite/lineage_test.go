package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/store"
)

// contents returns a file.
func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fill writes records.
func fill(t *testing.T, s *Store, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := put(t.Context(), s, fmt.Sprintf("fill-%d", i), make([]byte, 2000)); err != nil {
			t.Fatal(err)
		}
	}
}

func ready(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A process that is killed leaves its log. It is of the file that it was written for, and of no other that somebody has
// put in the place of that one.
func TestTheLogOfAnotherFileIsNotAppliedToOneInItsPlace(t *testing.T) {
	path := closedStore(t)
	older := contents(t, path) // as copied while optin was stopped
	s := open(t, Options{Path: path})
	ready(t, s)
	fill(t, s, 0, 20)
	do(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	ready(t, s)
	base := contents(t, path)
	fill(t, s, 20, 40)
	ready(t, s)
	dir := t.TempDir()
	vacuumed := filepath.Join(dir, "vacuumed.db")
	do(t, path, "VACUUM INTO '"+vacuumed+"'")
	other := closedStore(t)
	log := contents(t, path+"-wal")
	if len(log) < 10*4096 {
		t.Fatalf("the log has only %d bytes", len(log))
	}
	files := map[string]struct {
		db  []byte
		own bool
	}{
		"the file of the log":        {contents(t, path), true},
		"a copy from where it began": {base, true},
		"an older copy":              {older, false},
		"a copy of VACUUM INTO":      {contents(t, vacuumed), false},
		"another store":              {contents(t, other), false},
	}
	for name, row := range files {
		t.Run(name, func(t *testing.T) {
			killed := filepath.Join(t.TempDir(), "optin.db")
			write(t, killed, row.db)
			write(t, killed+"-wal", log)
			for _, o := range []Options{{Path: killed, ReadOnly: true}, {Path: killed}} {
				again, err := Open(t.Context(), o)
				if row.own {
					if err != nil {
						t.Fatal(err)
					}
					if _, err := again.Find(t.Context(), store.Key{Site: "gazette", ID: "fill-39"}); err != nil {
						t.Error(err)
					}
					if err := again.Close(); err != nil {
						t.Error(err)
					}
					continue
				}
				if err == nil || !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "is another file's") {
					t.Fatalf("opening gives %v", err)
				}
				t.Log(err)
			}
			if row.own {
				return
			}
			if string(contents(t, killed)) != string(row.db) || string(contents(t, killed+"-wal")) != string(log) {
				t.Error("something was changed")
			}
			if err := os.Rename(killed+"-wal", killed+"-wal.former"); err != nil { // as it says
				t.Fatal(err)
			}
			write(t, killed+"-wal", nil)
			hasAtLeast(t, killed, 60)
		})
	}
}

func hasAtLeast(t *testing.T, path string, n int) {
	t.Helper()
	s := open(t, Options{Path: path})
	p, err := s.List(t.Context(), store.Query{Site: "gazette", Limit: 1000})
	if err != nil || len(p.Records) < n {
		t.Errorf("%d records, %v", len(p.Records), err)
	}
	ready(t, s)
}

// Nothing is acknowledged into a file that is not in its place any more, from the very moment on.
func TestNothingIsCommittedIntoAFileThatIsNotInItsPlace(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"the file": os.Remove, "its log": func(path string) error { return os.Remove(path + "-wal") },
	} {
		t.Run(name, func(t *testing.T) {
			path := closedStore(t)
			s := open(t, Options{Path: path})
			fill(t, s, 0, 1)
			if err := remove(path); err != nil {
				t.Fatal(err)
			}
			var u *store.UnsafeError
			err := put(t.Context(), s, "lost", nil)
			if !errors.Is(err, store.ErrUnavailable) || !errors.As(err, &u) {
				t.Errorf("a commit: %v", err)
			}
		})
	}
}

// A file that was written over while it was open, by one that is not smaller, is noticed before SQLite meets damage.
func TestAFileThatWasOverwrittenIsUnsafe(t *testing.T) {
	other := contents(t, closedStore(t))
	for name, with := range map[string]func(t *testing.T, path string, older []byte) []byte{
		"an older copy": func(_ *testing.T, _ string, older []byte) []byte { return older },
		"a copy of VACUUM INTO": func(t *testing.T, path string, _ []byte) []byte {
			copied := filepath.Join(t.TempDir(), "copy.db")
			do(t, path, "VACUUM INTO '"+copied+"'")
			return contents(t, copied)
		},
		"another store": func(*testing.T, string, []byte) []byte { return other },
		"a text": func(*testing.T, string, []byte) []byte {
			return []byte(strings.Repeat("hello ", 1000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := closedStore(t)
			s := open(t, Options{Path: path})
			ready(t, s)
			do(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
			ready(t, s)
			older := contents(t, path)
			ready(t, s)
			do(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
			ready(t, s)
			size := len(contents(t, path))
			content := with(t, path, older)
			content = append(content, make([]byte, max(0, size-len(content)))...)
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				_, err = f.Write(content)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // it does not mend by itself
				var u *store.UnsafeError
				if err := s.Ready(t.Context()); !errors.As(err, &u) || !u.Incomplete ||
					!strings.Contains(u.Have, "overwritten") && !strings.Contains(u.Have, "damaged") {
					t.Fatalf("Ready gave %v", err)
				}
			}
		})
	}
}

// A process that is killed while it moves its log into the file leaves the first page before the others: the file is
// shorter then than it says.
func TestAFileWhoseCheckpointWasInterruptedIsWhole(t *testing.T) {
	path := closedStore(t)
	s := open(t, Options{Path: path})
	ready(t, s)
	do(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	file := contents(t, path)
	fill(t, s, 0, 100)
	ready(t, s)
	log := contents(t, path+"-wal")
	do(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	moved := contents(t, path)
	if len(moved) <= len(file) {
		t.Fatalf("the file has %d bytes, and had %d", len(moved), len(file))
	}
	for pages := range 3 {
		killed := filepath.Join(t.TempDir(), "optin.db")
		write(t, killed, append(slices.Clone(moved[:4096*pages]), file[4096*pages:]...))
		write(t, killed+"-wal", log)
		again := open(t, Options{Path: killed})
		ready(t, again)
		fill(t, again, 100, 110)
		ready(t, again)
		for _, id := range []string{"fill-99", "fill-109"} {
			if _, err := again.Find(t.Context(), store.Key{Site: "gazette", ID: id}); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
	}
}

// Other processes, checkpoints, a repair and a clock that is set back are none of that.
func TestAFileThatIsOnlyUsedIsNotOverwritten(t *testing.T) {
	path := closedStore(t)
	s, other := open(t, Options{Path: path}), open(t, Options{Path: path})
	for i := range 60 {
		fill(t, s, 10*i, 10*i+3)
		ready(t, s)
		fill(t, other, 10*i+3, 10*i+5)
		ready(t, other)
		switch i % 4 {
		case 1:
			do(t, path, "PRAGMA wal_checkpoint(PASSIVE)")
		case 2:
			do(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
		case 3:
			do(t, path, fmt.Sprintf("CREATE INDEX of_mine_%d ON records (state)", i))
		}
	}
}
