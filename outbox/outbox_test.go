package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/outbox"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

const kind = store.Kind("letter")

func open(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func owe(t *testing.T, st store.Store, n int) {
	t.Helper()
	var owed []store.Entry
	for i := range n {
		owed = append(owed, store.Entry{ID: fmt.Sprint("e", i), Kind: kind})
	}
	err := st.Update(t.Context(), store.Key{Site: "gazette", ID: "0123456789abcdefghijkl"}, func(store.Record) (store.Change, error) {
		return store.Change{Put: &store.Record{Created: time.Now(), Data: []byte("x")}, Owe: owed}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// diary notes what was tried when.
type diary struct {
	mu  sync.Mutex
	at  []time.Duration
	ids []string
}

func (d *diary) note(begun time.Time, e store.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at, d.ids = append(d.at, time.Since(begun)), append(d.ids, e.ID)
}

func (d *diary) tries() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]time.Duration(nil), d.at...)
}

// run lets an outbox work for some time, which passes at once.
func run(t *testing.T, st store.Store, l outbox.Lane, howLong time.Duration) {
	t.Helper()
	b, err := outbox.New(outbox.Options{Store: st, Lanes: []outbox.Lane{l}, Poll: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), howLong)
	defer stop()
	b.Run(ctx)
}

type later time.Duration

func (l later) Error() string             { return "not before " + time.Duration(l).String() }
func (l later) RetryAfter() time.Duration { return time.Duration(l) }

type parked struct{}

func (parked) Error() string { return "never" }
func (parked) Park() bool    { return true }

func TestARefusedEntryIsTriedAgainByTheTableOfWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d := time.Now(), &diary{}
		waits := []time.Duration{time.Minute, time.Hour}
		run(t, st, outbox.Lane{Kind: kind, Limit: time.Minute, Waits: waits, Try: func(_ context.Context, e store.Entry) (bool, error) {
			d.note(begun, e)
			return false, errors.New("not now")
		}}, 4*time.Hour)
		got := d.tries()
		if len(got) != 3 {
			t.Fatalf("tried at %v, want three times and then parked", got)
		}
		for i, w := range waits {
			if gap := got[i+1] - got[i]; gap < w-w/5 || gap > w+w/5+11*time.Second {
				t.Errorf("wait %d was %v, want %v give or take a fifth", i, gap, w)
			}
		}
	})
}

func TestALaneThatRepeatsGoesOnUntilItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d := time.Now(), &diary{}
		run(t, st, outbox.Lane{Kind: kind, Limit: time.Minute, Repeat: true, Waits: []time.Duration{time.Minute}, Try: func(_ context.Context, e store.Entry) (bool, error) {
			d.note(begun, e)
			if e.Tries < 20 {
				return false, errors.New("not now")
			}
			return false, nil
		}}, time.Hour)
		if n := len(d.tries()); n != 20 {
			t.Errorf("tried %d times, want 20", n)
		}
	})
}

func TestAnErrorMayAskForALongerWaitOrForNone(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"longer": {fmt.Errorf("the receiver: %w", later(30*time.Minute)), 2},
		"parked": {fmt.Errorf("gone: %w", parked{}), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := open(t)
				owe(t, st, 1)
				begun, d := time.Now(), &diary{}
				run(t, st, outbox.Lane{Kind: kind, Limit: time.Minute, Repeat: true, Waits: []time.Duration{time.Second}, Try: func(_ context.Context, e store.Entry) (bool, error) {
					d.note(begun, e)
					return false, c.err
				}}, 50*time.Minute)
				if n := len(d.tries()); n != c.want {
					t.Errorf("tried %d times, want %d", n, c.want)
				}
			})
		})
	}
}

func TestAPanicIsOneEntrysTroubleOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 3)
		begun, d := time.Now(), &diary{}
		run(t, st, outbox.Lane{Kind: kind, Limit: time.Minute, Waits: []time.Duration{time.Hour}, Try: func(_ context.Context, e store.Entry) (bool, error) {
			if e.ID == "e0" {
				panic("bad entry")
			}
			d.note(begun, e)
			return false, nil
		}}, time.Minute)
		if n := len(d.tries()); n != 2 {
			t.Errorf("%d others were done, want 2", n)
		}
	})
}

func TestEveryEntryIsDoneOnceHoweverManyWork(t *testing.T) {
	st := open(t)
	owe(t, st, 500)
	d := &diary{}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	lane := outbox.Lane{Kind: kind, Workers: 8, Limit: time.Minute, Waits: []time.Duration{time.Hour}, Try: func(_ context.Context, e store.Entry) (bool, error) {
		d.note(time.Now(), e)
		if len(d.tries()) == 500 {
			stop()
		}
		return false, nil
	}}
	var both sync.WaitGroup
	for range 2 {
		b, err := outbox.New(outbox.Options{Store: st, Lanes: []outbox.Lane{lane}})
		if err != nil {
			t.Fatal(err)
		}
		both.Go(func() { b.Run(ctx) })
	}
	both.Wait()
	seen := map[string]int{}
	for _, id := range d.ids {
		seen[id]++
	}
	if len(d.ids) != 500 || len(seen) != 500 {
		t.Errorf("%d trials of %d entries, want 500 of 500", len(d.ids), len(seen))
	}
}

