package mailer_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

func shortTimeouts(o *mailer.Options) {
	o.Dial, o.Session, o.FirstRcpt = 500*time.Millisecond, time.Second, 150*time.Millisecond
}

func TestADomainThatStallsIsPausedAndOthersAreNot(t *testing.T) {
	for at, rounds := range map[string]int{"RCPT": 6, "DATA": 1} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t)
			slow := func(r *fakeRelay) { // slow.example's emails stall
				r.say = func(s step) string {
					if s.verb == at && strings.HasSuffix(r.latest("RCPT"), "@slow.example>") {
						return stall
					}
					return ""
				}
			}
			r.change(slow)
			env := newEnv(t, r.addr, shortTimeouts)
			env.leaseFor = 24 * time.Hour
			job, other := env.signUp("ada@slow.example"), env.signUp("grace@slow.example")
			want := time.Minute
			for range rounds {
				_, err := env.Run(t.Context(), job)
				if queueOf(err) != confirm.QueueEmailRetry || !strings.Contains(err.Error(), at+": no answer in time") {
					t.Fatalf("%v is retried in %q", err, queueOf(err))
				}
				said := r.heard("")
				if _, err := env.Run(t.Context(), other); notBeforeOf(err) != want ||
					env.lastLog()["outcome"] != "retry" || r.heard("") != said {
					t.Fatalf("%v is retried not before %s, want %s; the relay heard %d lines", err, notBeforeOf(err),
						want, r.heard("")-said)
				}
				env.deliver(env.signUp(fmt.Sprintf("ada%s@example.org", want)))
				env.advance(want)
				want = min(2*want, 15*time.Minute)
			}
			r.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
			env.deliver(job)
			env.deliver(other)
			r.change(slow)
			if _, err := env.Run(t.Context(), env.signUp("hedy@slow.example")); notBeforeOf(err) != -1 {
				t.Errorf("it was paused by itself: %v", err)
			}
			if _, err := env.Run(t.Context(), env.signUp("joan@slow.example")); notBeforeOf(err) != time.Minute {
				t.Errorf("%v is retried not before %s; want it to begin anew", err, notBeforeOf(err))
			}
		})
	}
}

func TestThreeEmailsPutOffInARowPauseADomain(t *testing.T) {
	for name, row := range map[string]struct {
		verb    string
		replies []string
		paused  bool
	}{
		"three": {"RCPT", []string{"450 4.4.1 no", "451 4.3.0 no", "421 4.3.2 no"}, true},
		"two":   {"RCPT", []string{"450 4.4.1 no", "450 4.4.1 no"}, false},
		"with one that went": {"RCPT", []string{"450 4.4.1 no", "450 4.4.1 no", "", "450 4.4.1 no", "450 4.4.1 no"},
			false},
		"with one for good": {"RCPT", []string{"450 4.4.1 no", "450 4.4.1 no", "550 5.1.1 no", "450 4.4.1 no"}, false},
		"greylisted": {"RCPT", []string{"450 4.2.0 no", "451 4.7.1 no", "450 greylisted", "451 try again later"},
			false},
		"without a code":  {"RCPT", []string{"452 no room", "450 no", "451 no", "452 no"}, false}, // of one mailbox
		"at another step": {"DATA", []string{"451 4.3.0 no", "451 4.3.0 no", "451 4.3.0 no"}, false},
		"of full mailboxes": {"RCPT", []string{"452 4.2.2 full", "450 4.2.1 too many emails", "452 4.2.2 full"},
			false},
		"with a drop between": {"RCPT", []string{"450 4.4.1 no", hangUp, "450 4.4.1 no", hangUp, "450 4.4.1 no"},
			true},
		"that are maybe taken": {".", []string{hangUp, hangUp, hangUp}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t)
			r.say = func(s step) string {
				if s.verb == row.verb && s.nth <= len(row.replies) {
					return row.replies[s.nth-1]
				}
				return ""
			}
			env := newEnv(t, r.addr)
			for n := range row.replies {
				_, _ = env.Run(t.Context(), env.signUp(fmt.Sprintf("ada%d@example.org", n)))
			}
			_, err := env.Run(t.Context(), env.signUp(ada))
			if paused := notBeforeOf(err) == time.Minute; paused != row.paused || (err == nil) == row.paused {
				t.Errorf("%v; want it paused: %v", err, row.paused)
			}
			env.deliver(env.signUp("ada@example.net"))
		})
	}
}

