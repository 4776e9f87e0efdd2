package consent_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// history is one subscription with every email that was ever due for it, and a clock.
type history struct {
	now     time.Time
	sub     consent.Subscription
	serial  int
	known   []string    // ids of requests whose email was due: nobody can confirm another
	mailed  []time.Time // when emails were due
	refused bool
	erased  bool
	presses int64 // that confirmed something
	counted int64 // confirmations
	reminds int64 // counted
}

var someTerms = rapid.Custom(func(t *rapid.T) consent.Terms {
	return consent.Terms{
		TTL: rapid.SampledFrom([]time.Duration{10 * time.Minute, 48 * time.Hour, 30 * 24 * time.Hour}).Draw(t, "ttl"),
		EmailsPerAddress: rapid.SampledFrom([][]store.Limit{
			{{N: 1, Per: 10 * time.Minute}, {N: 3, Per: 24 * time.Hour}},
			{{N: 2, Per: time.Hour}},
		}).Draw(t, "limits"),
		RemindAfter: rapid.SampledFrom([]time.Duration{0, 5 * time.Minute, 20 * time.Hour, 31 * 24 * time.Hour}).Draw(t, "remind"),
	}
})

// act draws any act that somebody could do now.
func (e *history) act(t *rapid.T, terms consent.Terms) consent.Action {
	e.serial++
	id := fmt.Sprint("r", e.serial)
	evidence := consent.Evidence{At: e.now, UserAgent: strings.Repeat(`"\`, 128), Source: strings.Repeat("é", 256), Reply: strings.Repeat(`"`, 512)}
	purposes := rapid.SampledFrom([][]string{{"a"}, {"b"}, {"a", "b"}, {"c", "a"}}).Draw(t, "purposes")
	held := "nothing"
	if len(e.known) > 0 {
		held = rapid.SampledFrom(e.known).Draw(t, "link")
	}
	var shown []consent.Statement
	for _, p := range purposes {
		shown = append(shown, consent.Statement{Purpose: p, SHA256: strings.Repeat("0", 64)})
	}
	acts := []consent.Action{
		consent.Signup{ID: id, Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr", Statements: shown, Evidence: evidence, Terms: terms},
		consent.Confirm{Request: held, Evidence: evidence},
		consent.Decline{Site: "gazette", Evidence: evidence},
		consent.Unblock{Evidence: evidence},
		consent.Renew{Request: held, ID: id, Evidence: evidence, Terms: terms},
		consent.Withdraw{Purposes: rapid.SampledFrom([][]string{nil, {"a"}, {"b", "c"}}).Draw(t, "back"), Evidence: evidence},
		consent.Delivered{Request: held, Delivery: consent.Delivery{At: e.now, Reply: strings.Repeat(`"`, 512)}},
		consent.Bounced{Request: held, Evidence: evidence},
		consent.Expire{Terms: terms},
		consent.Resend{Terms: terms},
		consent.Erase{},
		consent.Complained{Evidence: consent.Evidence{At: e.now, How: consent.ByComplaint, Reply: strings.Repeat(`"`, 512)}},
		consent.Bounced{Request: held, Evidence: consent.Evidence{At: e.now, How: consent.ByReport}},
	}
	// Signups and presses are what attackers and people do most.
	return acts[rapid.SampledFrom([]int{0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 6, 7, 8, 8, 8, 9, 9, 10, 11, 12}).Draw(t, "act")]
}

func TestNoSequenceOfActsBreaksTheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &history{now: start}
		terms := someTerms.Draw(t, "terms")
		for range rapid.IntRange(1, 60).Draw(t, "length") {
			e.now = e.now.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Minute, 11 * time.Minute, 9 * time.Hour, 50 * time.Hour, 9 * 24 * time.Hour}).Draw(t, "later"))
			e.step(t, e.act(t, terms), terms)
		}
	})
}

