package mailer_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

// restOf is how long an error asks to rest at least; -1 if it does not.
func restOf(err error) time.Duration {
	var rest interface{ RetryAfter() time.Duration }
	if errors.As(err, &rest) {
		return rest.RetryAfter()
	}
	return -1
}

func hasty(o *mailer.Options) {
	o.Dial, o.Session, o.Hasty = 500*time.Millisecond, time.Second, 150*time.Millisecond
}

func TestADomainThatKeepsALetterWaitingIsLeftAloneAndTheOthersAreNot(t *testing.T) {
	for at, rounds := range map[string]int{"RCPT": 6, "DATA": 1} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t)
			slow := func(r *relay) { // slow.example's letters stall
				r.say = func(s step) string {
					if s.verb == at && strings.HasSuffix(r.latest("RCPT"), "@slow.example>") {
						return stall
					}
					return ""
				}
			}
			r.change(slow)
			o := openOffice(t, r.addr, hasty)
			o.hold = 24 * time.Hour
			e, other := o.owe("ada@slow.example"), o.owe("grace@slow.example")
			want := time.Minute
			for range rounds {
				_, err := o.Run(t.Context(), e)
				if laneOf(err) != confirm.QueueEmailRetry || !strings.Contains(err.Error(), at+": no answer in time") {
					t.Fatalf("%v waits in %q", err, laneOf(err))
				}
				said := r.heard("")
				if _, err := o.Run(t.Context(), other); restOf(err) != want || o.line()["outcome"] != "later" || r.heard("") != said {
					t.Fatalf("%v rests for %s, want %s; the relay heard %d lines", err, restOf(err), want, r.heard("")-said)
				}
				o.sends(o.owe(fmt.Sprintf("ada%s@example.org", want)))
				o.later(want)
				want = min(2*want, 15*time.Minute)
			}
			r.change(func(r *relay) { r.say = func(step) string { return "" } })
			o.sends(e)
			o.sends(other)
			r.change(slow)
			if _, err := o.Run(t.Context(), o.owe("hedy@slow.example")); restOf(err) != -1 {
				t.Errorf("it began to rest by itself: %v", err)
			}
			if _, err := o.Run(t.Context(), o.owe("joan@slow.example")); restOf(err) != time.Minute {
				t.Errorf("%v rests for %s; want it to begin anew", err, restOf(err))
			}
		})
	}
}

func TestThreeLettersPutOffInARowMakeADomainRest(t *testing.T) {
	for name, row := range map[string]struct {
		verb    string
		replies []string
		rests   bool
	}{
		"three":                {"RCPT", []string{"450 4.2.0 no", "451 4.7.1 no", "421 4.3.2 no"}, true},
		"two":                  {"RCPT", []string{"450 4.2.0 no", "450 4.2.0 no"}, false},
		"with one that went":   {"RCPT", []string{"450 4.2.0 no", "450 4.2.0 no", "", "450 4.2.0 no", "450 4.2.0 no"}, false},
		"with one for good":    {"RCPT", []string{"450 4.2.0 no", "450 4.2.0 no", "550 5.1.1 no", "450 4.2.0 no"}, false},
		"at another step":      {"DATA", []string{"451 4.3.0 no", "451 4.3.0 no", "451 4.3.0 no"}, false},
		"of full mailboxes":    {"RCPT", []string{"452 4.2.2 full", "450 4.2.1 too many letters", "452 4.2.2 full"}, false},
		"of nobody's fault":    {"RCPT", []string{"550 5.7.26 no", "550 5.7.26 no", "550 5.7.26 no"}, false},
		"with a drop between":  {"RCPT", []string{"450 4.2.0 no", hangUp, "450 4.2.0 no", hangUp, "450 4.2.0 no"}, true},
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
			o := openOffice(t, r.addr)
			for n := range row.replies {
				_, _ = o.Run(t.Context(), o.owe(fmt.Sprintf("ada%d@example.org", n)))
			}
			_, err := o.Run(t.Context(), o.owe(ada))
			if rests := restOf(err) == time.Minute; rests != row.rests || (err == nil) == row.rests {
				t.Errorf("%v; want it to rest: %v", err, row.rests)
			}
			o.sends(o.owe("ada@example.net"))
		})
	}
}