func TestAfterAPauseADomainGetsOneEmail(t *testing.T) {
	r := startRelay(t, says("RCPT", stall))
	env := newEnv(t, r.addr, shortTimeouts)
	job, other := env.signUp("ada@slow.example"), env.signUp("grace@slow.example")
	_, _ = env.Run(t.Context(), job)
	env.advance(time.Minute)
	done := make(chan error, 1)
	go func() {
		_, err := env.Run(t.Context(), job)
		done <- err
	}()
	eventually(t, "an attempt", func() bool { return r.heard("RCPT") == 2 })
	if _, err := env.Run(t.Context(), other); notBeforeOf(err) != time.Second && notBeforeOf(err) != 2*time.Minute {
		t.Errorf("%v is retried not before %s", err, notBeforeOf(err))
	}
	if <-done; r.heard("RCPT") != 2 {
		t.Errorf("%d emails were tried, want 2", r.heard("RCPT"))
	}
}

func TestTheFirstAttemptHasAShorterTimeoutForRCPT(t *testing.T) {
	r := startRelay(t)
	answer := make(chan struct{})
	slow := func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" {
				<-answer
			}
			return ""
		}
	}
	r.change(slow)
	env := newEnv(t, r.addr, func(o *mailer.Options) { o.Session, o.FirstRcpt = 20*time.Second, 200*time.Millisecond })
	job := env.signUp(ada)
	began := time.Now()
	_, err := env.Run(t.Context(), job)
	if queueOf(err) != confirm.QueueEmailRetry || env.lastLog()["outcome"] != "retry" ||
		time.Since(began) > env.Session/2 {
		t.Fatalf("%v is retried in %q, after %s", err, queueOf(err), time.Since(began))
	}
	job = env.retry(job, err)
	time.AfterFunc(time.Second, func() { close(answer) })
	env.deliver(job) // in QueueEmailRetry, with the patience of the session
	if got := len(r.received()); got != 1 {
		t.Errorf("%d emails", got)
	}
}

func TestOneDomainHasHalfTheConnections(t *testing.T) {
	for connections, most := range map[int]int{1: 1, 2: 1, 3: 1, 4: 2, 0: 6} {
		t.Run(fmt.Sprint(connections), func(t *testing.T) {
			t.Parallel()
			open := make(chan struct{})
			r := startRelay(t, func(r *fakeRelay) {
				r.say = func(s step) string {
					if s.verb == "RCPT" {
						<-open
					}
					return ""
				}
			})
			env := newEnv(t, r.addr, func(o *mailer.Options) { o.Connections = connections })
			go func() { open <- struct{}{} }() // to one email: its domain is known to answer
			env.deliver(env.signUp("first@example.org"))
			var jobs []store.Job
			for n := range 6 {
				jobs = append(jobs, env.signUp(fmt.Sprintf("ada%d@example.org", n)))
			}
			other := env.signUp("ada@example.net")
			var all sync.WaitGroup
			for _, job := range jobs[:most] {
				all.Go(func() {
					if ended, err := env.Run(t.Context(), job); !ended || err != nil {
						t.Errorf("ended %v, %v", ended, err)
					}
				})
			}
			eventually(t, "emails under way", func() bool { return r.heard("RCPT") == 1+most })
			for _, job := range jobs[most:] {
				if _, err := env.Run(t.Context(), job); waitOf(err) < time.Second || waitOf(err) > 2*time.Second ||
					queueOf(err) != job.Queue || env.lastLog()["outcome"] != "retry" {
					t.Errorf("%v is retried in %s in queue %s", err, waitOf(err), queueOf(err))
				}
			}
			if most < connections {
				all.Go(func() {
					if ended, err := env.Run(t.Context(), other); !ended || err != nil {
						t.Errorf("another domain's: ended %v, %v", ended, err)
					}
				})
				eventually(t, "another domain's email", func() bool { return r.heard("RCPT") == 1+most+1 })
			}
			close(open)
			all.Wait()
			for _, job := range jobs[most:] {
				env.deliver(job)
			}
		})
	}
}

