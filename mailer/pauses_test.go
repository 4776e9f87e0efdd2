package mailer_test

import (
	"context"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

// alarms records the calls of Options.Alarm.
type alarms struct {
	mu  sync.Mutex
	all []string
}

func (a *alarms) hear(o *mailer.Options) {
	o.Alarm = func(relay string, paused bool, words string) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if paused != (words != "") {
			words = " with the words " + words
		} else {
			words = ""
		}
		a.all = append(a.all, fmt.Sprint(relay, " ", paused)+words)
	}
}

func (a *alarms) heard() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

// withHerald adds another site, with a sender of its own.
func withHerald(o *mailer.Options) {
	s := o.Sites["gazette"]
	s.From = netmail.Address{Address: "hello@herald.example"}
	o.Sites["herald"] = s
}

func TestTheAlarmIsRaisedOncePerPauseAndEndsWithIt(t *testing.T) {
	r := startRelay(t, says("greeting", "421 4.3.2 closing"))
	var a alarms
	env := newEnv(t, r.addr, a.hear)
	job := env.signUp(ada)
	for n, want := range []time.Duration{5, 10, 20, 40, 60, 60} {
		_, err := env.Run(t.Context(), job)
		if waitOf(err) != want*time.Second || env.PausedFor() != want*time.Second || r.dialled() != n+1 {
			t.Fatalf("attempt %d: %v is retried in %s, paused for %s, %d connections", n+1, err, waitOf(err),
				env.PausedFor(), r.dialled())
		}
		env.advance(want*time.Second - time.Millisecond)
		if _, err := env.Run(t.Context(), job); waitOf(err) != time.Second || r.dialled() != n+1 ||
			env.lastLog()["outcome"] != "retry" {
			t.Fatalf("before its time: %v is retried in %s, %d connections", err, waitOf(err), r.dialled())
		}
		env.advance(time.Millisecond)
	}
	r.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
	env.deliver(job)
	if diff := cmp.Diff([]string{r.addr + " true", r.addr + " false"}, a.heard()); diff != "" {
		t.Error(diff)
	}
	began, ended := env.logged("relay paused"), env.logged("relay takes emails again")
	if len(began) != 1 || began[0]["level"] != "ERROR" || began[0]["reply"] != "421 4.3.2 closing" || len(ended) != 1 ||
		ended[0]["level"] != "INFO" {
		t.Errorf("%v, %v", began, ended)
	}
	r.change(says("MAIL", "421 4.3.2 closing"))
	_, err := env.Run(t.Context(), env.signUp("grace@example.org"))
	if waitOf(err) != 5*time.Second {
		t.Errorf("the next trouble begins with %s", waitOf(err))
	}
}

func TestAfterAPauseTheRelayGetsOneEmailAndTheOthersWaitForIt(t *testing.T) {
	r := startRelay(t, says("greeting", "554 5.7.1 not you"))
	env := newEnv(t, r.addr)
	var jobs []store.Job
	for n := range 5 {
		jobs = append(jobs, env.signUp(fmt.Sprintf("ada%d@example%d.org", n, n)))
	}
	if _, err := env.Run(t.Context(), jobs[0]); waitOf(err) != time.Minute {
		t.Fatal(err)
	}
	env.advance(time.Minute)
	open := make(chan struct{})
	r.change(func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "greeting" {
				<-open
			}
			return ""
		}
	})
	first := make(chan error, 1)
	go func() {
		_, err := env.Run(t.Context(), jobs[0])
		first <- err
	}()
	eventually(t, "an attempt", func() bool { return r.dialled() == 2 })
	for _, job := range jobs[1:] {
		if _, err := env.Run(t.Context(), job); waitOf(err) != time.Second || queueOf(err) != job.Queue {
			t.Errorf("%v is retried in %s", err, waitOf(err))
		}
	}
	if env.PausedFor() != time.Second {
		t.Errorf("paused for %s while one is attempted", env.PausedFor())
	}
	close(open)
	if err := <-first; err != nil || env.PausedFor() != 0 {
		t.Errorf("%v, paused for %s", err, env.PausedFor())
	}
	for _, job := range jobs[1:] {
		env.deliver(job)
	}
	if r.dialled() != 2 {
		t.Errorf("%d connections, want 2", r.dialled())
	}
}

