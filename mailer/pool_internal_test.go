package mailer

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// acquired returns how long an email waited for a slot of the pool, and whether it got one within ten seconds.
func acquired(t *testing.T, p *pool) (waited time.Duration, ok bool) {
	t.Helper()
	begun := time.Now()
	_, err := p.acquire(t.Context(), &email{}, 10*time.Second)
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
			_, err := p.acquire(ctx, &email{}, time.Hour)
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

// waitFor has an email wait for a connection, and returns what it gets.
func waitFor(ctx context.Context, p *pool, e *email) <-chan *connection {
	got := make(chan *connection, 1)
	go func() {
		if c, err := p.acquire(ctx, e, time.Hour); err == nil {
			got <- c
		}
		close(got)
	}()
	synctest.Wait()
	return got
}

func pipelined(t *testing.T) *connection {
	t.Helper()
	raw, other := net.Pipe()
	t.Cleanup(func() { raw.Close(); other.Close() })
	c := &connection{raw: raw}
	c.offers.pipelining = true
	return c
}

func TestOnlyTheEmailThatHasWaitedLongestMayFollowAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := &pool{limit: 1, max: 1}, pipelined(t)
		acquired(t, p)
		if e := p.follow(c); e != nil {
			t.Error("somebody follows, although nobody waits")
		}
		first, second := &email{}, &email{domainAnswers: true}
		got := waitFor(t.Context(), p, first)
		then := waitFor(t.Context(), p, second)
		if e := p.follow(c); e != nil {
			t.Error("another overtook the first, whose commands may not be sent together")
		}
		p.put(c)
		if <-got != c || p.follow(c) != second || len(p.waiting) != 0 {
			t.Error("the second does not follow the first")
		}
		p.put(c)
		if <-then != c || c.next != nil {
			t.Error("the second did not get the connection")
		}
	})
}

func TestAnEmailThatFollowsOnAConnectionThatBreaksGetsItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := &pool{limit: 1, max: 2, greeted: 2}, pipelined(t)
		acquired(t, p)
		acquired(t, p) // one beyond the usual number: its slot would go with its connection
		got := waitFor(t.Context(), p, &email{domainAnswers: true})
		p.follow(c)
		p.drop(c)
		if next, ok := <-got; !ok || next != nil || p.slots != 2 || p.greeted != 1 {
			t.Errorf("it got %v, %v; %d slots, %d greeted", next, ok, p.slots, p.greeted)
		}
	})
}

func TestAConnectionOnWhichNobodyFollowsAnyMoreIsClosed(t *testing.T) {
	for name, end := range map[string]func(*pool, *connection){"put": (*pool).put, "drop": (*pool).drop} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, c := &pool{limit: 1, max: 1, greeted: 1}, pipelined(t)
				acquired(t, p)
				ctx, cancel := context.WithCancel(t.Context())
				left := waitFor(ctx, p, &email{domainAnswers: true})
				next := waitFor(t.Context(), p, &email{domainAnswers: true})
				p.follow(c)
				cancel()
				if _, ok := <-left; ok {
					t.Error("it got something although it was cancelled")
				}
				end(p, c)
				if got, ok := <-next; !ok || got != nil || p.slots != 1 || p.greeted != 0 || len(p.idle) != 0 {
					t.Errorf("the next one got %v, %v; %d slots, %d greeted", got, ok, p.slots, p.greeted)
				}
				if _, err := c.raw.Write(nil); err == nil {
					t.Error("the connection is open")
				}
			})
		})
	}
}