func TestStoppingFinishesWhatIsInHand(t *testing.T) {
	st := open(t)
	owe(t, st, 2)
	ctx, stop := context.WithCancel(t.Context())
	finished := false
	b, err := outbox.New(outbox.Options{Store: st, Lanes: []outbox.Lane{{Kind: kind, Limit: time.Minute, Waits: []time.Duration{time.Hour},
		Try: func(ctx context.Context, e store.Entry) (bool, error) {
			stop()
			<-time.After(50 * time.Millisecond)
			finished = ctx.Err() == nil
			return false, nil
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	b.Run(ctx)
	if !finished {
		t.Error("what was in hand was broken off")
	}
	left, err := st.Lease(t.Context(), kind, 10, time.Minute)
	if err != nil || len(left) != 1 {
		t.Errorf("%d entries left, %v; want the one that was not begun", len(left), err)
	}
}

func TestAWakeSavesTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		begun, d := time.Now(), &diary{}
		ctx, stop := context.WithCancel(t.Context())
		b, err := outbox.New(outbox.Options{Store: st, Poll: time.Hour, Lanes: []outbox.Lane{{Kind: kind, Limit: time.Minute, Waits: []time.Duration{time.Hour},
			Try: func(_ context.Context, e store.Entry) (bool, error) { d.note(begun, e); stop(); return false, nil }}}})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()
		time.Sleep(time.Minute)
		owe(t, st, 1)
		b.Wake(kind)
		b.Wake("another lane")
		<-done
		if got := d.tries()[0]; got > time.Minute+time.Second {
			t.Errorf("tried after %v", got)
		}
	})
}

func TestALongTrialKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d := time.Now(), &diary{}
		run(t, st, outbox.Lane{Kind: kind, Workers: 3, Limit: 10 * time.Minute, Waits: []time.Duration{time.Hour}, Try: func(_ context.Context, e store.Entry) (bool, error) {
			d.note(begun, e)
			time.Sleep(5 * time.Minute)
			return false, nil
		}}, 20*time.Minute)
		if n := len(d.tries()); n != 1 {
			t.Errorf("begun %d times, want once", n)
		}
		if left, err := st.Lease(t.Context(), kind, 1, time.Second); err != nil || len(left) != 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
	})
}

func TestWhatADeadProcessHeldComesBackSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		if _, err := st.Lease(t.Context(), kind, 1, 30*time.Second); err != nil { // and dies
			t.Fatal(err)
		}
		begun, d := time.Now(), &diary{}
		run(t, st, outbox.Lane{Kind: kind, Limit: time.Minute, Waits: []time.Duration{time.Hour}, Try: func(_ context.Context, e store.Entry) (bool, error) {
			d.note(begun, e)
			return false, nil
		}}, 2*time.Minute)
		if got := d.tries(); len(got) != 1 || got[0] > 41*time.Second {
			t.Errorf("begun at %v, want once, when the hold was over", got)
		}
	})
}

// cut is a store that cannot be reached for extending leases.
type cut struct{ store.Store }

func (cut) Extend(context.Context, store.Entry, time.Duration) error { return store.ErrUnavailable }

func TestAnEntryWhoseLeaseRanOutIsNotTriedBesideItselfHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d, inHand := time.Now(), &diary{}, make(chan struct{}, 1)
		run(t, cut{st}, outbox.Lane{Kind: kind, Workers: 3, Limit: 10 * time.Minute, Waits: []time.Duration{time.Hour}, Try: func(_ context.Context, e store.Entry) (bool, error) {
			d.note(begun, e)
			select {
			case inHand <- struct{}{}:
			default:
				t.Error("it is in hand already")
				return false, nil
			}
			time.Sleep(3 * time.Minute)
			<-inHand
			return false, nil
		}}, 20*time.Minute)
		if len(d.tries()) < 2 {
			t.Error("nobody saw to the entry after its lease was lost")
		}
	})
}

// robbed is a real store in which every lease has passed on by the time it is to be extended.
type robbed struct{ store.Store }

func (robbed) Extend(context.Context, store.Entry, time.Duration) error { return store.ErrLost }

func TestATrialEndsWhenItsLeaseHasPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, ended := time.Now(), time.Duration(0)
		run(t, robbed{st}, outbox.Lane{Kind: kind, Limit: time.Hour, Waits: []time.Duration{time.Hour}, Try: func(ctx context.Context, _ store.Entry) (bool, error) {
			<-ctx.Done()
			if ended == 0 { // it comes back, and is taken from us again
				ended = time.Since(begun)
			}
			return false, context.Cause(ctx)
		}}, 20*time.Minute)
		if ended == 0 || ended > 30*time.Second {
			t.Errorf("it ended after %v", ended)
		}
	})
}
