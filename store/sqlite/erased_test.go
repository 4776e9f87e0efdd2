package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// TestWhatIsErasedIsSoonInNoFile looks at the raw bytes of the database and its log while the store is open.
func TestWhatIsErasedIsSoonInNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Sweep: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := store.Key{Site: "gazette", ID: "aaaaaaaaaaaaaaaaaaaaaa"}
	kept := store.Key{Site: "gazette", ID: "bbbbbbbbbbbbbbbbbbbbbb"}
	secret := bytes.Repeat([]byte("sealed words "), 400)
	put := func(key store.Key, data []byte, erases bool) {
		t.Helper()
		err := s.Update(t.Context(), key, func(store.Record) (store.Change, error) {
			r := &store.Record{State: "confirmed", Created: time.Now(), Data: data}
			c := store.Change{Put: r, DropJobs: erases}
			if !erases {
				c.Enqueue = []store.Job{{ID: "job", Queue: "log", Body: data[:1000]}}
			}
			return c, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	found := func() (n int) {
		for _, name := range []string{path, path + "-wal"} {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			n += bytes.Count(b, []byte("sealed words "))
		}
		return n
	}
	put(key, secret, false)
	put(kept, []byte("other words "+string(make([]byte, 1000))), false)
	if found() == 0 {
		t.Fatal("this test looks in the wrong place")
	}
	put(key, []byte("bare"), true)
	for deadline := time.Now().Add(10 * time.Second); found() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d times left", found())
		}
	}
	if r, err := s.Find(t.Context(), kept); err != nil || !bytes.HasPrefix(r.Data, []byte("other words")) {
		t.Errorf("what was not erased: %q, %v", r.Data, err)
	}
}

// TestWhatSQLiteLeftInAPageIsErasedToo puts a copy of a record into the unused part of its page, as SQLite itself does
// at times when it moves rows from page to page.
func TestWhatSQLiteLeftInAPageIsErasedToo(t *testing.T) {
	words := []byte("sealed words of one")
	for name, erase := range map[string]func(t *testing.T, s *sqlite.Store, path string){
		"while the store is open": func(t *testing.T, s *sqlite.Store, path string) {
			deadline := time.Now().Add(10 * time.Second)
			for ; contains(t, path, words); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("it is still there")
				}
			}
			closed(t, s)
		},
		"when it is closed": func(t *testing.T, s *sqlite.Store, path string) { closed(t, s) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "optin.db")
			o := sqlite.Options{Path: path, Sweep: time.Hour}
			s := opened(t, o)
			one, other := store.Key{Site: "gazette", ID: "one"}, store.Key{Site: "gazette", ID: "other"}
			for key, data := range map[store.Key][]byte{one: words, other: []byte("other words")} {
				change(t, s, key, store.Change{
					Put: &store.Record{State: "confirmed", Created: time.Now(), Data: data},
				})
			}
			closed(t, s)
			leaveCopy(t, path, words)
			if name == "while the store is open" {
				o.Sweep = 50 * time.Millisecond
			}
			s = opened(t, o)
			change(t, s, one, store.Change{Erase: true})
			erase(t, s, path)
			if contains(t, path, words) {
				t.Error("it is still there")
			}
			s = opened(t, o)
			if r, err := s.Find(t.Context(), other); err != nil || string(r.Data) != "other words" {
				t.Errorf("what was not erased: %q, %v", r.Data, err)
			}
			closed(t, s)
			if said := ask(t, path, "PRAGMA integrity_check"); said != "ok" {
				t.Error(said)
			}
		})
	}
}

func opened(t *testing.T, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t *testing.T, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, s *sqlite.Store, key store.Key, c store.Change) {
	t.Helper()
	err := s.Update(t.Context(), key, func(store.Record) (store.Change, error) { return c, nil })
	if err != nil {
		t.Fatal(err)
	}
}

func contains(t *testing.T, path string, words []byte) bool {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return bytes.Contains(append(all, log...), words)
}

// leaveCopy copies words within the page that has them, to 100 bytes behind the pointers to its rows.
func leaveCopy(t *testing.T, path string, words []byte) {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(all, words)
	if at < 0 || bytes.Count(all, words) > 1 {
		t.Fatal("this test looks in the wrong place")
	}
	copy(all[at-at%4096+200:], words)
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask returns what a statement says of a file.
func ask(t *testing.T, path, statement string) (said string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), statement).Scan(&said); err != nil {
		t.Fatal(err)
	}
	return said
}
