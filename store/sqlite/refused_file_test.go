package sqlite

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// closedStore returns a file with 60 records, closed in order.
func closedStore(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "optin.db")
	s := open(t, Options{Path: path})
	for i := range 60 {
		if err := put(t.Context(), s, fmt.Sprintf("record-%d", i), make([]byte, 2000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// do runs SQL on a file, as another program would.
func do(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(text)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestAFileThatCannotBeUsedIsRefusedAndLeftAlone(t *testing.T) {
	spoiled := map[string]struct {
		spoil func(t *testing.T, path string)
		says  string
	}{
		"empty": {func(t *testing.T, path string) { write(t, path, nil) }, "is empty"},
		"a text": {
			func(t *testing.T, path string) { write(t, path, []byte(strings.Repeat("hello ", 99))) },
			"not an SQLite database",
		},
		"short":       {func(t *testing.T, path string) { write(t, path, []byte(header)) }, "not an SQLite database"},
		"log missing": {func(t *testing.T, path string) { remove(t, path+"-wal") }, "optin.db-wal is missing"},
		"cut short": {func(t *testing.T, path string) {
			if err := os.Truncate(path, 20*4096); err != nil {
				t.Fatal(err)
			}
		}, "is damaged"},
		"another program's": {
			func(t *testing.T, path string) { do(t, path, "PRAGMA application_id = 7") },
			"another program",
		},
		"newer": {func(t *testing.T, path string) {
			do(t, path, fmt.Sprintf("PRAGMA user_version = %d", version+1))
		}, "start the newer optin"},
		"older": {
			func(t *testing.T, path string) { do(t, path, "PRAGMA user_version = 0") },
			"no optin ever wrote",
		},
		"of an unreleased optin": {
			func(t *testing.T, path string) { do(t, path, "ALTER TABLE jobs RENAME TO entries") },
			"before its first release",
		},
		"a folder": {func(t *testing.T, path string) {
			remove(t, path)
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
	}
	for name, c := range spoiled {
		t.Run(name, func(t *testing.T) {
			path := closedStore(t)
			c.spoil(t, path)
			if slices.Contains([]string{"another program's", "newer", "older", "of an unreleased optin"}, name) {
				write(t, path+"-wal", nil) // the other program took the log away as it closed
			}
			before, _ := os.ReadFile(path)
			_, err := Open(t.Context(), Options{Path: path})
			if err == nil || !strings.Contains(err.Error(), c.says) || !errors.Is(err, errRefused) {
				t.Fatalf("opening gave %v, want a refusal with %q", err, c.says)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the refused file was changed")
			}
			t.Log(err)
		})
	}
}

// TestDamageIsFoundAfterOpening opens a file that is damaged behind its beginning: nobody waits for all of a large file
// to be read, and Ready says what was found.
func TestDamageIsFoundAfterOpening(t *testing.T) {
	path := closedStore(t)
	damage(t, path)
	var log strings.Builder
	s := open(t, Options{Path: path, Log: slog.New(slog.NewTextHandler(&log, nil))})
	var unsafe *store.UnsafeError
	for end := time.Now().Add(10 * time.Second); !errors.As(s.Ready(t.Context()), &unsafe); {
		if time.Now().After(end) {
			t.Fatal("the damage was not found")
		}
	}
	if !strings.Contains(unsafe.Have, "damaged") || !unsafe.Incomplete || !strings.Contains(unsafe.Fix, ".recover") {
		t.Errorf("Ready says %v", unsafe)
	}
	if err := s.Close(); err != nil { // the log is complete
		t.Error(err)
	}
	if !strings.Contains(log.String(), "the database is damaged") {
		t.Errorf("the log has %q", log.String())
	}
}

// damage overwrites pages in the middle.
func damage(t *testing.T, path string) { damageFrom(t, path, 20*4096) }

// damageFrom overwrites what is behind a place, but for the last page.
func damageFrom(t *testing.T, path string, from int) {
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < len(content)-4096; i++ {
		content[i] ^= 0x5a
	}
	write(t, path, content)
}

func TestADatabaseThatIsMissingBesideItsLogIsNotReplaced(t *testing.T) {
	path := closedStore(t)
	remove(t, path)
	write(t, path+"-wal", []byte("what was last committed"))
	_, err := Open(t.Context(), Options{Path: path})
	if err == nil || !strings.Contains(err.Error(), "database is missing") {
		t.Fatalf("opening gave %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a database was put beside the log: %v", err)
	}
}

func TestTheRemediesNamedInRefusalsWork(t *testing.T) {
	t.Run("touching the log", func(t *testing.T) {
		path := closedStore(t)
		remove(t, path+"-wal")
		write(t, path+"-wal", nil)
		hasAll(t, path)
	})
	t.Run("a copy made with VACUUM INTO", func(t *testing.T) {
		path := closedStore(t)
		copied := filepath.Join(t.TempDir(), "copy.db")
		do(t, path, "VACUUM INTO '"+copied+"'")
		hasAll(t, copied)
		hasAll(t, copied) // and again, now that it has a log
	})
}

func hasAll(t *testing.T, path string) {
	t.Helper()
	s := open(t, Options{Path: path})
	p, err := s.List(t.Context(), store.Query{Site: "gazette", Limit: 1000})
	if err != nil || len(p.Records) != 60 {
		t.Errorf("%d records, %v", len(p.Records), err)
	}
	if err := put(t.Context(), s, "one-more", nil); err != nil {
		t.Error(err)
	}
	key := store.Key{Site: "gazette", ID: "one-more"}
	erase := func(store.Record) (store.Change, error) { return store.Change{Erase: true}, nil }
	if err := s.Update(t.Context(), key, erase); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestInvalidOptionsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	for says, o := range map[string]Options{
		"no path":                 {},
		`"sometimes"`:             {Path: path, Durability: "sometimes"},
		"a deadline of":           {Path: path, Deadline: -1},
		"readers":                 {Path: path, Readers: 65},
		"sweeping":                {Path: path, Sweep: -1},
		"does not exist: make it": {Path: filepath.Join(path, "missing", "optin.db")},
		"cannot be examined:":     {Path: path + strings.Repeat("x", 300)},
	} {
		if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v gives %v, want %q", o, err, says)
		}
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 0 {
		t.Errorf("it left %v behind", names)
	}
}

// A file that somebody put into the place of an open one, such as a copy, is whole at the next start, as is the one
// that was moved away: the log of one is not written into the other.
func TestAFileThatWasReplacedIsNotDamagedByTheLog(t *testing.T) {
	path := closedStore(t)
	copied, moved := path+".copy", path+".moved"
	s := open(t, Options{Path: path})
	do(t, path, "VACUUM INTO '"+copied+"'")
	const later = 1500 // the log is written from its beginning again, so that it lacks pages of the first ones
	for i := range later {
		if err := put(t.Context(), s, fmt.Sprintf("later-%d", i), make([]byte, 8000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Rename(path, moved), os.Rename(copied, path)); err != nil {
		t.Fatal(err)
	}
	var u *store.UnsafeError
	if err := s.Ready(t.Context()); !errors.As(err, &u) || !strings.Contains(u.Fix, "SIGTERM") {
		t.Fatalf("Ready gave %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	hasAll(t, path)
	write(t, moved+"-wal", nil)
	again := open(t, Options{Path: moved})
	if _, err := again.Find(t.Context(), store.Key{Site: "gazette", ID: fmt.Sprintf("later-%d", later-1)}); err != nil {
		t.Error(err)
	}
}

// A file, or its log, that was overwritten while it was open is called damaged, and not out of reach.
func TestDamageThatIsMetIsNamed(t *testing.T) {
	path := closedStore(t)
	s := open(t, Options{Path: path})
	if err := put(t.Context(), s, "one-more", make([]byte, 2000)); err != nil {
		t.Fatal(err)
	}
	do(t, path, "UPDATE ready SET asked = 1") // what this process has in memory is read anew
	if err := os.Truncate(path+"-wal", 0); err != nil {
		t.Fatal(err)
	}
	var u *store.UnsafeError
	for end := time.Now().Add(5 * time.Second); !errors.As(s.Ready(t.Context()), &u); {
		if time.Now().After(end) {
			t.Fatal("the damage was not named")
		}
	}
	if !strings.Contains(u.Have, "damaged") || !strings.Contains(u.Fix, ".recover") {
		t.Errorf("Ready says %v", u)
	}
}

// Damage that only one person's record has is met by who reads or changes that record, and makes the store unsafe for
// all. Ready itself would not meet it.
func TestDamageThatACallMeetsIsNamed(t *testing.T) {
	for name, call := range map[string]func(s *Store, id string) error{
		"a read": func(s *Store, id string) error {
			_, err := s.Find(t.Context(), store.Key{Site: "gazette", ID: id})
			return err
		},
		"a write": func(s *Store, id string) error { return put(t.Context(), s, id, []byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			path := closedStore(t)
			s := open(t, Options{Path: path})
			s.stop() // nothing else looks for damage
			s.side.Wait()
			damageFrom(t, path, 36*4096)
			do(t, path, "UPDATE ready SET asked = asked + 1 WHERE one = 1") // what is in memory is read anew
			var err error
			for i := 0; i < 60 && err == nil; i++ {
				err = call(s, fmt.Sprint("record-", i))
			}
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s met %v", name, err)
			}
			var u *store.UnsafeError
			if err := s.Ready(t.Context()); !errors.As(err, &u) || !strings.Contains(u.Fix, ".recover") ||
				!u.Incomplete {
				t.Errorf("Ready says %v", err)
			}
		})
	}
}