func TestAfterItsRestADomainIsTriedByOneLetter(t *testing.T) {
	r := startRelay(t, says("RCPT", stall))
	o := openOffice(t, r.addr, hasty)
	e, other := o.owe("ada@slow.example"), o.owe("grace@slow.example")
	_, _ = o.Run(t.Context(), e)
	o.later(time.Minute)
	done := make(chan error, 1)
	go func() {
		_, err := o.Run(t.Context(), e)
		done <- err
	}()
	eventually(t, "a trial", func() bool { return r.heard("RCPT") == 2 })
	if _, err := o.Run(t.Context(), other); restOf(err) != time.Second && restOf(err) != 2*time.Minute {
		t.Errorf("%v rests for %s", err, restOf(err))
	}
	if <-done; r.heard("RCPT") != 2 {
		t.Errorf("%d letters were tried, want 2", r.heard("RCPT"))
	}
}

func TestALetterThatWasNotTriedBeforeHasLessPatience(t *testing.T) {
	r := startRelay(t)
	answer := make(chan struct{})
	slow := func(r *relay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" {
				<-answer
			}
			return ""
		}
	}
	r.change(slow)
	o := openOffice(t, r.addr, func(o *mailer.Options) { o.Session, o.Hasty = 20*time.Second, 200*time.Millisecond })
	e := o.owe(ada)
	began := time.Now()
	_, err := o.Run(t.Context(), e)
	if laneOf(err) != confirm.QueueEmailRetry || o.line()["outcome"] != "later" || time.Since(began) > o.Session/2 {
		t.Fatalf("%v waits in %q, after %s", err, laneOf(err), time.Since(began))
	}
	e = o.again(e, err)
	time.AfterFunc(time.Second, func() { close(answer) })
	o.sends(e) // in QueueEmailRetry, with the patience of the session
	if got := len(r.received()); got != 1 {
		t.Errorf("%d letters", got)
	}
}

func TestOneDomainHasHalfTheConnections(t *testing.T) {
	for connections, most := range map[int]int{1: 1, 2: 1, 3: 1, 4: 2, 0: 6} {
		t.Run(fmt.Sprint(connections), func(t *testing.T) {
			t.Parallel()
			open := make(chan struct{})
			r := startRelay(t, func(r *relay) {
				r.say = func(s step) string {
					if s.verb == "RCPT" {
						<-open
					}
					return ""
				}
			})
			o := openOffice(t, r.addr, func(o *mailer.Options) { o.Connections = connections })
			go func() { open <- struct{}{} }() // to one letter: its domain is known to answer
			o.sends(o.owe("first@example.org"))
			var owed []store.Job
			for n := range 6 {
				owed = append(owed, o.owe(fmt.Sprintf("ada%d@example.org", n)))
			}
			other := o.owe("ada@example.net")
			var all sync.WaitGroup
			for _, e := range owed[:most] {
				all.Go(func() {
					if settled, err := o.Run(t.Context(), e); !settled || err != nil {
						t.Errorf("settled %v, %v", settled, err)
					}
				})
			}
			eventually(t, "letters under way", func() bool { return r.heard("RCPT") == 1+most })
			for _, e := range owed[most:] {
				if _, err := o.Run(t.Context(), e); waitOf(err) < time.Second || waitOf(err) > 2*time.Second || laneOf(err) != e.Queue || o.line()["outcome"] != "later" {
					t.Errorf("%v waits %s in %s", err, waitOf(err), laneOf(err))
				}
			}
			if most < connections {
				all.Go(func() {
					if settled, err := o.Run(t.Context(), other); !settled || err != nil {
						t.Errorf("another domain's: settled %v, %v", settled, err)
					}
				})
				eventually(t, "another domain's letter", func() bool { return r.heard("RCPT") == 1+most+1 })
			}
			close(open)
			all.Wait()
			for _, e := range owed[most:] {
				o.sends(e)
			}
		})
	}
}

