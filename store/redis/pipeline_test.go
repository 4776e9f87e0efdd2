package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestWhatIsAskedMeanwhileTravelsTogether(t *testing.T) {
	p := startProxy(t, startServer(t).addr())
	s := patient(t, Options{Location: at("redis://" + p.addr), Pool: 1})
	find := func() {
		if _, err := s.Find(t.Context(), key(1)); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	}
	find()
	p.held.Lock()
	before := p.sent.Load()
	var all sync.WaitGroup
	all.Go(find)
	poll(t, "the first is on the way", func() bool { return p.sent.Load() == before+1 })
	const n = maxBatch + 50
	for range n {
		all.Go(find)
	}
	poll(t, "the others wait", func() bool { return len(s.requests) == n })
	p.held.Unlock()
	all.Wait()
	if sent := p.sent.Load() - before; sent != 3 {
		t.Errorf("%d commands were sent in %d pieces, want one, a hundred and the rest", 1+n, sent)
	}
}

// Callers come and go while replies are lost; each sees the value of its own cell or an error.
func TestNoCallerGetsTheReplyOfAnother(t *testing.T) {
	server := startServer(t)
	good := patient(t, Options{Location: at(server.url())})
	p := startProxy(t, server.addr())
	s := patient(t, Options{Location: at("redis://" + p.addr)})
	const n = 40
	for i := range n {
		value := fmt.Append(nil, "value-", i)
		if _, err := good.SetNX(t.Context(), fmt.Sprint("cell-", i), value, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	var answered atomic.Int32
	for i := range n {
		all.Go(func() {
			for round := range 50 {
				brief := time.Duration(50+200*(round%7)) * time.Microsecond
				ctx, cancel := context.WithTimeout(t.Context(), brief)
				if round%7 == 0 {
					cancel()
					ctx, cancel = context.WithCancel(t.Context())
					p.lose.Store(1)
				}
				// A script, so that its reply may be lost.
				got, err := s.SetNX(ctx, fmt.Sprint("cell-", i), []byte("other"), time.Hour)
				if err == nil && string(got) != fmt.Sprint("value-", i) {
					t.Errorf("cell %d is said to hold %q", i, got)
				}
				if err == nil {
					answered.Add(1)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if p.lost.Load() == 0 || answered.Load() < n {
		t.Errorf("%d replies were lost, %d came: the test shows nothing", p.lost.Load(), answered.Load())
	}
}

func TestAConnectionThatHangsHoldsUpNobodyForLong(t *testing.T) {
	p := startProxy(t, startServer(t).addr())
	p.hang.Store(1)
	s := open(t, Options{Location: at("redis://" + p.addr)})
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			begun := time.Now()
			if _, err := s.Find(t.Context(), key(1)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("after %v: %v", time.Since(begun), err)
			}
			if took := time.Since(begun); took > time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	all.Wait()
}
