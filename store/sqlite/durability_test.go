package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	driversqlite "modernc.org/sqlite"

	"github.com/optin/optin/store"
)

func TestSynchronousIsWhatTheDurabilityAsksFor(t *testing.T) {
	for d, want := range map[store.Durability]int64{
		store.DurabilityAlways: 2, store.DurabilityEverySec: 1, store.DurabilityNone: 0,
	} {
		s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "optin.db"), Durability: d})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c := s.conns[0] // nobody writes now
		if sync, err := c.value(askSynchronous); integer(sync) != want || err != nil {
			t.Errorf("%s: synchronous is %v, %v, want %d", d, sync, err, want)
		}
		if journal, err := c.value(askJournal); text(journal) != "wal" || err != nil {
			t.Errorf("%s: journal_mode is %v, %v", d, journal, err)
		}
	}
}

func TestAConnectionThatWouldKeepLessIsRefused(t *testing.T) {
	path := closedStore(t)
	for have, address := range map[string]string{
		"NORMAL": connectionString(path, syncNormal, writing),
		"OFF":    connectionString(path, syncOff, writing),
		"delete": strings.Replace(
			connectionString(path, syncFull, writing), "journal_mode%28WAL%29", "journal_mode%28DELETE%29", 1,
		),
	} {
		base, err := driversqlite.NewConnector(address)
		if err != nil {
			t.Fatal(err)
		}
		c, err := connector{base, syncFull, writing}.connect(t.Context())
		var unsafe *store.UnsafeError
		if !errors.As(err, &unsafe) || unsafe.Have != have || c != nil {
			t.Errorf("a connection with %s gives %v", have, err)
		}
	}
}

func TestNobodyElseMayReadTheFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	s := open(t, Options{Path: path})
	if err := put(t.Context(), s, "a", nil); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 4 {
		t.Errorf("the files are %v, %v; want the database, its reserve, its log and the log's index", files, err)
	}
	for _, name := range files {
		if file, err := os.Stat(name); err != nil || file.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", name, file.Mode(), err)
		}
	}
}

func TestManyMayOpenAFileThatIsNotThereYet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s, err := Open(t.Context(), Options{Path: path, Durability: store.DurabilityNone})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := put(t.Context(), s, fmt.Sprintf("record-%d", i), nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p, err := open(t, Options{Path: path}).List(t.Context(), store.Query{Site: "gazette"})
	if err != nil || len(p.Records) != 8 {
		t.Errorf("%d records of 8, %v", len(p.Records), err)
	}
	if left, _ := filepath.Glob(path + ".new-*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReadyNoticesThatTheFileIsGone(t *testing.T) {
	for _, lost := range []string{"", "-wal"} {
		path := filepath.Join(t.TempDir(), "optin.db")
		s := open(t, Options{Path: path})
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		remove(t, path+lost)
		var unsafe *store.UnsafeError
		if err := s.Ready(t.Context()); !errors.As(err, &unsafe) || !strings.Contains(unsafe.Setting, path+lost) ||
			unsafe.Fix == "" {
			t.Errorf("without %q, Ready says %v", lost, err)
		}
	}
}

func TestReadyNoticesAnotherFileInItsPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	s := open(t, Options{Path: path})
	if err := os.Rename(closedStore(t), path); err != nil {
		t.Fatal(err)
	}
	var unsafe *store.UnsafeError
	if err := s.Ready(t.Context()); !errors.As(err, &unsafe) || unsafe.Setting != "the file "+path {
		t.Errorf("Ready says %v", err)
	}
}

func TestWhatIsErasedIsNotLeftInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	s := open(t, Options{Path: path})
	secret := strings.Repeat("ada@example.org ", 1000)
	if err := put(t.Context(), s, "a", []byte(secret)); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(-time.Hour)
	err := s.Update(t.Context(), store.Key{Site: "gazette", ID: "b"}, func(store.Record) (store.Change, error) {
		return store.Change{Put: &store.Record{Expires: now, Data: []byte(secret)}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	erase := func(store.Record) (store.Change, error) { return store.Change{Erase: true}, nil }
	if err := s.Update(t.Context(), store.Key{Site: "gazette", ID: "a"}, erase); err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(content), "ada@example") {
			t.Errorf("%s still holds it, %v", name, err)
		}
	}
}