func (e *history) step(t *rapid.T, a consent.Action, terms consent.Terms) {
	before := e.sub
	frozen := encoded(before)
	change, err := consent.Apply(before, a, e.now)
	after, changed := change.Subscription, change.Changed
	if encoded(before) != frozen {
		t.Fatalf("%T changed its input", a)
	}
	if err != nil && (changed || len(change.Jobs) > 0 || len(change.Events) > 0 || encoded(after) != frozen) {
		t.Fatalf("%T failed with %v and yet changed something", a, err)
	}
	e.sub = after
	due := e.due(change.Jobs)
	if !changed && (len(due) > 0 || len(change.Events) > 0) {
		t.Fatalf("%T changed nothing, and yet %v and %v follow", a, due, change.Events)
	}
	if signup, ok := a.(consent.Signup); ok {
		if n := len(emails(change.Jobs)); n != 1 || emails(change.Jobs)[0].Request != signup.ID {
			t.Fatalf("a signup has %d email jobs: %v", n, change.Jobs)
		}
	}
	e.consent(t, a, before)
	e.refusal(t, a, due)
	e.counts(t, a, before, changed)
	e.erasure(t, a)
	e.limits(t, due, terms)
	e.reminders(t, a, before, due, terms)
	if _, ok := a.(consent.Complained); ok && (len(confirmedBy(e.sub)) > 0 || e.open() > 0) {
		t.Fatalf("after a complaint something is open or confirmed: %s", encoded(e.sub))
	}
	e.bounds(t)
	again, err2 := consent.Apply(e.sub, a, e.now)
	if _, ok := a.(consent.Signup); ok {
		again.Jobs = nil // the same email job again, which is one job by its id
	}
	again.Jobs = e.due(again.Jobs)
	if err == nil && (err2 != nil || again.Changed || len(again.Jobs) > 0 || len(again.Events) > 0) {
		t.Fatalf("%T twice: %v, %v follow, %v, changed %v:\n%s\n%s", a, again.Jobs, again.Events, err2, again.Changed, encoded(e.sub), encoded(again.Subscription))
	}
	if err == nil && e.sub.State(e.now) == consent.Pending && e.sub.ExpireAt.IsZero() {
		t.Fatal("something is pending and no Expire job is due")
	}
}

func emails(jobs []consent.Job) []consent.Job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j consent.Job) bool { return j.Type != consent.JobEmail })
}

// due is the jobs, without those whose email is not due.
func (e *history) due(jobs []consent.Job) []consent.Job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j consent.Job) bool {
		at := e.now
		if j.Due.After(at) {
			at = j.Due
		}
		return j.Type == consent.JobEmail && e.sub.EmailDue(j.Request, at) == ""
	})
}

func encoded(s consent.Subscription) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func confirmedBy(s consent.Subscription) map[string]string {
	m := map[string]string{}
	for _, g := range s.Consents {
		if g.State == consent.Confirmed {
			m[g.Purpose] = g.Request
		}
	}
	return m
}

// consent: only a Confirm confirms, only what its request asked for; only the mailbox takes away.
func (e *history) consent(t *rapid.T, a consent.Action, before consent.Subscription) {
	had, has := confirmedBy(before), confirmedBy(e.sub)
	press, isPress := a.(consent.Confirm)
	for p, r := range has {
		if had[p] == "" && (!isPress || press.Request != r) {
			t.Fatalf("%T confirmed %s by request %s", a, p, r)
		}
	}
	for p := range had {
		switch a.(type) {
		case consent.Withdraw, consent.Decline, consent.Erase, consent.Complained:
		default:
			if has[p] != had[p] {
				t.Fatalf("%T took %s away, or put another consent in its place", a, p)
			}
		}
	}
	if _, ok := a.(consent.Signup); ok {
		for _, r := range before.Requests {
			same := func(x consent.Request) bool { return reflect.DeepEqual(x, r) }
			if r.State == consent.Pending && e.now.Before(r.Deadline) && !slices.ContainsFunc(e.sub.Requests, same) {
				t.Fatalf("a signup changed the open request %s", r.ID)
			}
		}
	}
}

// refusal: declined holds until Unblock; until then nothing is confirmed and no email is due.
func (e *history) refusal(t *rapid.T, a consent.Action, due []consent.Job) {
	switch a.(type) {
	case consent.Decline:
		e.refused = true
	case consent.Unblock:
		e.refused = false
	}
	if !e.refused {
		return
	}
	if len(confirmedBy(e.sub)) > 0 || e.sub.Declined == nil {
		t.Fatalf("%T broke a refusal", a)
	}
	if len(emails(due)) > 0 {
		t.Fatalf("%T makes an email due to somebody who declined", a)
	}
}

// erasure: nobody erased is known again but by a signup, and what was withdrawn stays so.
func (e *history) erasure(t *rapid.T, a consent.Action) {
	switch a.(type) {
	case consent.Erase:
		e.erased, e.mailed = true, nil // the limits on emails are deleted with the rest
	case consent.Signup:
		e.erased = e.erased && e.sub.Address.IsZero()
	}
	if !e.erased {
		return
	}
	if !e.sub.Address.IsZero() || len(e.sub.Requests) > 0 || len(e.sub.Consents) > 0 || e.sub.Locale != "" || strings.Contains(encoded(e.sub), "ada@") {
		t.Fatalf("%T: something is known of who was erased: %s", a, encoded(e.sub))
	}
	if !e.sub.WithdrawnAt.IsZero() && e.sub.Declined == nil && e.sub.Unblocked == nil && e.sub.State(e.now) != consent.Withdrawn {
		t.Fatalf("%T: what was withdrawn is %q", a, e.sub.State(e.now))
	}
	if e.sub.Gone() {
		e.sub = consent.Subscription{} // as the store forgets it
	}
}