func TestADomainThatIsNotKnownGetsOneLetterAndTheOthersWaitForIt(t *testing.T) {
	answer := make(chan struct{})
	r := startRelay(t, func(r *relay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" && strings.HasSuffix(r.latest("RCPT"), "@new.example>") {
				<-answer
			}
			return ""
		}
	})
	o := openOffice(t, r.addr, func(o *mailer.Options) { o.Connections = 8 })
	var all sync.WaitGroup
	for n := range 4 {
		e := o.owe(fmt.Sprintf("ada%d@new.example", n))
		all.Go(func() {
			if settled, err := o.Run(t.Context(), e); !settled || err != nil {
				t.Errorf("letter %d: settled %v, %v", n, settled, err)
			}
		})
	}
	eventually(t, "the first letter", func() bool { return r.heard("RCPT") == 1 })
	o.sends(o.owe("ada@known.example")) // meanwhile
	if got := r.heard("RCPT"); got != 2 {
		t.Errorf("%d letters were begun, want two", got)
	}
	close(answer)
	all.Wait()
}

func TestOneLetterIsAllThatADomainKeepsWaiting(t *testing.T) {
	r := startRelay(t, func(r *relay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" {
				return stall
			}
			return ""
		}
	})
	o := openOffice(t, r.addr, func(o *mailer.Options) { o.Connections, o.Hasty = 8, 4*time.Second })
	first, e, later := o.owe("ada@slow.example"), o.owe("grace@slow.example"), o.owe("hedy@slow.example")
	done := make(chan struct{})
	go func() { defer close(done); _, _ = o.Run(t.Context(), first) }()
	eventually(t, "the first letter", func() bool { return r.heard("RCPT") == 1 })
	began := time.Now()
	_, err := o.Run(t.Context(), e)
	if restOf(err) != 20*time.Second || laneOf(err) != "" || time.Since(began) > 3*time.Second {
		t.Errorf("%v rests for %s in %q, after %v", err, restOf(err), laneOf(err), time.Since(began))
	}
	began = time.Now()
	if _, err = o.Run(t.Context(), later); restOf(err) != 20*time.Second || time.Since(began) > time.Second {
		t.Errorf("%v rests for %s, after %v", err, restOf(err), time.Since(began))
	}
	if got := r.heard("RCPT"); got != 1 {
		t.Errorf("%d letters were begun", got)
	}
	<-done
}

func TestWhereOneDomainAfterAnotherStallsThereIsLessPatienceUntilOneAnswers(t *testing.T) {
	r := startRelay(t, func(r *relay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" && strings.HasSuffix(r.latest("RCPT"), ".slow.example>") {
				return stall
			}
			return ""
		}
	})
	o := openOffice(t, r.addr, func(o *mailer.Options) { o.Hasty = time.Second })
	tries := func(n int, within bool) {
		t.Helper()
		began := time.Now()
		_, err := o.Run(t.Context(), o.owe(fmt.Sprintf("ada@d%d.slow.example", n)))
		if took := time.Since(began); laneOf(err) != confirm.QueueEmailRetry || (took < o.Hasty) != within {
			t.Errorf("domain %d: %v, after %s", n, err, took)
		}
	}
	o.sends(o.owe("ada@known.example"))
	for n := range 3 {
		tries(n, false)
		o.sends(o.owe(fmt.Sprintf("grace%d@known.example", n))) // which says nothing of those that are not
	}
	tries(3, true)
	e := o.owe("hedy@d4.slow.example")
	e.Queue = confirm.QueueEmailRetry
	began := time.Now()
	if _, err := o.Run(t.Context(), e); err == nil || time.Since(began) > o.Session/2 {
		t.Errorf("what was tried before: %v, after %s", err, time.Since(began))
	}
	o.sends(o.owe("ada@new.example"))
	tries(5, false)
}
