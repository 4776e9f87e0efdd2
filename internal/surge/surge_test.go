package surge_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// env is a Surge on a real store, with a clock that the test moves.
type env struct {
	*surge.Surge
	t     *testing.T
	store store.Store
	asked *asking
	mu    sync.Mutex
	now   time.Time
}

func newEnv(t *testing.T, site surge.Site) *env {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "optin.db"), site)
}

func open(t *testing.T, path string, site surge.Site) *env {
	t.Helper()
	env := &env{t: t, now: time.Date(2026, 11, 21, 18, 2, 11, 402e6, time.UTC)}
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Now: env.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	env.store, env.asked = st, &asking{Store: st}
	env.Surge = surge.New(surge.Options{
		Store: env.asked, Now: env.clock, Sites: map[string]surge.Site{"gazette": site},
	})
	return env
}

func (env *env) clock() time.Time { env.mu.Lock(); defer env.mu.Unlock(); return env.now }

func (env *env) later(by time.Duration) { env.mu.Lock(); env.now = env.now.Add(by); env.mu.Unlock() }

// admitted is how many signups may come without a challenge now, one after another; most at most.
func (env *env) admitted(most int) int {
	env.t.Helper()
	for n := range most {
		ok, err := env.Admit(env.t.Context(), "gazette")
		if err == nil && ok {
			ok, err = env.takes()
		}
		if err != nil {
			env.t.Fatal(err)
		}
		if !ok {
			return n
		}
	}
	return most
}

// takes is a signup that comes without a challenge, and whether there was room for it.
func (env *env) takes() (bool, error) {
	b, err := env.Bucket(env.t.Context(), "gazette")
	if err != nil {
		return false, err
	}
	waits, err := env.store.Acquire(env.t.Context(), "", b)
	return waits == nil, err
}

// signups counts so many on each of the days before today.
func (env *env) signups(perDay int64, days ...int) {
	env.t.Helper()
	for _, ago := range days {
		day := env.clock().UTC().AddDate(0, 0, -ago)
		key := store.Key{Site: "gazette", ID: fmt.Sprintf("%022d", ago)}
		err := env.store.Update(env.t.Context(), key, func(store.Record) (store.Change, error) {
			return store.Change{Erase: true, Count: []store.Count{
				{At: day, Name: consent.CountSignups, N: perDay},
				{At: day, Name: consent.CountSignups, By: consent.DimensionPurpose, Of: "letter", N: perDay},
			}}, nil
		})
		if err != nil {
			env.t.Fatal(err)
		}
	}
}

// asking counts what is asked of a store.
type asking struct {
	store.Store
	counts, cells int
	away          bool
}

func (a *asking) Counts(
	ctx context.Context, site string, by store.CountPeriod, from, to time.Time,
) ([]store.Count, error) {
	a.counts++
	if a.away {
		return nil, store.ErrUnavailable
	}
	return a.Store.Counts(ctx, site, by, from, to)
}

func (a *asking) Get(ctx context.Context, name string) ([]byte, error) {
	a.cells++
	return a.Store.Get(ctx, name)
}

func TestMoreThanFiveTimesTheNormalSignupsAreASurge(t *testing.T) {
	for name, row := range map[string]struct {
		site   surge.Site
		perDay int64
		days   []int
		want   int
	}{
		"nothing is known":             {surge.Site{}, 0, nil, 200},
		"fewer than are ever too many": {surge.Site{}, 5000, []int{1, 2, 3, 4, 5, 6, 7}, 200},
		"a busy week":                  {surge.Site{}, 144 * 44, []int{1, 2, 3, 4, 5, 6, 7}, 220},
		"one busy day of the week":     {surge.Site{}, 144 * 44 * 7, []int{7}, 220},
		"today and long ago":           {surge.Site{}, 1e6, []int{0, 8}, 200},
		"said by the operator":         {surge.Site{NormalSignups: 6}, 144 * 44, []int{1, 2, 3, 4, 5, 6, 7}, 30},
		"always":                       {surge.Site{Policy: surge.ChallengeAlways}, 0, nil, 0},
		"never":                        {surge.Site{Policy: surge.ChallengeNever, NormalSignups: 1}, 0, nil, 300},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t, row.site)
			env.signups(row.perDay, row.days...)
			if got := env.admitted(300); got != row.want {
				t.Errorf("%d are admitted, want %d", got, row.want)
			}
			env.later(10*time.Minute + 10*time.Minute/32) // a large limit is counted in slices of its window
			if row.want > 0 && env.admitted(1) != 1 {
				t.Error("none is admitted ten minutes and a slice later")
			}
		})
	}
}

func TestTheNormalSignupsAreLookedUpSeldom(t *testing.T) {
	env := newEnv(t, surge.Site{})
	env.asked.away = true
	if _, err := env.Bucket(t.Context(), "gazette"); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	env.asked.away, env.asked.counts = false, 0
	env.admitted(20)
	env.later(10*time.Minute - time.Second)
	env.admitted(20)
	if env.asked.counts != 1 {
		t.Errorf("looked up %d times in ten minutes", env.asked.counts)
	}
	env.later(time.Second)
	env.admitted(20)
	if env.asked.counts != 2 {
		t.Errorf("looked up %d times in twenty", env.asked.counts)
	}
	if env.asked.cells != 2 { // at first, and after the long wait
		t.Errorf("asked %d times whether a surge was started", env.asked.cells)
	}
}

func TestASurgeThatWasStartedLastsAnHourForAllProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	one, other := open(t, path, surge.Site{}), open(t, path, surge.Site{})
	if one.admitted(3) != 3 || other.admitted(3) != 3 {
		t.Fatal("a surge from the beginning")
	}
	if err := one.Start(t.Context(), "gazette"); err != nil {
		t.Fatal(err)
	}
	if one.admitted(1) != 0 {
		t.Error("no surge right after it was started")
	}
	if other.admitted(1) != 1 {
		t.Error("another process asks at each signup")
	}
	for _, process := range []*env{one, other} {
		for _, after := range []time.Duration{5 * time.Second, time.Hour - 10*time.Second} {
			process.later(after)
			if process.admitted(1) != 0 {
				t.Errorf("no surge another %v later", after)
			}
		}
		process.later(5 * time.Second)
	}
	if one.admitted(1) != 1 {
		t.Error("still a surge an hour later")
	}
}

func TestAnUnknownSiteHasNoSurge(t *testing.T) {
	env := newEnv(t, surge.Site{})
	if ok, err := env.Admit(t.Context(), "nope"); ok || !errors.Is(err, surge.ErrUnknownSite) {
		t.Error(ok, err)
	}
	if err := env.Start(t.Context(), "nope"); !errors.Is(err, surge.ErrUnknownSite) {
		t.Error(err)
	}
}

func TestManyDeclinesStartASurge(t *testing.T) {
	env := newEnv(t, surge.Site{})
	for range 20 {
		env.Declined(t.Context(), "gazette")
	}
	if env.admitted(1) != 1 {
		t.Fatal("a surge after twenty")
	}
	env.Declined(t.Context(), "gazette")
	if env.admitted(1) != 0 {
		t.Error("no surge after twenty-one")
	}
}