// counts: of this day, one for each name, never negative, and confirmations are the actions that confirmed something.
func (e *history) counts(t *rapid.T, a consent.Action, before consent.Subscription, changed bool) {
	if _, ok := a.(consent.Confirm); ok {
		had := confirmedBy(before)
		for p := range confirmedBy(e.sub) {
			if had[p] == "" {
				e.presses++
				break
			}
		}
	}
	if !changed {
		return
	}
	names := map[string]bool{}
	for _, c := range consent.Counts(before, e.sub) {
		if c.N <= 0 || names[c.Name] || c.Day != e.now.UTC().Format(time.DateOnly) {
			t.Fatalf("%T is counted as %+v", a, c)
		}
		names[c.Name] = true
		if c.Name == consent.CountConfirmations {
			e.counted += c.N
		}
		if c.Name == consent.CountReminders {
			e.reminds += c.N
		}
		if err := (store.Change{Erase: true, Count: []store.Count{c}}).Check(store.Key{}); err != nil {
			t.Fatal(err)
		}
	}
	if e.counted != e.presses {
		t.Fatalf("%d presses confirmed, %d are counted", e.presses, e.counted)
	}
}

// reminders: by the clock alone, one at most for a request, and only of the latest open one, whose email a relay took long enough ago.
func (e *history) reminders(t *rapid.T, a consent.Action, before consent.Subscription, due []consent.Job, terms consent.Terms) {
	var reminded []string
	for i, r := range e.sub.Requests {
		had := func(o consent.Request) bool { return o.ID == r.ID && o.RemindedAt.Equal(r.RemindedAt) }
		if r.RemindedAt.IsZero() || slices.ContainsFunc(before.Requests, had) {
			continue
		}
		reminded = append(reminded, r.ID)
		first := func(o consent.Request) bool { return o.ID == r.ID && o.RemindedAt.IsZero() && o.Delivery != nil }
		newer := func(o consent.Request) bool { return o.State == consent.Pending }
		_, clock := a.(consent.Expire)
		if !clock || !slices.ContainsFunc(before.Requests, first) || slices.ContainsFunc(e.sub.Requests[i+1:], newer) || r.State != consent.Pending ||
			r.Renewed != nil || terms.RemindAfter == 0 || e.now.Sub(r.Asked.At) < terms.RemindAfter || len(due) == 0 || e.sub.Declined != nil {
			t.Fatalf("%T reminds of %s: %s", a, r.ID, encoded(e.sub))
		}
	}
	want := int64(len(reminded))
	if got := e.reminds; want > 1 || got != want {
		t.Fatalf("%d reminders, %d are counted", want, got)
	}
	e.reminds = 0
}

// emails: in no window more than its limit, each to an open request, and one at most at a time.
func (e *history) limits(t *rapid.T, due []consent.Job, terms consent.Terms) {
	before := len(e.mailed)
	for _, o := range emails(due) {
		if e.sub.Requests.Find(o.Request) != nil {
			e.known = append(e.known, o.Request)
		}
		due := o.Due
		if due.IsZero() {
			due = e.now
		}
		e.mailed = append(e.mailed, due)
	}
	if n := len(e.mailed) - before; n > 1 {
		t.Fatalf("%d emails by one action", n)
	}
	slices.SortFunc(e.mailed, time.Time.Compare)
	for _, l := range terms.EmailsPerAddress {
		for i := l.N; i < len(e.mailed); i++ {
			if e.mailed[i].Sub(e.mailed[i-l.N]) < l.Per {
				t.Fatalf("%d emails within %v", l.N+1, l.Per)
			}
		}
	}
}

func (e *history) open() (n int) {
	for _, r := range e.sub.Requests {
		if r.State == consent.Pending {
			n++
		}
	}
	return n
}

func (e *history) bounds(t *rapid.T) {
	if open := e.open(); open > 2*consent.MaxOpen || len(e.sub.Consents) > consent.MaxConsents {
		t.Fatalf("%d open requests, %d grants", open, len(e.sub.Consents))
	}
	if b, err := json.Marshal(e.sub); err != nil || len(b)+keyring.Overhead > store.MaxData {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
}
