package sqlite_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// calls are those of a store, by name, on a record, a job of it and a failed one that are there.
func calls(t *testing.T, s *sqlite.Store) map[string]func() error {
	t.Helper()
	key := store.Key{Site: "gazette", ID: "AAAAAAAAAAAAAAAAAAAAAA"}
	ctx, now := t.Context(), time.Now()
	hourly := []store.Limit{{N: 1000, Per: time.Hour}}
	signup := func(id string) func() error {
		return func() error {
			return s.Update(ctx, store.Key{Site: "gazette", ID: id}, func(store.Record) (store.Change, error) {
				return store.Change{
					Put: &store.Record{State: "pending", Created: now, Timer: now, Data: []byte("x")},
					Enqueue: []store.Job{{ID: "job-" + id, Queue: "email", Body: []byte("x"),
						Reserve: []store.Bucket{{Name: "reserved", Limits: hourly}}}},
					Count:   []store.Count{{At: now, Name: "signups", N: 1}},
					Acquire: &store.Acquisition{Buckets: []store.Bucket{{Name: "taken", Limits: hourly}}},
				}, nil
			})
		}
	}
	if err := signup(key.ID)(); err != nil {
		t.Fatal(err)
	}
	jobs, err := s.Lease(ctx, "email", 10, time.Hour)
	if err != nil || len(jobs) != 1 {
		t.Fatal(jobs, err)
	}
	sum := sha256.Sum256([]byte("words"))
	words := hex.EncodeToString(sum[:])
	say := func(ask func() (any, error)) func() error { return func() error { _, err := ask(); return err } }
	change := func(c store.Change) func() error {
		return func() error {
			return s.Update(ctx, key, func(store.Record) (store.Change, error) { return c, nil })
		}
	}
	return map[string]func() error{
		"sign up": signup("BBBBBBBBBBBBBBBBBBBBBB"),
		"change":  change(store.Change{Put: &store.Record{State: "confirmed", Created: now, Data: []byte("y")}}),
		"drop": change(store.Change{
			Put: &store.Record{State: "confirmed", Created: now, Data: []byte("z")}, DropJobs: true,
		}),
		"find": say(func() (any, error) { return s.Find(ctx, key) }),
		"find all": say(func() (any, error) {
			return s.FindAll(ctx, key, store.Key{Site: "gazette", ID: "BBBBBBBBBBBBBBBBBBBBBB"})
		}),
		"list": say(func() (any, error) { return s.List(ctx, store.Query{Site: "gazette"}) }),
		"list by state": say(func() (any, error) {
			return s.List(ctx, store.Query{Site: "gazette", State: "pending"})
		}),
		"count in a state": say(func() (any, error) { return s.InState(ctx, "gazette", "pending") }),
		"due":              say(func() (any, error) { return s.Due(ctx) }),
		"lease":            say(func() (any, error) { return s.Lease(ctx, "email", 10, time.Minute) }),
		"lease timers":     say(func() (any, error) { return s.Lease(ctx, store.TimerQueue, 10, time.Minute) }),
		"renew":            func() error { return s.RenewLease(ctx, jobs[0], time.Hour) },
		"retry":            func() error { return s.End(ctx, jobs[0], store.Retry(now.Add(time.Hour))) },
		"failed":           say(func() (any, error) { return s.Failed(ctx, "email", "", 10) }),
		"run now":          say(func() (any, error) { return s.RunNow(ctx, "email", 10) }),
		"backlogs":         say(func() (any, error) { return s.Backlogs(ctx, "email", store.TimerQueue) }),
		"acquire": say(func() (any, error) {
			return s.Acquire(ctx, "me", store.Bucket{Name: "acquired", Limits: hourly})
		}),
		"set": say(func() (any, error) { return s.SetNX(ctx, "cell", []byte("1"), time.Hour) }),
		"get": say(func() (any, error) { return s.Get(ctx, "cell") }),
		"counts": say(func() (any, error) {
			return s.Counts(ctx, "gazette", store.ByDay, now.Add(-48*time.Hour), now)
		}),
		"put":      func() error { return s.PutText(ctx, words, []byte("words")) },
		"text":     say(func() (any, error) { return s.Text(ctx, words) }),
		"mark":     say(func() (any, error) { _, _, err := s.Mark(ctx); return nil, err }),
		"is empty": say(func() (any, error) { return s.Empty(ctx) }),
		"ready":    func() error { return s.Ready(ctx) },
	}
}

// repair does something to a file with another program.
func repair(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// A file that lost a table, as by a repair, is an error of every call that needs it, and of no other.
func TestWhatATableThatIsMissingHeldIsNotNothing(t *testing.T) {
	needs := map[string][]string{
		"records": {"sign up", "change", "drop", "find", "find all", "list", "list by state", "count in a state",
			"lease timers", "is empty"},
		"jobs":    {"sign up", "drop", "lease", "renew", "retry", "failed", "run now", "backlogs"},
		"buckets": {"sign up", "acquire"},
		"cells":   {"set", "get"},
		"texts":   {"put", "text"},
		"mark":    {"mark"},
		"ready":   {"ready"},
	}
	for table, all := range needs {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "optin.db")
			s, err := sqlite.Open(t.Context(), sqlite.Options{
				Path: path, Durability: store.DurabilityNone, Sweep: 20 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ask := calls(t, s)
			repair(t, path, "ALTER TABLE "+table+" RENAME TO away")
			for _, name := range all {
				if err := ask[name](); err == nil {
					t.Errorf("%s without %s: no error", name, table)
				}
			}
			time.Sleep(50 * time.Millisecond) // the sweeper meets it, too
			repair(t, path, "ALTER TABLE away RENAME TO "+table)
			for _, name := range []string{"sign up", "change", "find", "list", "lease", "acquire", "counts", "ready"} {
				if err := ask[name](); err != nil {
					t.Errorf("%s, with %s again: %v", name, table, err)
				}
			}
		})
	}
}
