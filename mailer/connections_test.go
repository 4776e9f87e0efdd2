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

func TestTheSecondEmailOfAConnectionTakesThreeCommands(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr)
	env.deliver(env.signUp("ada@example.org"))
	first := r.heard("")
	env.deliver(env.signUp("grace@example.org"))
	want := []string{"MAIL FROM:<bonjour@gazette.example> BODY=8BITMIME", "RCPT TO:<grace@example.org>", "DATA", "."}
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.said[first:]); diff != "" {
		t.Error(diff)
	}
}

func TestThereAreNeverMoreConnectionsThanAllowed(t *testing.T) {
	const most, workers, emails = 3, 12, 60
	r := startRelay(t)
	env := newEnv(t, r.addr, func(o *mailer.Options) {
		o.Connections, o.Idle, o.Dial = most, 2*time.Millisecond,
			10*time.Second
	})
	r.change(func(r *fakeRelay) {
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
	jobs := make(chan store.Job, emails)
	for n := range emails {
		jobs <- env.signUp(fmt.Sprintf("ada@example%d.org", n))
	}
	close(jobs)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for job := range jobs {
				ended, err := env.Run(t.Context(), job)
				if !ended && (err == nil || !strings.Contains(err.Error(), "RCPT: ")) {
					t.Errorf("ended %v, %v", ended, err)
				}
			}
		})
	}
	all.Wait()
	if n := r.heard("RCPT"); n != emails || r.dialled() < emails/7 {
		t.Errorf("%d emails on %d connections", n, r.dialled())
	}
}

func TestConnectionsToASlowRelayGrowAndAreClosedAgain(t *testing.T) {
	const most = 3
	all := make(chan struct{})
	r := startRelay(t)
	r.change(func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "DATA" {
				if s.nth == most {
					close(all)
				}
				<-all // so slow is this relay: no email ends before three are under way
			}
			return ""
		}
	})
	env := newEnv(t, r.addr, func(o *mailer.Options) {
		o.Connections, o.MaxConnections, o.Idle = 1, most, 20*time.Millisecond
	})
	var emails sync.WaitGroup
	for n := range 2 * most {
		job := env.signUp(fmt.Sprintf("ada@example%d.org", n))
		emails.Go(func() {
			if ended, err := env.Run(t.Context(), job); !ended || err != nil {
				t.Errorf("ended %v, %v", ended, err)
			}
			if n := r.connected(); n > most {
				t.Errorf("%d connections at once, want at most %d", n, most)
			}
		})
	}
	emails.Wait()
	eventually(t, "idle connections are closed", func() bool { return r.connected() == 0 })
}

func TestWaitingForAConnectionIsBoundedAndCanBeCancelled(t *testing.T) {
	open := make(chan struct{})
	r := startRelay(t, func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "." {
				<-open
			}
			return ""
		}
	})
	env := newEnv(t, r.addr, func(o *mailer.Options) { o.Connections, o.Dial = 1, 200*time.Millisecond })
	job, other := env.signUp(ada), env.signUp("grace@example.net")
	var all sync.WaitGroup
	all.Go(func() {
		if ended, err := env.Run(t.Context(), job); !ended || err != nil {
			t.Errorf("ended %v, %v", ended, err)
		}
	})
	eventually(t, "an email under way", func() bool { return r.heard("DATA") == 1 })
	if _, err := env.Run(t.Context(), other); waitOf(err) != time.Second || queueOf(err) != other.Queue ||
		env.PausedFor() != 0 {
		t.Errorf("%v is retried in %s in queue %s", err, waitOf(err), queueOf(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := env.Run(ctx, other); queueOf(err) != other.Queue || waitOf(err) > 5*time.Second {
		t.Errorf("cancelled: %v is retried in %s in %q", err, waitOf(err), queueOf(err))
	}
	close(open)
	all.Wait()
	env.deliver(other)
	if r.dialled() != 1 {
		t.Errorf("%d connections, want 1", r.dialled())
	}
}

func TestAFreeConnectionGoesToTheEmailThatWaitedLongest(t *testing.T) {
	release := make(chan struct{})
	r := startRelay(t, func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "." && s.nth == 1 {
				<-release
			}
			return ""
		}
	})
	env := newEnv(t, r.addr, func(o *mailer.Options) { o.Connections = 1 })
	var all sync.WaitGroup
	for n := range 4 {
		job := env.signUp(fmt.Sprintf("ada@example%d.org", n))
		all.Go(func() {
			if ended, err := env.Run(t.Context(), job); !ended || err != nil {
				t.Errorf("ended %v, %v", ended, err)
			}
		})
		if n == 0 {
			eventually(t, "an email under way", func() bool { return r.heard("DATA") == 1 })
		} else {
			eventually(t, "another that waits", func() bool { return env.Waiting() == n })
		}
	}
	close(release)
	all.Wait()
	var order []string
	for _, msg := range r.received() {
		order = append(order, msg.rcpt)
	}
	if !slices.IsSorted(order) || len(order) != 4 || r.dialled() != 1 {
		t.Errorf("%q on %d connections", order, r.dialled())
	}
}

