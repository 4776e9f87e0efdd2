package outbox_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestLanesThatCannotWorkAreRefused(t *testing.T) {
	good := func() outbox.Lane {
		return outbox.Lane{Kinds: []store.Kind{"a", "b"}, Limit: time.Second, Waits: []time.Duration{time.Second},
			Try: func(context.Context, store.Entry) (bool, error) { return false, nil }}
	}
	for name, spoil := range map[string]func(l *outbox.Lane){
		"no kinds":                  func(l *outbox.Lane) { l.Kinds = nil },
		"a kind without a name":     func(l *outbox.Lane) { l.Kinds = []store.Kind{"a", ""} },
		"a kind twice":              func(l *outbox.Lane) { l.Kinds = []store.Kind{"a", "a"} },
		"a kind of another lane":    func(l *outbox.Lane) { l.Kinds = []store.Kind{"a", "other"} },
		"no trial":                  func(l *outbox.Lane) { l.Try = nil },
		"no limit":                  func(l *outbox.Lane) { l.Limit = 0 },
		"no waits":                  func(l *outbox.Lane) { l.Waits = nil },
		"fewer than no workers":     func(l *outbox.Lane) { l.Workers = -1 },
		"fewer than none at a kind": func(l *outbox.Lane) { l.Each = -1 },
		"probing before":            func(l *outbox.Lane) { l.Probe, l.Repeat = -time.Second, true },
		"probing to the end":        func(l *outbox.Lane) { l.Probe = time.Second },
		"a Then that nobody works":  func(l *outbox.Lane) { l.Then = "nowhere" },
		"nothing":                   nil,
	} {
		l, other := good(), good()
		other.Kinds = []store.Kind{"other"}
		if spoil != nil {
			spoil(&l)
		}
		if _, err := outbox.New(outbox.Options{Store: open(t), Lanes: []outbox.Lane{l, other}}); (err == nil) != (spoil == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := outbox.New(outbox.Options{Lanes: []outbox.Lane{good()}}); err == nil {
		t.Error("it would work without a store")
	}
}

type moving store.Kind

func (moving) Error() string      { return "elsewhere" }
func (m moving) Lane() store.Kind { return store.Kind(m) }

func TestWhatIsTriedAgainIsTriedInTheLaneWhereItWaits(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		then store.Kind
		want store.Kind
	}{
		"as the lane says":    {errors.New("not now"), "letter/again", "letter/again"},
		"as the trial says":   {moving("letter/slow"), "letter/again", "letter/slow"},
		"nowhere else":        {errors.New("not now"), "", kind},
		"where nobody works":  {moving("nowhere"), "letter/again", kind},
		"where it is already": {moving(kind), "letter/again", kind},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := open(t)
				owe(t, st, 1)
				begun, d := time.Now(), &diary{}
				fresh := outbox.Lane{Kinds: []store.Kind{kind}, Limit: time.Minute, Waits: []time.Duration{time.Minute}, Repeat: true, Then: c.then}
				fresh.Try = func(_ context.Context, e store.Entry) (bool, error) {
					d.note(begun, e)
					if e.Tries > 1 {
						return false, nil
					}
					return false, c.err
				}
				again := fresh
				again.Kinds, again.Then = []store.Kind{"letter/again", "letter/slow"}, ""
				again.Try = func(_ context.Context, e store.Entry) (bool, error) {
					d.note(begun, e)
					if e.Tries != 2 {
						t.Errorf("it forgot that it was tried: %d", e.Tries)
					}
					return false, nil
				}
				run(t, st, 5*time.Minute, fresh, again)
				if len(d.kinds) != 2 || d.kinds[0] != kind || d.kinds[1] != c.want {
					t.Fatalf("tried in %v, want %s", d.kinds, c.want)
				}
				if gap := d.at[1]; gap < 48*time.Second || gap > 83*time.Second {
					t.Errorf("again after %v, want about a minute", gap)
				}
			})
		})
	}
}

func TestATrialThatHangsToItsLimitWaitsByTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d := time.Now(), &diary{}
		run(t, st, 90*time.Minute, outbox.Lane{Kinds: []store.Kind{kind}, Limit: time.Minute, Waits: []time.Duration{time.Hour}, Repeat: true,
			Try: func(ctx context.Context, e store.Entry) (bool, error) {
				d.note(begun, e)
				<-ctx.Done()
				return false, context.Cause(ctx)
			}})
		if got := d.tries(); len(got) != 2 || got[1] < 49*time.Minute || got[1] > 73*time.Minute+10*time.Second {
			t.Errorf("tried at %v, want again about an hour after the limit", got)
		}
	})
}
