package identity_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/identity"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// env is a store, and what is known of it beside the configuration of one machine.
type env struct {
	*testing.T
	store *sqlite.Store
	known identity.Known
	now   time.Time
}

func newEnv(t *testing.T) *env {
	e := &env{T: t, now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	e.empty()
	return e
}

// empty puts an empty store in the place of the one that is there.
func (e *env) empty() {
	e.Helper()
	st, err := sqlite.Open(e.Context(), sqlite.Options{
		Path: filepath.Join(e.TempDir(), "optin.db"), Durability: store.DurabilityNone,
	})
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { _ = st.Close() })
	e.store = st
}

// start is a process that starts with these secrets.
func (e *env) start(secrets ...string) *identity.Keeper {
	return identity.New(identity.Options{
		Store: e.store, Fingerprints: secrets, Known: e.known, Now: func() time.Time { return e.now },
		Remember: func(k identity.Known) { e.known = k },
	})
}

// fill puts a record into the store.
func (e *env) fill() {
	e.Helper()
	err := e.store.Update(e.Context(), store.Key{Site: "gazette", ID: "record_000000000000001"},
		func(store.Record) (store.Change, error) {
			return store.Change{Put: &store.Record{State: "pending"}}, nil
		})
	if err != nil {
		e.Fatal(err)
	}
}

// right fails unless the store is the right one.
func (e *env) right(k *identity.Keeper) {
	e.Helper()
	if err := k.Check(e.Context()); err != nil || k.Err() != nil {
		e.Errorf("%v, %v", err, k.Err())
	}
}

// refused fails unless the store is refused with these words, and the keeper goes on refusing it.
func (e *env) refused(k *identity.Keeper, words string) {
	e.Helper()
	err := k.Check(e.Context())
	u, m := new(store.UnsafeError), new(identity.Mismatch)
	if !errors.As(err, &u) || !errors.As(err, &m) || !strings.Contains(err.Error(), words) || k.Err() == nil {
		e.Errorf("%v, want words %q", err, words)
	}
}

func TestAStoreIsMarkedOnceAndKnownFromThenOn(t *testing.T) {
	e := newEnv(t)
	first := e.start("a")
	if first.Err() == nil {
		t.Error("a store that nobody has looked at is right")
	}
	if err := first.Inspect(t.Context()); err != nil || e.known.ID != "" {
		t.Errorf("looking changes something: %v, %+v", err, e.known)
	}
	if mark, _, err := e.store.Mark(t.Context()); mark != nil || err != nil {
		t.Errorf("looking marks the store: %s, %v", mark, err)
	}
	e.right(first)
	known := e.known
	if known.ID == "" || !known.Born.Equal(e.now) || !first.LostBefore().Equal(e.now.Add(-24*time.Hour)) {
		t.Errorf("known is %+v", known)
	}
	e.now = e.now.Add(time.Hour)
	e.known = identity.Known{} // another machine
	e.right(e.start("a"))
	e.right(first)
	if e.known != known {
		t.Errorf("another process knows %+v, want %+v", e.known, known)
	}
}

func TestAStoreThatLostItsDataIsRefused(t *testing.T) {
	for name, act := range map[string]struct {
		lose  func(e *env)
		words string
	}{
		"empty":           {func(*env) {}, "missing, because the store has lost its data"},
		"empty, and used": {func(e *env) { e.fill() }, "missing, because the store has lost its data"},
		"begun by a process that knew nothing": {func(e *env) {
			known := e.known
			e.known = identity.Known{}
			e.right(e.start("a"))
			e.known = known
		}, "must be that of"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			e.right(e.start("a"))
			e.fill()
			running := e.start("a")
			e.right(running)
			e.empty()
			running.Store = e.store
			act.lose(e)
			e.refused(running, act.words)
			e.refused(e.start("a"), act.words)
			e.refused(e.start("a"), "optin store accept-empty")
			e.now = e.now.Add(time.Hour)
			done, err := e.start("a").Accept(t.Context())
			if err != nil || done == "" {
				t.Fatal(err)
			}
			e.right(running) // by itself
			e.right(e.start("a"))
			again, err := e.start("a").Accept(t.Context())
			if err != nil || !strings.Contains(again, "nothing to accept") {
				t.Errorf("once more: %s, %v", again, err)
			}
		})
	}
}

