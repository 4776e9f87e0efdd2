package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

// versionOne is a file as the first version wrote it: four records, of whose letters two are dead, one is leased, one is due.
func versionOne(t *testing.T) string {
	t.Helper()
	return fromDump(t, 1)
}

// versionTwo is a file as the second version wrote it: four records, of whose letters two are dead, one is leased, one waits; a bucket
// with three named takes and one that is not; a reservation.
func versionTwo(t *testing.T) string {
	t.Helper()
	return fromDump(t, 2)
}

func fromDump(t *testing.T, version int) string {
	t.Helper()
	dump, err := os.ReadFile(fmt.Sprintf("testdata/version%d.sql", version))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "optin.db")
	do(t, path, string(dump))
	return path
}

func numbered(n string) store.Key { return store.Key{Site: "gazette", ID: "record_00000000000000" + n} }

func TestAFileOfTheFirstVersionKeepsWhatItHolds(t *testing.T) {
	s := open(t, Options{Path: versionOne(t)})
	for n, data := range map[string]string{"0": "sealed a", "1": "sealed b", "2": "sealed c", "3": "sealed d"} {
		if r, err := s.Find(t.Context(), numbered(n)); err != nil || string(r.Data) != data || r.State != "pending" {
			t.Errorf("record %s is %+v, %v", n, r, err)
		}
	}
	if text, err := s.Text(t.Context(), "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"); string(text) != "text" {
		t.Errorf("the text is %q, %v", text, err)
	}
	held := store.Job{ID: "letter-c", Queue: "letter", Key: numbered("2"), Attempts: 1}
	if err := s.End(t.Context(), held, store.Fail()); err != nil {
		t.Errorf("settling what was leased: %v", err)
	}
	if es, err := s.Lease(t.Context(), "letter", 9, time.Minute); err != nil || len(es) != 1 || es[0].ID != "letter-d" {
		t.Errorf("due are %+v, %v", es, err)
	}
	es, err := s.Failed(t.Context(), "letter", "", 9)
	if err != nil || len(es) != 3 || es[0].ID != "letter-a" || es[1].ID != "letter-b" || es[2].ID != "letter-c" {
		t.Fatalf("dead are %+v, %v: want those of before first", es, err)
	}
	if !es[0].Due.IsZero() || es[2].Due.IsZero() {
		t.Errorf("they died at %v and %v; when the first did is not known", es[0].Due, es[2].Due)
	}
	if es, err := s.Failed(t.Context(), "letter", "letter-a", 9); err != nil || len(es) != 2 {
		t.Errorf("after the first come %+v, %v", es, err)
	}
	if err := s.Requeue(t.Context(), "letter", "letter-a", numbered("0")); err != nil {
		t.Errorf("reviving: %v", err)
	}
}

func TestAFileOfTheFirstVersionTakesWhatIsNew(t *testing.T) {
	path := versionOne(t)
	s := open(t, Options{Path: path})
	one := store.Count{Day: "2026-10-01", Name: "signup", N: 1}
	err := s.Update(t.Context(), numbered("0"), func(r store.Record) (store.Change, error) {
		return store.Change{Put: &r, Count: []store.Count{one}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetNX(t.Context(), "name", []byte("mine"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Path: path}) // it is upgraded once
	if got, err := s.Counts(t.Context(), "gazette", one.Day, one.Day); err != nil || len(got) != 1 || got[0] != one {
		t.Errorf("counted are %v, %v", got, err)
	}
	if held, err := s.SetNX(t.Context(), "name", []byte("another's"), time.Hour); string(held) != "mine" || err != nil {
		t.Errorf("reserved is %q, %v", held, err)
	}
}

func TestAFileOfTheSecondVersionKeepsWhatItHolds(t *testing.T) {
	c := &clock{now: time.UnixMilli(1778051289011)} // when its last take was
	s := open(t, Options{Path: versionTwo(t), Now: c.Now})
	for n, data := range map[string]string{"0": "sealed a", "1": "sealed b", "2": "sealed c", "3": "sealed d"} {
		if r, err := s.Find(t.Context(), numbered(n)); err != nil || string(r.Data) != data || r.State != "pending" {
			t.Errorf("record %s is %+v, %v", n, r, err)
		}
	}
	if got, err := s.Counts(t.Context(), "gazette", "2026-05-06", "2026-05-06"); err != nil || len(got) != 1 || got[0].N != 4 {
		t.Errorf("counted are %+v, %v", got, err)
	}
	if held, err := s.Get(t.Context(), "name"); string(held) != "mine" || err != nil {
		t.Errorf("reserved is %q, %v", held, err)
	}
	es, err := s.Failed(t.Context(), "letter", "", 9)
	if err != nil || len(es) != 2 || es[0].ID != "letter-a" || es[1].ID != "letter-b" || es[0].Due.IsZero() {
		t.Errorf("dead are %+v, %v", es, err)
	}
	if n, err := s.RunNow(t.Context(), "letter", 9); n != 1 || err != nil {
		t.Errorf("hastened are %d, %v, want the one that waits", n, err)
	}
	if es, err := s.Lease(t.Context(), "letter", 9, time.Minute); err != nil || len(es) != 1 || es[0].ID != "letter-d" {
		t.Errorf("due are %+v, %v", es, err)
	}
}

func TestAnUpgradedFileIsLikeANewOne(t *testing.T) {
	shape := func(s *Store) (shape []string) {
		rows, err := s.reader.db.Query("SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var one string
			if err := rows.Scan(&one); err != nil {
				t.Fatal(err)
			}
			shape = append(shape, one)
		}
		return shape
	}
	fresh := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	for _, older := range []string{versionOne(t), versionTwo(t)} {
		if diff := cmp.Diff(shape(fresh), shape(open(t, Options{Path: older}))); diff != "" {
			t.Errorf("new (-), upgraded (+):\n%s", diff)
		}
	}
	if have, err := schemaOf(t.Context(), fresh.reader.db); have != version || err != nil {
		t.Errorf("a new file has schema %d, %v", have, err)
	}
}

func TestManyProcessesMayUpgradeAFileAtOnce(t *testing.T) {
	path := versionOne(t)
	var all sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		all.Go(func() {
			s, err := Open(t.Context(), Options{Path: path, Durability: None})
			if err == nil {
				_, err = s.Find(t.Context(), numbered("0"))
				err = errors.Join(err, s.Close())
			}
			errs[i] = err
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func TestAnUpgradeThatFailsLeavesTheFileAsItWas(t *testing.T) {
	for name, path := range map[string]string{"first": versionOne(t), "second": versionTwo(t)} {
		do(t, path, "CREATE INDEX takes_taker ON records (site)") // the last thing that the upgrade makes is in the way
		if _, err := Open(t.Context(), Options{Path: path, Durability: None}); err == nil {
			t.Fatalf("a file of the %s version was opened", name)
		}
		do(t, path, "DROP INDEX takes_taker")
		write(t, path+"-wal", nil) // the other program took the log away as it closed
		s := open(t, Options{Path: path})
		if es, err := s.Failed(t.Context(), "letter", "", 9); err != nil || len(es) != 2 {
			t.Errorf("in a file of the %s version the dead are %+v, %v", name, es, err)
		}
	}
}
