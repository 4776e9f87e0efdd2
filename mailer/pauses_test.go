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

// alarms are what Options.Alarm was told.
type alarms struct {
	mu  sync.Mutex
	all []string
}

func (a *alarms) hear(o *mailer.Options) {
	o.Alarm = func(relay string, paused bool) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.all = append(a.all, fmt.Sprint(relay, " ", paused))
	}
}

func (a *alarms) heard() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

// herald adds another site, with a sender of its own.
func herald(o *mailer.Options) {
	s := o.Sites["gazette"]
	s.From = netmail.Address{Address: "hello@herald.example"}
	o.Sites["herald"] = s
}

func TestTheAlarmIsRaisedOncePerTroubleAndEndsWithIt(t *testing.T) {
	r := startRelay(t, says("greeting", "421 4.3.2 closing"))
	var a alarms
	o := openOffice(t, r.addr, a.hear)
	e := o.owe(ada)
	for n, want := range []time.Duration{5, 10, 20, 40, 60, 60} {
		_, err := o.Run(t.Context(), e)
		if waitOf(err) != want*time.Second || o.PausedFor() != want*time.Second || r.dialled() != n+1 {
			t.Fatalf("try %d: %v waits %s, rest %s, %d connections", n+1, err, waitOf(err), o.PausedFor(), r.dialled())
		}
		o.later(want*time.Second - time.Millisecond)
		if _, err := o.Run(t.Context(), e); waitOf(err) != time.Second || r.dialled() != n+1 || o.line()["outcome"] != "later" {
			t.Fatalf("before its time: %v waits %s, %d connections", err, waitOf(err), r.dialled())
		}
		o.later(time.Millisecond)
	}
	r.change(func(r *relay) { r.say = func(step) string { return "" } })
	o.sends(e)
	if diff := cmp.Diff([]string{r.addr + " true", r.addr + " false"}, a.heard()); diff != "" {
		t.Error(diff)
	}
	began, ended := o.logged("relay paused"), o.logged("relay takes letters again")
	if len(began) != 1 || began[0]["level"] != "ERROR" || began[0]["words"] != "421 4.3.2 closing" || len(ended) != 1 || ended[0]["level"] != "INFO" {
		t.Errorf("%v, %v", began, ended)
	}
	r.change(says("MAIL", "421 4.3.2 closing"))
	_, err := o.Run(t.Context(), o.owe("grace@example.org"))
	if waitOf(err) != 5*time.Second {
		t.Errorf("the next trouble begins with %s", waitOf(err))
	}
}

func TestAfterAPauseOneLetterTriesTheRelayAndTheOthersWaitForIt(t *testing.T) {
	r := startRelay(t, says("greeting", "554 5.7.1 not you"))
	o := openOffice(t, r.addr)
	var owed []store.Job
	for n := range 5 {
		owed = append(owed, o.owe(fmt.Sprintf("ada%d@example%d.org", n, n)))
	}
	if _, err := o.Run(t.Context(), owed[0]); waitOf(err) != time.Minute {
		t.Fatal(err)
	}
	o.later(time.Minute)
	open := make(chan struct{})
	r.change(func(r *relay) {
		r.say = func(s step) string {
			if s.verb == "greeting" {
				<-open
			}
			return ""
		}
	})
	first := make(chan error, 1)
	go func() {
		_, err := o.Run(t.Context(), owed[0])
		first <- err
	}()
	eventually(t, "a trial", func() bool { return r.dialled() == 2 })
	for _, e := range owed[1:] {
		if _, err := o.Run(t.Context(), e); waitOf(err) != time.Second || laneOf(err) != e.Queue {
			t.Errorf("%v waits %s", err, waitOf(err))
		}
	}
	if o.PausedFor() != time.Second {
		t.Errorf("rest %s while one tries", o.PausedFor())
	}
	close(open)
	if err := <-first; err != nil || o.PausedFor() != 0 {
		t.Errorf("%v, rest %s", err, o.PausedFor())
	}
	for _, e := range owed[1:] {
		o.sends(e)
	}
	if r.dialled() != 2 {
		t.Errorf("%d connections, want 2", r.dialled())
	}
}

