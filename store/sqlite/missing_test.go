package sqlite

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// calls are those of a store, by name, on a record, a job of it and a failed one that are there.
func calls(t *testing.T, s *Store) map[string]func() error {
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
	for _, id := range []string{key.ID, "CCCCCCCCCCCCCCCCCCCCCC", "DDDDDDDDDDDDDDDDDDDDDD"} {
		if err := signup(id)(); err != nil {
			t.Fatal(err)
		}
	}
	jobs, err := s.Lease(ctx, "email", 10, time.Hour)
	if err != nil || len(jobs) != 3 {
		t.Fatal(jobs, err)
	}
	leased, failed, waiting := jobs[0], jobs[1], jobs[2]
	timer := store.Job{ID: key.ID, Queue: store.TimerQueue, Key: key, Attempts: 1}
	sum := sha256.Sum256([]byte("words"))
	words := hex.EncodeToString(sum[:])
	for what, err := range map[string]error{
		"fail": s.End(ctx, failed, store.Fail()), "put off": s.End(ctx, waiting, store.Retry(now.Add(time.Hour))),
		"put": s.PutText(ctx, words, []byte("words")),
	} {
		if err != nil {
			t.Fatal(what, err)
		}
	}
	say := func(ask func() (any, error)) func() error { return func() error { _, err := ask(); return err } }
	change := func(c store.Change) func() error {
		return func() error {
			return s.Update(ctx, key, func(store.Record) (store.Change, error) { return c, nil })
		}
	}
	return map[string]func() error{
		"sign up": signup("BBBBBBBBBBBBBBBBBBBBBB"),
		"change":  change(store.Change{Put: &store.Record{State: "confirmed", Created: now, Data: []byte("y")}}),
		"change as it was read": func() error {
			known, err := s.Find(ctx, key)
			if err != nil {
				return err
			}
			return s.UpdateFrom(ctx, known, func(store.Record) (store.Change, error) {
				return store.Change{
					Put: &store.Record{State: "declined", Created: now, Data: []byte("z")},
					End: &store.JobEnd{Job: leased, Outcome: store.Complete()},
				}, nil
			})
		},
		"erase": change(store.Change{Erase: true}),
		"drop": change(store.Change{
			Put: &store.Record{State: "confirmed", Created: now, Data: []byte("z")}, DropJobs: true,
		}),
		"find": say(func() (any, error) { return s.Find(ctx, key) }),
		"find all": say(func() (any, error) {
			return s.FindAll(ctx, key, store.Key{Site: "gazette", ID: "BBBBBBBBBBBBBBBBBBBBBB"})
		}),
		"find many": say(func() (any, error) {
			return s.FindAll(ctx, key, store.Key{Site: "gazette", ID: "BBBBBBBBBBBBBBBBBBBBBB"}, key)
		}),
		"list": say(func() (any, error) { return s.List(ctx, store.Query{Site: "gazette"}) }),
		"list by state": say(func() (any, error) {
			return s.List(ctx, store.Query{Site: "gazette", State: "pending"})
		}),
		"count in a state": say(func() (any, error) { return s.InState(ctx, "gazette", "pending") }),
		"due":              say(func() (any, error) { return s.Due(ctx) }),
		"lease":            say(func() (any, error) { return s.Lease(ctx, "email", 10, time.Minute) }),
		"lease timers":     say(func() (any, error) { return s.Lease(ctx, store.TimerQueue, 10, time.Minute) }),
		"renew":            func() error { return s.RenewLease(ctx, leased, time.Hour) },
		"renew a timer":    func() error { return s.RenewLease(ctx, timer, time.Hour) },
		"complete":         func() error { return s.End(ctx, leased, store.Complete()) },
		"retry":            func() error { return s.End(ctx, leased, store.Retry(now.Add(time.Hour))) },
		"move":             func() error { return s.End(ctx, leased, store.Move("slow", now)) },
		"fail":             func() error { return s.End(ctx, leased, store.Fail()) },
		"retry a timer":    func() error { return s.End(ctx, timer, store.Retry(now.Add(time.Hour))) },
		"remove a timer":   func() error { return s.End(ctx, timer, store.Fail()) },
		"requeue":          func() error { return s.Requeue(ctx, "email", failed.ID, failed.Key) },
		"make due":         func() error { return s.MakeDue(ctx, "email", waiting.ID, waiting.Key) },
		"failed":           say(func() (any, error) { return s.Failed(ctx, "email", "", 10) }),
		"failed after one": say(func() (any, error) { return s.Failed(ctx, "email", failed.ID, 10) }),
		"run now":          say(func() (any, error) { return s.RunNow(ctx, "email", 10) }),
		"backlogs":         say(func() (any, error) { return s.Backlogs(ctx, "email", "slow") }),
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
			"lease timers", "is empty", "change as it was read", "erase", "renew a timer", "retry a timer",
			"remove a timer"},
		"jobs": {"sign up", "drop", "lease", "renew", "complete", "retry", "move", "fail", "failed",
			"failed after one", "requeue", "make due", "run now", "backlogs"},
		"buckets": {"sign up", "acquire"},
		"cells":   {"set", "get"},
		"texts":   {"put", "text"},
		"mark":    {"mark"},
		"ready":   {},
	}
	for table, all := range needs {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "optin.db")
			s, err := Open(t.Context(), Options{
				Path: path, Durability: store.DurabilityNone, Sweep: 20 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ask := calls(t, s)
			repair(t, path, "ALTER TABLE "+table+" RENAME TO away")
			for _, name := range append(all, "ready") {
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

// What fails every signup is said before one meets it.
func TestOtherTablesAreUnsafe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	s := open(t, Options{Path: path})
	for spoil, mend := range map[string]string{
		"ALTER TABLE jobs RENAME TO away": "ALTER TABLE away RENAME TO jobs",
		"DROP INDEX records_next":         "CREATE INDEX records_next ON records (next) WHERE next IS NOT NULL",
		"CREATE TRIGGER no BEFORE INSERT ON records BEGIN SELECT raise(ABORT, 'no'); END": "DROP TRIGGER no",
		"PRAGMA user_version = 2":   "PRAGMA user_version = 1",
		"PRAGMA application_id = 1": "PRAGMA application_id = 1869640809",
	} {
		repair(t, path, spoil)
		var u *store.UnsafeError
		if err := s.Ready(t.Context()); !errors.As(err, &u) || !strings.Contains(u.Setting, "the schema of "+path) ||
			u.Words == "" || !u.Incomplete {
			t.Errorf("%s: %v", spoil, err)
		}
		repair(t, path, mend)
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("%s: %v", mend, err)
		}
	}
	repair(t, path, "CREATE INDEX of_mine ON records (state)") // which is slow, and fails nothing
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
