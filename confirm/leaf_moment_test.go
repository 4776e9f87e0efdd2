package confirm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// TestALeafIsOfItsMoment compares what leaves are about at once with what they are about after much else has happened.
func TestALeafIsOfItsMoment(t *testing.T) {
	const ada = "ada@example.org"
	env := newEnvWith(t, func(o *confirm.Options) { o.Logged = true })
	confirms := func(purpose string) {
		env.signUp(ada, purpose)
		job := env.emails(1)[0]
		m, err := env.Relay.Message(t.Context(), job)
		must(t, err)
		env.later(time.Minute)
		if _, err := env.confirm(tokenOf(m.Confirm)); err != nil {
			t.Fatal(err)
		}
		env.later(time.Minute)
		d := consent.Delivery{Reply: "250 ok", SHA256: "00", Unsigned: "00"} // the relay was slow to say so
		must(t, env.Relay.Delivered(t.Context(), job, nil, d))
	}
	withdraws := func(purposes ...string) {
		_, err := env.Website.Withdraw(t.Context(), "gazette", env.id(ada), purposes, consent.Evidence{IP: "192.0.2.1"})
		must(t, err)
	}
	var jobs []store.Job
	var want []confirm.LogEntry
	for _, act := range []func(){
		func() { confirms("letter") },
		func() { confirms("offers") },
		func() { withdraws("offers") },
		func() { env.told() },
		func() { env.signUp(ada, "offers"); env.emailOf() },
		func() { env.object(ada) },
		func() { env.unblock(ada) },
		func() { confirms("letter") },
		func() { withdraws() },
		func() { env.signUp(ada, "letter") },
	} {
		env.later(25 * time.Hour)
		act()
		new := env.logJobs()
		for _, job := range new {
			if len(job.Body) > 64 { // a confirmation pays for each byte
				t.Errorf("the job of leaf %s has %d bytes", job.ID, len(job.Body))
			}
		}
		jobs, want = append(jobs, new...), append(want, env.entriesOf(new)...)
	}
	if len(jobs) < 7 {
		t.Fatalf("%d leaves", len(jobs))
	}
	for i, got := range env.entriesOf(jobs) {
		if diff := cmp.Diff(string(want[i].Record), string(got.Record)); diff != "" {
			t.Errorf("leaf %d, %s, (-at once +later):\n%s", i, got.Action, diff)
		}
		state := func(e confirm.LogEntry) []consent.PurposeStatus {
			sub, err := confirm.DecodeSubscription(e.Rest, "gazette")
			must(t, err)
			return sub.Purposes(e.At)
		}
		if diff := cmp.Diff(state(want[i]), state(got)); diff != "" {
			t.Errorf("what restores leaf %d, %s, (-at once +later):\n%s", i, got.Action, diff)
		}
	}
}

// TestALeafOfSomebodyErasedMeanwhileSaysWhatHappened has leaves that name nobody. That of the erasure keeps what was
// refused.
func TestALeafOfSomebodyErasedMeanwhileSaysWhatHappened(t *testing.T) {
	const ada = "ada@example.org"
	env := newEnvWith(t, func(o *confirm.Options) { o.Logged = true })
	env.consented(ada)
	given := env.clock()
	env.later(time.Hour)
	env.object(ada)
	env.later(time.Hour)
	env.erase(ada)
	jobs := env.logJobs()
	if len(jobs) != 3 {
		t.Fatalf("%d leaves", len(jobs))
	}
	for _, e := range env.entriesOf(jobs) {
		if strings.Contains(string(e.Record), ada) || strings.Contains(string(e.Record), "letter") {
			t.Errorf("the leaf %s says %s", e.Action, e.Record)
		}
		if e.Action == consent.StepConfirmed && !e.At.Equal(given) {
			t.Errorf("she confirmed at %v, want %v", e.At, given)
		}
		sub, err := confirm.DecodeSubscription(e.Rest, "gazette")
		must(t, err)
		if e.Erases() != sub.Objections.Active() {
			t.Errorf("the leaf %s restores %+v", e.Action, sub)
		}
	}
}
