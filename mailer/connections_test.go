package mailer_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

func TestTheSecondLetterOfAConnectionTakesThreeCommands(t *testing.T) {
	r := startRelay(t)
	o := openOffice(t, r.addr)
	o.sends(o.owe("ada@example.org"))
	first := r.heard("")
	o.sends(o.owe("grace@example.org"))
	want := []string{"MAIL FROM:<bonjour@gazette.example> BODY=8BITMIME", "RCPT TO:<grace@example.org>", "DATA", "."}
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.said[first:]); diff != "" {
		t.Error(diff)
	}
}

func TestThereAreNoMoreConnectionsThanAllowedWhoeverCalls(t *testing.T) {
	const most, workers, letters = 3, 12, 60
	r := startRelay(t)
	o := openOffice(t, r.addr, func(o *mailer.Options) { o.Connections, o.Idle, o.Dial = most, 2*time.Millisecond, 10*time.Second })
	r.change(func(r *relay) {
		r.say = func(s step) string {
			if n := r.connected(); n > most {
				t.Errorf("%d connections at once, want at most %d", n, most)
			}
			if s.verb == "RCPT" && s.nth%7 == 0 {
				return hangUp // such a place is free for another
			}
			return ""
		}
	})
	entries := make(chan store.Job, letters)
	for n := range letters {
		entries <- o.owe(fmt.Sprintf("ada@example%d.org", n))
	}
	close(entries)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for e := range entries {
				if settled, err := o.Run(t.Context(), e); !settled && (err == nil || !strings.Contains(err.Error(), "RCPT: ")) {
					t.Errorf("settled %v, %v", settled, err)
				}
			}
		})
	}
	all.Wait()
	if n := r.heard("RCPT"); n != letters || r.dialled() < letters/7 {
		t.Errorf("%d letters on %d connections", n, r.dialled())
	}
}

func TestWaitingForAConnectionIsBoundedAndCanBeCancelled(t *testing.T) {
	open := make(chan struct{})
	r := startRelay(t, func(r *relay) {
		r.say = func(s step) string {
			if s.verb == "." {
				<-open
			}
			return ""
		}
	})
	o := openOffice(t, r.addr, func(o *mailer.Options) { o.Connections, o.Dial = 1, 200*time.Millisecond })
	e, other := o.owe(ada), o.owe("grace@example.net")
	var all sync.WaitGroup
	all.Go(func() {
		if settled, err := o.Run(t.Context(), e); !settled || err != nil {
			t.Errorf("settled %v, %v", settled, err)
		}
	})
	eventually(t, "a letter under way", func() bool { return r.heard("DATA") == 1 })
	if _, err := o.Run(t.Context(), other); waitOf(err) != time.Second || laneOf(err) != other.Queue || o.PausedFor() != 0 {
		t.Errorf("%v waits %s in %s", err, waitOf(err), laneOf(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Run(ctx, other); laneOf(err) != other.Queue || waitOf(err) > 5*time.Second {
		t.Errorf("cancelled: %v waits %s in %q", err, waitOf(err), laneOf(err))
	}
	close(open)
	all.Wait()
	o.sends(other)
	if r.dialled() != 1 {
		t.Errorf("%d connections, want 1", r.dialled())
	}
}

func TestTheLongestWaitingGetsTheConnectionThatIsFree(t *testing.T) {
	release := make(chan struct{})
	r := startRelay(t, func(r *relay) {
		r.say = func(s step) string {
			if s.verb == "." && s.nth == 1 {
				<-release
			}
			return ""
		}
	})
	o := openOffice(t, r.addr, func(o *mailer.Options) { o.Connections = 1 })
	var all sync.WaitGroup
	for n := range 4 {
		e := o.owe(fmt.Sprintf("ada@example%d.org", n))
		all.Go(func() {
			if settled, err := o.Run(t.Context(), e); !settled || err != nil {
				t.Errorf("settled %v, %v", settled, err)
			}
		})
		if n == 0 {
			eventually(t, "a letter under way", func() bool { return r.heard("DATA") == 1 })
		} else {
			eventually(t, "another that waits", func() bool { return o.Waiting() == n })
		}
	}
	close(release)
	all.Wait()
	var order []string
	for _, l := range r.received() {
		order = append(order, l.rcpt)
	}
	if !slices.IsSorted(order) || len(order) != 4 || r.dialled() != 1 {
		t.Errorf("%q on %d connections", order, r.dialled())
	}
}

func TestARelayThatWantsNoMoreConnectionsIsNotPausedForIt(t *testing.T) {
	open := make(chan struct{})
	r := startRelay(t, func(r *relay) {
		r.say = func(s step) string {
			switch {
			case s.verb == "greeting" && s.nth > 1:
				return "421 4.7.0 too many connections from you"
			case s.verb == "." && s.nth == 1:
				<-open
			}
			return ""
		}
	})
	o := openOffice(t, r.addr)
	e, other := o.owe("ada@example.org"), o.owe("grace@example.net")
	done := make(chan error, 1)
	go func() {
		_, err := o.Run(t.Context(), e)
		done <- err
	}()
	eventually(t, "a letter under way", func() bool { return r.heard("DATA") == 1 })
	_, err := o.Run(t.Context(), other)
	if waitOf(err) != time.Second || laneOf(err) != other.Queue || o.PausedFor() != 0 || len(o.logged("relay paused")) != 0 {
		t.Errorf("%v waits %s; rest %s", err, waitOf(err), o.PausedFor())
	}
	close(open)
	if err := <-done; err != nil {
		t.Error(err)
	}
	o.sends(other)
	r.cut() // without any other, the same words are a trouble
	if _, err := o.Run(t.Context(), o.owe("hedy@example.net")); waitOf(err) != 5*time.Second || o.PausedFor() == 0 {
		t.Errorf("%v waits %s; rest %s", err, waitOf(err), o.PausedFor())
	}
}
