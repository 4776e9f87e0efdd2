package confirm_test

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/redis"
	"github.com/optin/optin/store/sqlite"
)

const validFor = 730 * day

// ending has consents hold for two years, with leaves.
func ending(o *confirm.Options) {
	retained(o)
	o.Sites[0].Terms.Validity = consent.Validity{For: validFor, RenewBefore: 30 * day}
}

// tick runs the n timers that are due.
func (env *env) tick(n int) {
	env.t.Helper()
	for _, job := range env.lease(store.TimerQueue, n) {
		must(env.t, env.Clock.Expire(env.t.Context(), job))
	}
}

// told returns the types of the events that the website is to be told.
func (env *env) told() (all []consent.EventType) {
	env.t.Helper()
	jobs, err := env.store.Lease(env.t.Context(), endpoint, 100, time.Minute)
	must(env.t, err)
	for _, job := range jobs {
		e, err := env.Website.Event(env.t.Context(), job)
		must(env.t, err)
		all = append(all, e.Type)
		must(env.t, env.Website.Notified(env.t.Context(), job, e, "https://gazette.example/hooks"))
	}
	return all
}

func TestTheEndOfAValidityIsToldListedCountedAndALeaf(t *testing.T) {
	env := newEnvWith(t, ending)
	env.consented("ada@example.org")
	env.consented("bob@example.org")
	env.leaves()
	env.told()
	env.later(validFor - 30*day)
	env.tick(2)
	for range 2 {
		jobs := env.emailJobs()
		for _, job := range jobs {
			m, err := env.Relay.Message(t.Context(), job)
			must(t, err)
			if m.Type != consent.EmailRenew {
				t.Fatalf("the email is %q", m.Type)
			}
			must(t, env.Relay.Delivered(t.Context(), job, nil, consent.Delivery{SHA256: "00", Unsigned: "00"}))
			if m.To == mustParse("bob@example.org") {
				_, err = env.confirm(tokenOf(m.Confirm))
				must(t, err)
			}
		}
	}
	if diff := cmp.Diff([]consent.EventType{consent.EventConfirmed}, env.told()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	env.later(30 * day)
	env.tick(1)
	if diff := cmp.Diff([]consent.EventType{consent.EventExpired}, env.told()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"confirmed", "validity_ended"}, env.leaves()); diff != "" {
		t.Errorf("leaves (-want +got):\n%s", diff)
	}
	for state, want := range map[consent.State][]string{
		consent.Expired: {"ada@example.org"}, consent.Confirmed: {"bob@example.org"},
	} {
		if diff := cmp.Diff(want, env.pages(confirm.Listing{State: state, Limit: 10}, func() {})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", state, diff)
		}
	}
	days, err := env.days("2028-01-01", "2029-12-31")
	must(t, err)
	var renewals, ended, confirmations, expired int64
	for _, d := range days {
		renewals, ended = renewals+d.Renewals, ended+d.ValidityEnded
		confirmations, expired = confirmations+d.Confirmations, expired+d.Expired
	}
	if renewals != 1 || ended != 1 || confirmations != 0 || expired != 0 {
		t.Errorf("%d renewals, %d ended, %d confirmations, %d expired", renewals, ended, confirmations, expired)
	}
}

func TestARestoredConsentHasItsEndAndIsAskedAbout(t *testing.T) {
	env := newEnvWith(t, ending)
	env.consented("ada@example.org")
	var last []confirm.Restorable
	for _, e := range env.entries() {
		last = append(last, confirm.Restorable{Key: e.Key, Rest: e.Rest})
	}
	restored := newEnvWith(t, ending)
	restored.later(env.clock().Sub(start))
	if n, err := restored.Log.Restore(t.Context(), last...); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if got, want := restored.letter().ValidUntil, env.letter().ValidUntil; !got.Equal(want) || want.IsZero() {
		t.Errorf("valid until %v, want %v", got, want)
	}
	restored.later(validFor - 30*day - time.Minute)
	restored.tick(0)
	restored.later(time.Minute)
	restored.tick(1)
	if m := restored.email(); m.Type != consent.EmailRenew {
		t.Errorf("the email is %q", m.Type)
	}
}

