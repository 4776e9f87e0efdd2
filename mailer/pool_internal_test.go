package mailer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// acquired returns how long an email waited for a slot of the pool, and whether it got one within ten seconds.
func acquired(t *testing.T, p *pool) (waited time.Duration, ok bool) {
	t.Helper()
	begun := time.Now()
	_, err := p.acquire(t.Context(), 10*time.Second)
	if err != nil && !errors.Is(err, errBusy) {
		t.Fatal(err)
	}
	return time.Since(begun), err == nil
}

func TestAnEmailThatWaitsTooLongGetsOneMoreConnectionUpToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{limit: 2, max: 4}
		for i, want := range []time.Duration{0, 0, growAfter, growAfter} {
			if waited, ok := acquired(t, p); !ok || waited != want {
				t.Errorf("email %d waited for %s, want %s", i, waited, want)
			}
		}
		if waited, ok := acquired(t, p); ok || waited != 10*time.Second {
			t.Errorf("after %s there is a fifth connection: %v", waited, ok)
		}
		for range 2 {
			p.freeSlot()
		}
		if waited, ok := acquired(t, p); !ok || waited != growAfter {
			t.Errorf("with the usual number in use it waited for %s", waited)
		}
	})
}

func TestASlotBeyondTheUsualNumberGoesWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{limit: 1, max: 2}
		acquired(t, p)
		acquired(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error)
		go func() {
			_, err := p.acquire(ctx, time.Hour)
			got <- err
		}()
		synctest.Wait()
		p.freeSlot() // one connection is left
		synctest.Wait()
		if p.slots != 1 || len(p.waiting) != 1 {
			t.Errorf("%d slots, %d emails wait", p.slots, len(p.waiting))
		}
		p.freeSlot() // none is left
		if err := <-got; err != nil || p.slots != 1 {
			t.Errorf("%v, %d slots", err, p.slots)
		}
		cancel()
	})
}

func TestARelayThatRefusedOneMoreConnectionIsNotAskedForAnotherForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{limit: 1, max: 3}
		acquired(t, p)
		acquired(t, p)
		p.refused()
		if waited, ok := acquired(t, p); ok {
			t.Errorf("after %s it has another", waited)
		}
		time.Sleep(noGrowth)
		if waited, ok := acquired(t, p); !ok || waited != growAfter {
			t.Errorf("after a minute it waited for %s: %v", waited, ok)
		}
	})
}
