package confirm_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// backup returns a service on a copy of the file of another one, with its clock, and with a store that may be away.
func (env *env) backup(path string, away *outage) *env {
	env.t.Helper()
	to := filepath.Join(env.t.TempDir(), "copy.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err == nil {
		_, err = db.ExecContext(env.t.Context(), "VACUUM INTO ?", to)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		env.t.Fatal(err)
	}
	from := openWith(env.t, to, func(o *confirm.Options) {
		o.Logged, o.Store = true, store.Guard(o.Store, away.allowed)
	}, "s")
	from.now = env.clock()
	return from
}

// leaf returns what the log has of the last act.
func (env *env) leaf() confirm.LogEntry {
	env.t.Helper()
	all := env.entries()
	if len(all) == 0 {
		env.t.Fatal("nothing was decided")
	}
	return all[len(all)-1]
}

// A store that was restored from a backup has forgotten what was decided since. The log puts that into it, for every
// spelling of the mailbox.
func TestABackupCatchesUpWithTheLog(t *testing.T) {
	const ada, other = "ada@example.org", "ada+news@example.org"
	for name, row := range map[string]struct {
		before, since func(env *env) // the backup, and after it
		state         consent.State
		may           consent.Reason // why emails to the other spelling may not be sent, or may
		waits         int            // events that the backup has still to tell
	}{
		"confirmed since": {
			func(env *env) { env.consented(other) }, func(env *env) { env.consented(ada) },
			consent.Confirmed, "confirmed", 1,
		},
		"withdrawn since": {
			func(env *env) { env.consented(other); env.consented(ada) },
			func(env *env) {
				_, err := env.Website.Withdraw(env.t.Context(), "gazette", env.id(ada), nil, consent.Evidence{})
				if err != nil {
					env.t.Fatal(err)
				}
			},
			consent.Withdrawn, "confirmed", 2,
		},
		"declined since": {
			func(env *env) { env.consented(other) }, func(env *env) { env.declines(ada) },
			consent.Declined, "declined", 1,
		},
		"objected since": {
			func(env *env) { env.consented(other) }, func(env *env) { env.object(ada) },
			consent.Declined, "objected", 1,
		},
		"allowed again since": {
			func(env *env) { env.object(ada) }, func(env *env) { env.unblock(ada) },
			consent.Declined, "unknown", 0,
		},
		"erased since": {
			func(env *env) { env.consented(ada) }, func(env *env) { env.erase(ada) }, "", "unknown", 0,
		},
		"declined and erased since": {
			func(env *env) { env.consented(ada) },
			func(env *env) { env.declines(ada); env.erase(ada) }, consent.Declined, "declined", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "optin.db")
			env := openWith(t, path, func(o *confirm.Options) { o.Logged = true }, "s")
			row.before(env)
			for _, job := range env.logJobs() {
				if err := env.store.End(t.Context(), job, store.Complete()); err != nil {
					t.Fatal(err)
				}
			}
			env.later(time.Hour)
			away := &outage{}
			restored := env.backup(path, away)
			env.later(time.Hour)
			row.since(env)
			e := env.leaf()
			var erasedAt time.Time
			if e.Erases() {
				erasedAt = e.At
			}
			restored.now = env.clock()
			behind := false
			sweep(t, name, away, func() (err error) { // what was begun is ended the next time
				behind, err = restored.Log.Reapply(t.Context(), e.Key, e.Rest, erasedAt)
				return err
			})
			again, err := restored.Log.Reapply(t.Context(), e.Key, e.Rest, erasedAt)
			if err != nil || !behind || again {
				t.Fatalf("it was behind: %t, and then %t, %v", behind, again, err)
			}
			if state := restored.state(ada); state != row.state {
				t.Errorf("she is %q, want %q", state, row.state)
			}
			if may := restored.may(other, "letter"); may.Reason != row.may {
				t.Errorf("of her other spelling it says %q, want %q", may.Reason, row.may)
			}
			restored.lease(endpoint, row.waits)
		})
	}
}

func TestALogThatDoesNotOpenRestoresNothing(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) { o.Logged = true })
	env.consented("ada@example.org")
	e := env.leaf()
	for name, rest := range map[string][]byte{
		"cut": e.Rest[:len(e.Rest)-1], "spoiled": append([]byte{0xff, 0xff, 0xff, 0xff, 0x7f}, e.Rest...), "empty": {},
	} {
		key := store.Key{Site: "gazette", ID: "AAAAAAAAAAAAAAAAAAAAAA"}
		restored, err := env.Log.Restore(t.Context(), confirm.Restorable{Key: key, Rest: rest})
		if restored != 0 || !errors.Is(err, confirm.ErrUnreadable) {
			t.Errorf("%s: it was restored: %d, %v", name, restored, err)
		}
		behind, err := env.Log.Reapply(t.Context(), e.Key, rest, env.clock())
		if behind || !errors.Is(err, confirm.ErrUnreadable) {
			t.Errorf("%s: it was reapplied: %t, %v", name, behind, err)
		}
	}
	env.damage(e.Key)
	if behind, err := env.Log.Reapply(t.Context(), e.Key, e.Rest, time.Time{}); !behind || err != nil {
		t.Errorf("over a record that does not open: %t, %v", behind, err)
	}
	if state := env.state("ada@example.org"); state != consent.Confirmed {
		t.Errorf("she is %q again", state)
	}
	spoiled := store.Job{ID: "confirmed-x", Queue: confirm.QueueLog, Key: e.Key, Body: []byte("no record")}
	all, err := env.Log.Entries(t.Context(), []store.Job{spoiled}, func() [32]byte { return [32]byte{} })
	if err != nil || !errors.Is(all[0].Err, confirm.ErrUnreadable) {
		t.Errorf("a leaf that does not open: %v, %v", all, err)
	}
}