func TestAnUnknownDomainGetsOneEmailAndTheOthersWaitForIt(t *testing.T) {
	answer := make(chan struct{})
	r := startRelay(t, func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" && strings.HasSuffix(r.latest("RCPT"), "@new.example>") {
				<-answer
			}
			return ""
		}
	})
	env := newEnv(t, r.addr, func(o *mailer.Options) { o.Connections = 8 })
	var all sync.WaitGroup
	for n := range 4 {
		job := env.signUp(fmt.Sprintf("ada%d@new.example", n))
		all.Go(func() {
			if ended, err := env.Run(t.Context(), job); !ended || err != nil {
				t.Errorf("email %d: ended %v, %v", n, ended, err)
			}
		})
	}
	eventually(t, "the first email", func() bool { return r.heard("RCPT") == 1 })
	env.deliver(env.signUp("ada@known.example")) // meanwhile
	if got := r.heard("RCPT"); got != 2 {
		t.Errorf("%d emails were begun, want two", got)
	}
	close(answer)
	all.Wait()
}

func TestAStallingDomainHoldsOneWorker(t *testing.T) {
	r := startRelay(t, func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" {
				return stall
			}
			return ""
		}
	})
	env := newEnv(t, r.addr, func(o *mailer.Options) { o.Connections, o.FirstRcpt = 8, 4*time.Second })
	first, job, later := env.signUp("ada@slow.example"), env.signUp("grace@slow.example"),
		env.signUp("hedy@slow.example")
	done := make(chan struct{})
	go func() { defer close(done); _, _ = env.Run(t.Context(), first) }()
	eventually(t, "the first email", func() bool { return r.heard("RCPT") == 1 })
	began := time.Now()
	_, err := env.Run(t.Context(), job)
	if notBeforeOf(err) != 20*time.Second || queueOf(err) != "" || time.Since(began) > 3*time.Second {
		t.Errorf("%v is retried not before %s in %q, after %v", err, notBeforeOf(err), queueOf(err), time.Since(began))
	}
	began = time.Now()
	if _, err = env.Run(t.Context(), later); notBeforeOf(err) != 20*time.Second || time.Since(began) > time.Second {
		t.Errorf("%v is retried not before %s, after %v", err, notBeforeOf(err), time.Since(began))
	}
	if got := r.heard("RCPT"); got != 1 {
		t.Errorf("%d emails were begun", got)
	}
	<-done
}

func TestTimeoutsAreShorterWhileOneDomainAfterAnotherStalls(t *testing.T) {
	r := startRelay(t, func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" && strings.HasSuffix(r.latest("RCPT"), ".slow.example>") {
				return stall
			}
			return ""
		}
	})
	env := newEnv(t, r.addr, func(o *mailer.Options) { o.FirstRcpt = time.Second })
	attempt := func(n int, within bool) {
		t.Helper()
		began := time.Now()
		_, err := env.Run(t.Context(), env.signUp(fmt.Sprintf("ada@d%d.slow.example", n)))
		if took := time.Since(began); queueOf(err) != confirm.QueueEmailRetry || (took < env.FirstRcpt) != within {
			t.Errorf("domain %d: %v, after %s", n, err, took)
		}
	}
	env.deliver(env.signUp("ada@known.example"))
	for n := range 3 {
		attempt(n, false)
		env.deliver(env.signUp(fmt.Sprintf("grace%d@known.example", n))) // which says nothing of those that are not
	}
	attempt(3, true)
	job := env.signUp("hedy@d4.slow.example")
	job.Queue = confirm.QueueEmailRetry
	began := time.Now()
	if _, err := env.Run(t.Context(), job); err == nil || time.Since(began) > env.Session/2 {
		t.Errorf("what was tried before: %v, after %s", err, time.Since(began))
	}
	env.deliver(env.signUp("ada@new.example"))
	attempt(5, false)
}