func TestARelayThatWantsNoMoreConnectionsIsNotPausedForIt(t *testing.T) {
	open := make(chan struct{})
	r := startRelay(t, func(r *fakeRelay) {
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
	env := newEnv(t, r.addr)
	job, other := env.signUp("ada@example.org"), env.signUp("grace@example.net")
	done := make(chan error, 1)
	go func() {
		_, err := env.Run(t.Context(), job)
		done <- err
	}()
	eventually(t, "an email under way", func() bool { return r.heard("DATA") == 1 })
	_, err := env.Run(t.Context(), other)
	if waitOf(err) != time.Second || queueOf(err) != other.Queue || env.PausedFor() != 0 ||
		len(env.logged("relay paused")) != 0 {
		t.Errorf("%v is retried in %s; paused for %s", err, waitOf(err), env.PausedFor())
	}
	close(open)
	if err := <-done; err != nil {
		t.Error(err)
	}
	env.deliver(other)
	r.cut() // without another connection, the same reply is a failure
	if _, err := env.Run(t.Context(), env.signUp("hedy@example.net")); waitOf(err) != 5*time.Second ||
		env.PausedFor() == 0 {
		t.Errorf("%v is retried in %s; paused for %s", err, waitOf(err), env.PausedFor())
	}
}

func TestEmailsShareAConnection(t *testing.T) {
	r := startRelay(t)
	r.change(func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" && s.nth == 2 {
				return "550 5.1.1 unknown"
			}
			if s.verb == "." && s.nth == 2 {
				return "451 4.3.0 later"
			}
			return ""
		}
	})
	env := newEnv(t, r.addr)
	for n, want := range []string{"delivered", "undeliverable", "retry", "delivered"} {
		_, _ = env.Run(t.Context(), env.signUp(fmt.Sprintf("ada%d@example.org", n)))
		if got := env.lastLog()["outcome"]; got != want {
			t.Errorf("email %d: %v, want %s", n, got, want)
		}
	}
	if r.dialled() != 1 || r.heard("EHLO") != 1 || r.heard("RSET") != 1 {
		t.Errorf("%d connections, %d RSET; want 1 and, after the refused recipient, 1", r.dialled(), r.heard("RSET"))
	}
}

func TestAnIdleConnectionThatBrokeIsReplacedWithoutAnError(t *testing.T) {
	for way, change := range ways() {
		for _, end := range []string{
			hangUp, "421 4.4.2 idle for too long", "451 4.7.1 too many emails on this connection", stall,
		} {
			t.Run(way+"/"+end, func(t *testing.T) {
				t.Parallel()
				r := startRelay(t, change)
				r.say = func(s step) string {
					if s.conn == 1 && s.verb == "MAIL" && s.nth == 2 {
						return end
					}
					return ""
				}
				env := newEnv(t, r.addr, func(o *mailer.Options) {
					o.Dial, o.Session = 500*time.Millisecond,
						20*time.Second
				})
				env.deliver(env.signUp("grace@example.org"))
				began := time.Now()
				env.deliver(env.signUp(ada))
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it took %s to find out", took)
				}
				if r.dialled() != 2 || len(r.received()) != 2 {
					t.Errorf("%d emails on %d connections, want 2 on 2", len(r.received()), r.dialled())
				}
			})
		}
	}
	t.Run("cut", func(t *testing.T) {
		r := startRelay(t)
		env := newEnv(t, r.addr)
		env.deliver(env.signUp("grace@example.org"))
		r.cut()
		env.deliver(env.signUp(ada))
	})
}

func TestAReplacementConnectionThatFailsIsAnError(t *testing.T) {
	r := startRelay(t)
	r.change(func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "MAIL" && s.nth > 1 {
				return hangUp
			}
			return ""
		}
	})
	env := newEnv(t, r.addr)
	env.deliver(env.signUp("grace@example.org"))
	if ended, err := env.Run(t.Context(), env.signUp(ada)); ended || err == nil || r.dialled() != 2 {
		t.Errorf("ended %v, %v, %d connections; want one replacement and no more", ended, err, r.dialled())
	}
}

func TestAnIdleConnectionIsQuit(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr, func(o *mailer.Options) { o.Idle = 10 * time.Millisecond })
	env.deliver(env.signUp(ada))
	eventually(t, "QUIT", func() bool { return r.heard("QUIT") == 1 })
	env.deliver(env.signUp("grace@example.org"))
	if r.dialled() != 2 {
		t.Errorf("%d connections, want 2", r.dialled())
	}
}

func TestCloseQuitsIdleConnections(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr)
	env.deliver(env.signUp(ada))
	for range 2 {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	}
	if r.heard("QUIT") != 1 {
		t.Errorf("%d QUIT, want 1", r.heard("QUIT"))
	}
	env.deliver(env.signUp("grace@example.org")) // what comes late is sent, and its connection not kept
	eventually(t, "a second QUIT", func() bool { return r.heard("QUIT") == 2 })
	env.deliver(env.signUp("hedy@example.org"))
	if r.dialled() != 3 {
		t.Errorf("%d connections, want 3", r.dialled())
	}
	if err := env.Close(); err != nil { // waits for the last farewell
		t.Error(err)
	}
}

func TestWorkersShareAMailer(t *testing.T) {
	const workers, emails = 8, 60
	r := startRelay(t)
	env := newEnv(t, r.addr)
	jobs := make(chan store.Job, emails)
	for n := range emails {
		jobs <- env.signUp(fmt.Sprintf("ada%d@example.org", n))
	}
	close(jobs)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for job := range jobs {
				if ended, err := env.Run(t.Context(), job); !ended || err != nil {
					t.Errorf("ended %v, %v", ended, err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, msg := range r.received() {
		seen[msg.rcpt] = true
	}
	if len(seen) != emails || len(r.received()) != emails || r.dialled() > workers {
		t.Errorf("%d people got %d emails on %d connections", len(seen), len(r.received()), r.dialled())
	}
}
