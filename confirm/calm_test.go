package confirm_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// calms is how many signups may come without a challenge now, one after another; most at most.
func (d *desk) calms(most int) int {
	d.t.Helper()
	for n := range most {
		calm, err := d.NoSurge(d.t.Context(), "gazette")
		if err != nil {
			d.t.Fatal(err)
		}
		if !calm {
			return n
		}
	}
	return most
}

// signups counts so many on each of the days before today.
func (d *desk) signups(perDay int64, days ...int) {
	d.t.Helper()
	for _, ago := range days {
		day := d.clock().UTC().AddDate(0, 0, -ago).Format(time.DateOnly)
		key := store.Key{Site: "gazette", ID: fmt.Sprintf("%022d", ago)}
		err := d.store.Update(d.t.Context(), key, func(store.Record) (store.Change, error) {
			return store.Change{Erase: true, Count: []store.Count{{Day: day, Name: consent.CountSignups, N: perDay}, {Day: day, Name: consent.CountSignups + "/letter", N: perDay}}}, nil
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
}

func site(change func(*confirm.Site)) func(*confirm.Options) {
	return func(o *confirm.Options) { change(&o.Sites[0]) }
}

func TestASiteIsCalmUpToFiveTimesWhatIsNormal(t *testing.T) {
	for name, row := range map[string]struct {
		terms  func(*confirm.Site)
		perDay int64
		days   []int
		want   int
	}{
		"nothing is known":             {func(*confirm.Site) {}, 0, nil, 200},
		"fewer than are ever too many": {func(*confirm.Site) {}, 5000, []int{1, 2, 3, 4, 5, 6, 7}, 200},
		"a busy week":                  {func(*confirm.Site) {}, 144 * 44, []int{1, 2, 3, 4, 5, 6, 7}, 220},
		"one busy day of the week":     {func(*confirm.Site) {}, 144 * 44 * 7, []int{7}, 220},
		"today and long ago":           {func(*confirm.Site) {}, 1e6, []int{0, 8}, 200},
		"said by the operator":         {func(t *confirm.Site) { t.NormalSignups = 6 }, 144 * 44, []int{1, 2, 3, 4, 5, 6, 7}, 30},
		"always":                       {func(t *confirm.Site) { t.Challenge = confirm.ChallengeAlways }, 0, nil, 0},
		"never":                        {func(t *confirm.Site) { t.Challenge, t.NormalSignups = confirm.ChallengeNever, 1 }, 0, nil, 300},
	} {
		t.Run(name, func(t *testing.T) {
			d := deskAs(t, site(row.terms))
			d.signups(row.perDay, row.days...)
			if got := d.calms(300); got != row.want {
				t.Errorf("calm for %d, want %d", got, row.want)
			}
			d.later(10 * time.Minute)
			if row.want > 0 && d.calms(1) != 1 {
				t.Error("not calm ten minutes later")
			}
		})
	}
}

// asking counts what is asked of a store.
type asking struct {
	store.Store
	counts, held int
	away         bool
}

func (a *asking) Counts(ctx context.Context, site, from, to string) ([]store.Count, error) {
	a.counts++
	if a.away {
		return nil, store.ErrUnavailable
	}
	return a.Store.Counts(ctx, site, from, to)
}

func (a *asking) Get(ctx context.Context, name string) ([]byte, error) {
	a.held++
	return a.Store.Get(ctx, name)
}

func TestWhatIsNormalIsLookedUpSeldom(t *testing.T) {
	d := newDesk(t)
	a := &asking{Store: d.store, away: true}
	d.Store = a
	if calm, err := d.NoSurge(t.Context(), "gazette"); calm || !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(calm, err)
	}
	a.away, a.counts = false, 0
	d.calms(20)
	d.later(10*time.Minute - time.Second)
	d.calms(20)
	if a.counts != 1 {
		t.Errorf("looked up %d times in ten minutes", a.counts)
	}
	d.later(time.Second)
	d.calms(20)
	if a.counts != 2 {
		t.Errorf("looked up %d times in twenty", a.counts)
	}
	if a.held != 2 { // at first, and after the long wait
		t.Errorf("asked %d times whether the site is tripped", a.held)
	}
}

func TestATrippedSiteIsNotCalmForAnHour(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	d, other := open(t, path, "s"), open(t, path, "s")
	if d.calms(3) != 3 || other.calms(3) != 3 {
		t.Fatal("not calm")
	}
	if err := d.StartSurge(t.Context(), "gazette"); err != nil {
		t.Fatal(err)
	}
	if d.calms(1) != 0 {
		t.Error("calm right after it was tripped")
	}
	if other.calms(1) != 1 {
		t.Error("another replica asks at each signup")
	}
	for _, d := range []*desk{d, other} {
		for _, after := range []time.Duration{5 * time.Second, time.Hour - 10*time.Second} {
			d.later(after)
			if d.calms(1) != 0 {
				t.Errorf("calm another %v later", after)
			}
		}
		d.later(5 * time.Second)
	}
	if d.calms(1) != 1 {
		t.Error("not calm an hour later")
	}
}

func TestAnUnknownSiteIsNeitherCalmNorTripped(t *testing.T) {
	d := newDesk(t)
	if calm, err := d.NoSurge(t.Context(), "nope"); calm || !errors.Is(err, confirm.ErrUnknownSite) {
		t.Error(calm, err)
	}
	if err := d.StartSurge(t.Context(), "nope"); !errors.Is(err, confirm.ErrUnknownSite) {
		t.Error(err)
	}
}

func TestManyWhoSayThatItWasNotThemTripTheSite(t *testing.T) {
	d := newDesk(t)
	var drafts []confirm.Message
	for i := range 21 {
		d.ask(fmt.Sprintf("p%d@example.org", i), "letter")
		drafts = append(drafts, d.letter())
	}
	decline := func(i int) {
		t.Helper()
		if _, err := d.Person.Decline(t.Context(), tokenOf(drafts[i].Decline), consent.Evidence{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		decline(i)
		decline(i) // again changes nothing, and counts for nothing
	}
	if d.calms(1) != 1 {
		t.Fatal("tripped by twenty")
	}
	decline(20)
	if d.calms(1) != 0 {
		t.Error("not tripped by twenty-one")
	}
}