func TestWhatWasConfirmedBeforeThereWasAValidityGetsOneFromTheDailySweep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	env := openWith(t, path, retained, "s")
	env.consented("ada@example.org")
	must(t, env.store.Close())
	env = openWith(t, path, ending, "s")
	env.later(2 * day)
	env.retains(confirm.Retained{Read: 1, Dated: 1})
	env.retains(confirm.Retained{Read: 1})
	if left := env.letter().ValidUntil.Sub(start); left < validFor || left > validFor+2*day {
		t.Errorf("valid for %v", left)
	}
}

// letter returns where Ada's consent to the letter stands.
func (env *env) letter() consent.PurposeStatus {
	env.t.Helper()
	st, err := env.Website.Lookup(env.t.Context(), "gazette", mustParse("ada@example.org"))
	must(env.t, err)
	return st.Purposes[0]
}

// TestTwoProcessesAskOnce has two processes run the timers of one store as fast as they can, on the clock of the store,
// and one of them start anew in between.
func TestTwoProcessesAskOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "optin.db")
	onSQLite := func(t *testing.T) store.Store {
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
		must(t, err)
		return st
	}
	for name, connect := range map[string]func(t *testing.T) store.Store{"sqlite": onSQLite, "redis": onRedis(t)} {
		t.Run(name, func(t *testing.T) { askOnce(t, connect) })
	}
}

// onRedis starts a server, and returns what connects to it.
func onRedis(t *testing.T) func(*testing.T) store.Store {
	childtest.Need(t, "redis-server")
	at := childtest.FreeAddr(t)
	_, port, err := net.SplitHostPort(at)
	must(t, err)
	server := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "",
		"--logfile", "log")
	childtest.DieWithParent(server)
	must(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	where, err := store.ParseLocation("redis://" + at + "/0?durability=none")
	must(t, err)
	return func(t *testing.T) store.Store {
		st, err := redis.Open(t.Context(), redis.Options{Location: where})
		must(t, err)
		for deadline := time.Now().Add(10 * time.Second); st.Ready(t.Context()) != nil; {
			if time.Now().After(deadline) {
				t.Fatal("redis-server does not answer")
			}
			time.Sleep(20 * time.Millisecond)
		}
		return st
	}
}

func askOnce(t *testing.T, connect func(*testing.T) store.Store) {
	const asksAfter = 1500 * time.Millisecond
	start := func() *env {
		st := connect(t)
		t.Cleanup(func() { _ = st.Close() })
		return openWith(t, filepath.Join(t.TempDir(), "unused.db"), func(o *confirm.Options) {
			o.Store, o.Now = st, nil
			o.Sites[0].Terms.EmailsPerAddress = []store.Limit{{N: 9, Per: time.Second}}
			o.Sites[0].Terms.Validity = consent.Validity{For: 10 * time.Minute, RenewBefore: 10*time.Minute - asksAfter}
		}, "s")
	}
	using := func(e *env) *env { e.store = connect(t); t.Cleanup(func() { _ = e.store.Close() }); return e }
	one, two := using(start()), using(start())
	one.signUp("ada@example.org", "letter")
	_, err := one.confirm(tokenOf(one.email().Confirm))
	must(t, err)
	ctx, stop := context.WithTimeout(t.Context(), 3*asksAfter)
	defer stop()
	done := make(chan struct{}, 2)
	work := func(of *env) {
		defer func() { done <- struct{}{} }()
		for ctx.Err() == nil {
			jobs, _ := of.store.Lease(ctx, store.TimerQueue, 10, time.Millisecond) // who is slow loses it to the other
			for _, job := range jobs {
				_ = of.Clock.Expire(ctx, job)
			}
		}
	}
	go work(one)
	go work(two)
	<-done
	<-done
	three := using(start()) // after a restart
	if m := three.email(); m.Type != consent.EmailRenew {
		t.Errorf("the email is %q", m.Type)
	}
	jobs, err := three.store.Lease(t.Context(), store.TimerQueue, 10, time.Minute)
	must(t, err)
	for _, job := range jobs {
		must(t, three.Clock.Expire(t.Context(), job))
	}
	three.emails(0)
}