func TestAcceptingBeginsTheStoreAnewUnlessOnlyItsMarkWasLost(t *testing.T) {
	e := newEnv(t)
	e.right(e.start("a"))
	born := e.known
	e.now = e.now.Add(time.Hour)
	e.empty()
	k := e.start("a")
	if _, err := k.Accept(t.Context()); err != nil || !e.known.Born.Equal(e.now) || e.known.ID == born.ID ||
		!k.LostBefore().Equal(e.now) {
		t.Errorf("%+v, %v", e.known, err)
	}
	e.empty()
	e.fill()
	known := e.known
	e.now = e.now.Add(time.Hour)
	if done, err := e.start("a").Accept(t.Context()); err != nil || e.known != known ||
		!strings.Contains(done, "only its mark") {
		t.Errorf("%s, %+v, %v", done, e.known, err)
	}
}

func TestTheSecretsAreThoseThatTheDataWasMadeWith(t *testing.T) {
	e := newEnv(t)
	e.right(e.start("a"))
	e.right(e.start("b")) // nothing was made with a
	e.fill()
	for _, row := range []struct {
		secrets []string
		refused bool
		missing string // a word of the warning
	}{
		{[]string{"c"}, true, ""},
		{[]string{"a"}, true, ""},
		{[]string{"c", "b"}, false, ""}, // a rotation
		{[]string{"c"}, false, "the secret b"},
		{[]string{"d"}, true, ""},
		{[]string{"b", "c", "d"}, false, ""},
	} {
		k := e.start(row.secrets...)
		if row.refused {
			e.refused(k, "delete nothing")
			m := new(identity.Mismatch)
			if !errors.As(k.Err(), &m) || !m.Secret {
				t.Errorf("%v: it is not told from a loss", row.secrets)
			}
			continue
		}
		e.right(k)
		missing := strings.Join(k.Missing(), "\n")
		if row.missing == "" && missing != "" || !strings.Contains(missing, row.missing) {
			t.Errorf("%v: missing are %q", row.secrets, missing)
		}
	}
}

func TestAStoreIsRefusedUntilItsRestoreHasEnded(t *testing.T) {
	e := newEnv(t)
	e.right(e.start("a"))
	e.fill()
	e.empty()
	restore := e.start("a")
	e.refused(restore, "lost its data")
	if err := restore.BeginRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.right(restore) // which goes on
	service := e.start("a")
	e.refused(service, "a restore which began at 2026-11-30T12:00:00Z and has not ended")
	e.fill()
	e.now = e.now.Add(time.Hour)
	again := e.start("a") // the first one was killed
	e.refused(again, "run it again")
	for range 2 {
		if err := again.BeginRestore(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	e.refused(service, "has not ended")
	if err := again.EndRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.right(again)
	e.right(service)
	e.right(e.start("a"))

	// Who cannot run it again says that what is missing is lost.
	if err := again.BeginRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.refused(service, "has not ended")
	if said, err := e.start("a").Accept(t.Context()); err != nil || !strings.Contains(said, "is lost") {
		t.Errorf("%q, %v", said, err)
	}
	e.right(service)
}

// newer is a store that says how new its data is.
type newer struct {
	store.Marks
	newest time.Time
}

func (n *newer) Newest() time.Time { return n.newest }

// A process that is killed has said so a few seconds before at the latest; one that is stopped says it exactly.
func TestHowNewTheDataIsIsRememberedForTheNextProcess(t *testing.T) {
	e := newEnv(t)
	st, times := &newer{Marks: e.store, newest: e.now}, 0
	k := identity.New(identity.Options{
		Store: st, Fingerprints: []string{"aaaa"}, Now: func() time.Time { return e.now },
		Remember: func(k identity.Known) { e.known, times = k, times+1 },
	})
	k.Close() // before the store was met
	for range 26 {
		e.right(k)
		st.newest = st.newest.Add(time.Second)
	}
	if late := st.newest.Sub(e.known.Newest); late > 11*time.Second || times != 3 {
		t.Errorf("after 26 s it was remembered %d times, the last %v ago", times, late)
	}
	k.Close()
	if !e.known.Newest.Equal(st.newest) || e.known.ID == "" {
		t.Errorf("remembered is %+v, not that it was as new as %v", e.known, st.newest)
	}
}
