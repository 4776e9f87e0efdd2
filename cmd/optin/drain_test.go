package main

import (
	"bytes"
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

// unlimited lets as many letters leave as a test wants.
const unlimited = "limits: {emails: 100000/1s}\n"

func TestTwoProcessesSendEveryLetterOnce(t *testing.T) {
	n := size(600, 100_000)
	relay := newExchange(t, nil)
	w := newWorld(t, redisServer(t).url())
	w.smtp, w.conns, w.top = relay.addr, 8, unlimited
	desk := w.desk()
	signUpMany(t, desk, n, someone)
	begun := time.Now()
	one, _ := w.spawn(w.listen)
	two, _ := w.spawn(freeAddr(t))
	w.eventually(10*time.Minute, "every letter", func() bool { _, different := relay.letters(); return different == n })
	took := time.Since(begun)
	w.eventually(time.Minute, "nothing is owed", func() bool { return counted(t, desk, consent.CountEmails) == int64(n) })
	if one.stops() != exitOK || two.stops() != exitOK {
		t.Errorf("they end badly:\n%s\n%s", one.stderr, two.stderr)
	}
	if all, different := relay.letters(); all != n || different != n {
		t.Errorf("%d letters came, %d different ones; want %d", all, different, n)
	}
	for name, p := range map[string]*process{"one": one, "two": two} {
		if sent := delivered(p); sent < n/10 {
			t.Errorf("process %s sent %d of %d: it had no part in it", name, sent, n)
		}
	}
	t.Logf("%d letters by two processes of 8 workers in %v: %.0f a second", n, took.Round(time.Millisecond), float64(n)/took.Seconds())
}

// A process that is stopped while the relay has its letter, and comes back when another has sent it, changes nothing any more.
func TestAProcessThatWakesUpLateChangesNothing(t *testing.T) {
	inHand, release := make(chan struct{}, 1), make(chan struct{})
	relay := newExchange(t, nil)
	relay.taking = func(first bool) {
		if first {
			inHand <- struct{}{}
			<-release
		}
	}
	w := newWorld(t, redisServer(t).url())
	w.smtp, w.hold = relay.addr, time.Second
	sleeper, a := w.spawn(w.listen)
	a.SignUp("ada@people.test")
	<-inHand
	w.must(sleeper.cmd.Process.Signal(syscall.SIGSTOP))
	desk := w.desk()
	other, _ := w.spawn(freeAddr(t))
	w.eventually(30*time.Second, "the other's letter", func() bool { return counted(t, desk, consent.CountEmails) == 1 })
	close(release)
	w.must(sleeper.cmd.Process.Signal(syscall.SIGCONT))
	w.eventually(30*time.Second, "the sleeper's outcome", func() bool { return bytes.Contains([]byte(sleeper.stderr.String()), []byte(`"outcome":"lost"`)) })
	if all, different := relay.letters(); all != 2 || different != 1 {
		t.Errorf("%d copies of %d letters came; want two of one", all, different)
	}
	if n := counted(t, desk, consent.CountEmails); n != 1 {
		t.Errorf("the record was told of %d letters", n)
	}
	if sleeper.stops() != exitOK || other.stops() != exitOK {
		t.Errorf("they end badly:\n%s\n%s", sleeper.stderr, other.stderr)
	}
	if all, _ := relay.letters(); all != 2 {
		t.Errorf("afterwards %d copies have come", all)
	}
}

// delivered is how many letters a process says that the relay took from it.
func delivered(p *process) (n int) {
	for line := range bytes.Lines([]byte(p.stderr.String())) {
		var l struct{ Msg, Outcome string }
		if json.Unmarshal(line, &l) == nil && l.Msg == "letter" && l.Outcome == "delivered" {
			n++
		}
	}
	return n
}

// counted is how often something was counted since yesterday: a test may run at midnight.
func counted(t *testing.T, desk *confirm.Service, name string) (n int64) {
	t.Helper()
	day := func(ago time.Duration) string { return time.Now().UTC().Add(-ago).Format(time.DateOnly) }
	all, err := desk.Store.Counts(t.Context(), "gazette", day(24*time.Hour), day(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name {
			n += c.N
		}
	}
	return n
}

// eventually polls for something that must come.
func (w *world) eventually(within time.Duration, what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(within); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("not within %v: %s", within, what)
		}
	}
}
