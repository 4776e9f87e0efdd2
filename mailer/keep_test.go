package mailer_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

func TestLettersShareAConnection(t *testing.T) {
	r := startRelay(t)
	r.say = func(s step) string {
		if s.verb == "RCPT" && s.nth == 2 {
			return "550 5.1.1 unknown"
		}
		if s.verb == "." && s.nth == 2 {
			return "451 4.3.0 later"
		}
		return ""
	}
	o := openOffice(t, r.addr)
	for n, want := range []string{"delivered", "undeliverable", "later", "delivered"} {
		_, _ = o.Run(t.Context(), o.owe(fmt.Sprintf("ada%d@example.org", n)))
		if got := o.line()["outcome"]; got != want {
			t.Errorf("letter %d: %v, want %s", n, got, want)
		}
	}
	if r.dialled() != 1 || r.heard("EHLO") != 1 || r.heard("RSET") != 1 {
		t.Errorf("%d connections, %d RSET; want 1 and, after the refused recipient, 1", r.dialled(), r.heard("RSET"))
	}
}

func TestAKeptConnectionThatDiedIsReplacedWithoutAWord(t *testing.T) {
	for _, end := range []string{hangUp, "421 4.4.2 idle for too long", "451 4.7.1 too many letters on this connection", stall} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t)
			r.say = func(s step) string {
				if s.conn == 1 && s.verb == "MAIL" && s.nth == 2 {
					return end
				}
				return ""
			}
			o := openOffice(t, r.addr, func(o *mailer.Options) { o.Dial, o.Session = 500*time.Millisecond, 20*time.Second })
			o.sends(o.owe("grace@example.org"))
			began := time.Now()
			o.sends(o.owe(ada))
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %s to find out", took)
			}
			if r.dialled() != 2 || len(r.received()) != 2 {
				t.Errorf("%d letters on %d connections, want 2 on 2", len(r.received()), r.dialled())
			}
		})
	}
	t.Run("cut", func(t *testing.T) {
		r := startRelay(t)
		o := openOffice(t, r.addr)
		o.sends(o.owe("grace@example.org"))
		r.cut()
		o.sends(o.owe(ada))
	})
}

func TestAReplacementThatFailsIsAFailure(t *testing.T) {
	r := startRelay(t)
	r.say = func(s step) string {
		if s.verb == "MAIL" && s.nth > 1 {
			return hangUp
		}
		return ""
	}
	o := openOffice(t, r.addr)
	o.sends(o.owe("grace@example.org"))
	if settled, err := o.Run(t.Context(), o.owe(ada)); settled || err == nil || r.dialled() != 2 {
		t.Errorf("settled %v, %v, %d connections; want one replacement and no more", settled, err, r.dialled())
	}
}

func TestAnIdleConnectionIsQuit(t *testing.T) {
	r := startRelay(t)
	o := openOffice(t, r.addr, func(o *mailer.Options) { o.Idle = 10 * time.Millisecond })
	o.sends(o.owe(ada))
	eventually(t, "QUIT", func() bool { return r.heard("QUIT") == 1 })
	o.sends(o.owe("grace@example.org"))
	if r.dialled() != 2 {
		t.Errorf("%d connections, want 2", r.dialled())
	}
}

func TestCloseQuitsWhatIsKept(t *testing.T) {
	r := startRelay(t)
	o := openOffice(t, r.addr)
	o.sends(o.owe(ada))
	for range 2 {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if r.heard("QUIT") != 1 {
		t.Errorf("%d QUIT, want 1", r.heard("QUIT"))
	}
	o.sends(o.owe("grace@example.org")) // what comes late is sent, and its connection not kept
	eventually(t, "a second QUIT", func() bool { return r.heard("QUIT") == 2 })
	o.sends(o.owe("hedy@example.org"))
	if r.dialled() != 3 {
		t.Errorf("%d connections, want 3", r.dialled())
	}
	if err := o.Close(); err != nil { // waits for the last farewell
		t.Error(err)
	}
}

func TestCancellationIsHeardUntilDataAndNotAfter(t *testing.T) {
	for _, at := range []string{"greeting", "EHLO", "MAIL", "RCPT"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			r := startRelay(t)
			r.say = func(s step) string {
				if s.verb == at {
					cancel()
					return stall
				}
				return ""
			}
			o := openOffice(t, r.addr)
			e := o.owe(ada)
			settled, err := o.Run(ctx, e)
			if settled || !errors.Is(err, context.Canceled) || !o.owed(e) || r.heard("DATA") != 0 {
				t.Errorf("settled %v, %v", settled, err)
			}
			o.discreet(err)
		})
	}
	for _, at := range []string{"DATA", "."} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := startRelay(t)
			r.say = func(s step) string {
				if s.verb == at {
					cancel()
				}
				return ""
			}
			o := openOffice(t, r.addr)
			e := o.owe(ada)
			if settled, err := o.Run(ctx, e); !settled || err != nil || o.request(e).Delivery == nil {
				t.Errorf("settled %v, %v; want it delivered and recorded all the same", settled, err)
			}
		})
	}
}