func TestASenderThatIsRefusedWaitsAloneWhileOtherSitesGoOn(t *testing.T) {
	r := startRelay(t)
	refuse := func(reply string) func(*relay) {
		return func(r *relay) {
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
	o := openOffice(t, r.addr, a.hear, herald)
	e := o.owe(ada)
	_, err := o.Run(t.Context(), e)
	if waitOf(err) != time.Minute || o.PausedFor() != 0 {
		t.Fatalf("%v waits %s; rest %s", err, waitOf(err), o.PausedFor())
	}
	o.sends(o.oweAt("herald", ada))
	said := r.heard("")
	if _, err := o.Run(t.Context(), o.owe("grace@example.org")); waitOf(err) != time.Minute || r.heard("") != said {
		t.Errorf("%v waits %s; the relay heard %q", err, waitOf(err), r.latest(""))
	}
	o.later(time.Minute)
	if _, err := o.Run(t.Context(), e); waitOf(err) != 2*time.Minute {
		t.Errorf("refused again: %v waits %s", err, waitOf(err))
	}
	o.sends(o.oweAt("herald", "grace@example.org"))
	line := o.logged("relay paused")
	if len(line) != 1 || line[0]["sender"] != "gazette.example" || line[0]["words"] != "550 5.7.1 … and … may not" {
		t.Errorf("%v", line)
	}
	o.later(2 * time.Minute)
	r.change(func(r *relay) { r.say = func(step) string { return "" } })
	o.sends(e)
	if diff := cmp.Diff([]string{r.addr + " true", r.addr + " false"}, a.heard()); diff != "" {
		t.Error(diff)
	}
	o.discreet(err)
}

func TestTheAlarmLastsAsLongAsOneOfItsPauses(t *testing.T) {
	r := startRelay(t, says("MAIL", "550 5.7.1 no"))
	var a alarms
	o := openOffice(t, r.addr, a.hear, herald)
	first, second := o.owe(ada), o.oweAt("herald", ada)
	_, _ = o.Run(t.Context(), first)
	_, _ = o.Run(t.Context(), second)
	o.later(time.Minute)
	r.change(func(r *relay) { r.say = func(step) string { return "" } })
	o.sends(first)
	if diff := cmp.Diff([]string{r.addr + " true"}, a.heard()); diff != "" {
		t.Error(diff)
	}
	o.sends(second)
	if diff := cmp.Diff([]string{r.addr + " true", r.addr + " false"}, a.heard()); diff != "" {
		t.Error(diff)
	}
}

func TestALetterThatWaitsForThePausedRelaysTakesNoPlaceInItsMailbox(t *testing.T) {
	r := startRelay(t, says("greeting", "554 5.7.1 not you"))
	o := openOffice(t, r.addr)
	_, _ = o.Run(t.Context(), o.owe("ada@example.net"))
	for n := range 54 { // four more than one mailbox may have: as many as may wait
		if _, err := o.Run(t.Context(), o.owe(fmt.Sprintf("ada+%d@example.org", n))); waitOf(err) != time.Minute || restOf(err) != -1 {
			t.Fatalf("letter %d: %v", n, err)
		}
	}
}

func TestATrialThatIsCancelledLeavesRoomForAnother(t *testing.T) {
	r := startRelay(t, says("greeting", "421 4.3.2 closing"))
	o := openOffice(t, r.addr)
	e := o.owe(ada)
	_, err := o.Run(t.Context(), e)
	o.later(waitOf(err))
	r.change(says("greeting", stall))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := o.Run(ctx, e)
		done <- err
	}()
	eventually(t, "a trial", func() bool { return r.dialled() == 2 })
	cancel()
	if err := <-done; err == nil || o.PausedFor() != 0 {
		t.Fatalf("%v, rest %s", err, o.PausedFor())
	}
	r.change(func(r *relay) { r.say = func(step) string { return "" } })
	o.sends(e)
}