func TestARefusedSenderWaitsWhileOtherSitesGoOn(t *testing.T) {
	r := startRelay(t)
	refuse := func(reply string) func(*fakeRelay) {
		return func(r *fakeRelay) {
			r.say = func(s step) string {
				if s.verb == "MAIL" && strings.Contains(r.latest("MAIL"), "@gazette.example") {
					return reply
				}
				return ""
			}
		}
	}
	r.change(refuse("550 5.7.1 <bonjour@gazette.example> and ada.lovelace@example.org may not"))
	var a alarms
	env := newEnv(t, r.addr, a.hear, withHerald)
	job := env.signUp(ada)
	_, err := env.Run(t.Context(), job)
	if waitOf(err) != time.Minute || env.PausedFor() != 0 {
		t.Fatalf("%v is retried in %s; paused for %s", err, waitOf(err), env.PausedFor())
	}
	env.deliver(env.signUpAt("herald", ada))
	said := r.heard("")
	if _, err := env.Run(t.Context(), env.signUp("grace@example.org")); waitOf(err) != time.Minute ||
		r.heard("") != said {
		t.Errorf("%v is retried in %s; the relay heard %q", err, waitOf(err), r.latest(""))
	}
	env.advance(time.Minute)
	if _, err := env.Run(t.Context(), job); waitOf(err) != 2*time.Minute {
		t.Errorf("refused again: %v is retried in %s", err, waitOf(err))
	}
	env.deliver(env.signUpAt("herald", "grace@example.org"))
	line := env.logged("relay paused")
	if len(line) != 1 || line[0]["sender"] != "gazette.example" || line[0]["reply"] != "550 5.7.1 … and … may not" {
		t.Errorf("%v", line)
	}
	env.advance(2 * time.Minute)
	r.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
	env.deliver(job)
	if diff := cmp.Diff([]string{r.addr + " true", r.addr + " false"}, a.heard()); diff != "" {
		t.Error(diff)
	}
	env.noSecrets(err)
}

func TestTheAlarmLastsUntilTheLastPauseEnds(t *testing.T) {
	r := startRelay(t, says("MAIL", "550 5.7.1 no"))
	var a alarms
	env := newEnv(t, r.addr, a.hear, withHerald)
	first, second := env.signUp(ada), env.signUpAt("herald", ada)
	_, _ = env.Run(t.Context(), first)
	_, _ = env.Run(t.Context(), second)
	env.advance(time.Minute)
	r.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
	env.deliver(first)
	if diff := cmp.Diff([]string{r.addr + " true"}, a.heard()); diff != "" {
		t.Error(diff)
	}
	env.deliver(second)
	if diff := cmp.Diff([]string{r.addr + " true", r.addr + " false"}, a.heard()); diff != "" {
		t.Error(diff)
	}
}

func TestAnEmailThatWaitsForPausedRelaysDoesNotCountAgainstTheLimit(t *testing.T) {
	r := startRelay(t, says("greeting", "554 5.7.1 not you"))
	env := newEnv(t, r.addr)
	_, _ = env.Run(t.Context(), env.signUp("ada@example.net"))
	for n := range 54 { // four more than one mailbox may have: as many as may wait
		if _, err := env.Run(t.Context(),
			env.signUp(fmt.Sprintf("ada+%d@example.org", n))); waitOf(err) != time.Minute || notBeforeOf(err) != -1 {
			t.Fatalf("email %d: %v", n, err)
		}
	}
}

func TestACancelledAttemptAfterAPauseLeavesRoomForAnother(t *testing.T) {
	r := startRelay(t, says("greeting", "421 4.3.2 closing"))
	env := newEnv(t, r.addr)
	job := env.signUp(ada)
	_, err := env.Run(t.Context(), job)
	env.advance(waitOf(err))
	r.change(says("greeting", stall))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := env.Run(ctx, job)
		done <- err
	}()
	eventually(t, "an attempt", func() bool { return r.dialled() == 2 })
	cancel()
	if err := <-done; err == nil || env.PausedFor() != 0 {
		t.Fatalf("%v, paused for %s", err, env.PausedFor())
	}
	r.change(func(r *fakeRelay) { r.say = func(step) string { return "" } })
	env.deliver(job)
}