// absent is a store that can be away.
type absent struct {
	store.Store
	mu   sync.Mutex
	away int   // of the next changes
	as   error // unavailable if nil
}

func (a *absent) Update(ctx context.Context, k store.Key, f func(store.Record) (store.Change, error)) error {
	a.mu.Lock()
	away, as := a.away > 0, a.as
	a.away = max(0, a.away-1)
	a.mu.Unlock()
	if away && as != nil {
		return as
	}
	if away {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, errors.New("the disk is full"))
	}
	return a.Store.Update(ctx, k, f)
}

func (a *absent) leave(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away = n
}

func TestAStoreThatIsAwayForAMomentMakesNoDuplicate(t *testing.T) {
	r := startRelay(t)
	a := &absent{}
	o := openOn(t, r.addr, func(s store.Store) store.Store { a.Store = s; return a })
	e := o.owe(ada)
	a.leave(3)
	o.sends(e)
	if len(r.received()) != 1 || o.request(e).Delivery == nil {
		t.Errorf("%d letters; %+v", len(r.received()), o.request(e))
	}
	q := o.owe("nobody@example.org")
	r.change(says("RCPT", "550 5.1.1 unknown"))
	a.leave(2)
	if settled, err := o.Run(t.Context(), q); !settled || err != nil || o.request(q).State != consent.Undeliverable {
		t.Errorf("settled %v, %v", settled, err)
	}
}

// shut is a store that cannot be asked what a letter says, or that gives no places.
type shut struct {
	store.Store
	reads, takes bool
}

func (s *shut) Find(ctx context.Context, k store.Key) (store.Record, error) {
	if s.reads {
		return store.Record{}, store.ErrUnavailable
	}
	return s.Store.Find(ctx, k)
}

func (s *shut) Acquire(ctx context.Context, taker string, buckets ...store.Bucket) ([]time.Duration, error) {
	if s.takes {
		return nil, store.ErrUnavailable
	}
	return s.Store.Acquire(ctx, taker, buckets...)
}

func TestALetterThatMeetsAStoreThatIsAwayIsAsFreshAsItWas(t *testing.T) {
	for name, change := range map[string]func(*shut){
		"its words": func(s *shut) { s.reads = true },
		"its place": func(s *shut) { s.takes = true },
	} {
		t.Run(name, func(t *testing.T) {
			r, s := startRelay(t), &shut{}
			o := openOn(t, r.addr, func(st store.Store) store.Store { s.Store = st; return s })
			e := o.owe(ada)
			change(s)
			_, err := o.Run(t.Context(), e)
			if !errors.Is(err, store.ErrUnavailable) || laneOf(err) != e.Queue || waitOf(err) != 5*time.Second || o.line()["outcome"] != "failed" {
				t.Errorf("%v waits %s in %s", err, waitOf(err), laneOf(err))
			}
			e.Queue = confirm.QueueEmailMaybeSent
			if _, err := o.Run(t.Context(), e); laneOf(err) != confirm.QueueEmailMaybeSent {
				t.Errorf("what was maybe sent waits in %s: %v", laneOf(err), err)
			}
			*s = shut{Store: s.Store}
			o.sends(e)
		})
	}
}

func TestALetterThatCouldNotBeRecordedIsRecordedByTheNextTryAndNotSentAgain(t *testing.T) {
	r := startRelay(t)
	a := &absent{as: errors.New("the disk is odd")}
	o := openOn(t, r.addr, func(s store.Store) store.Store { a.Store = s; return a })
	e := o.owe(ada)
	a.leave(1)
	settled, err := o.Run(t.Context(), e)
	if settled || err == nil || o.line()["outcome"] != "unrecorded" || !o.owed(e) {
		t.Fatalf("settled %v, %v", settled, err)
	}
	o.discreet(err)
	e = o.lease()
	o.sends(e)
	if q := o.request(e); len(r.received()) != 1 || q.Delivery == nil || q.Delivery.Reply != "250 2.0.0 Ok: queued as 4FD1" || o.owed(e) {
		t.Errorf("%d letters; %+v", len(r.received()), q)
	}
}

func TestWorkersShareAMailer(t *testing.T) {
	const workers, letters = 8, 60
	r := startRelay(t)
	o := openOffice(t, r.addr)
	entries := make(chan store.Job, letters)
	for n := range letters {
		entries <- o.owe(fmt.Sprintf("ada%d@example.org", n))
	}
	close(entries)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for e := range entries {
				if settled, err := o.Run(t.Context(), e); !settled || err != nil {
					t.Errorf("settled %v, %v", settled, err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, l := range r.received() {
		seen[l.rcpt] = true
	}
	if len(seen) != letters || len(r.received()) != letters || r.dialled() > workers {
		t.Errorf("%d people got %d letters on %d connections", len(seen), len(r.received()), r.dialled())
	}
}
