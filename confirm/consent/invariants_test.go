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

// world is one subscription with what every letter ever owed said, and a clock.
type world struct {
	now     time.Time
	sub     consent.Subscription
	serial  int
	known   []string    // ids of requests whose letter was owed: nobody can press another
	mailed  []time.Time // when letters were due
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
func (w *world) act(t *rapid.T, terms consent.Terms) consent.Action {
	w.serial++
	id := fmt.Sprint("r", w.serial)
	e := consent.Evidence{At: w.now, UserAgent: strings.Repeat(`"\`, 128), Source: strings.Repeat("é", 256), Reply: strings.Repeat(`"`, 512)}
	purposes := rapid.SampledFrom([][]string{{"a"}, {"b"}, {"a", "b"}, {"c", "a"}}).Draw(t, "purposes")
	held := "nothing"
	if len(w.known) > 0 {
		held = rapid.SampledFrom(w.known).Draw(t, "link")
	}
	var shown []consent.Statement
	for _, p := range purposes {
		shown = append(shown, consent.Statement{Purpose: p, SHA256: strings.Repeat("0", 64)})
	}
	acts := []consent.Action{
		consent.Signup{ID: id, Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr", Statements: shown, Evidence: e, Terms: terms},
		consent.Confirm{Request: held, Evidence: e},
		consent.Decline{Site: "gazette", Evidence: e},
		consent.Unblock{Evidence: e},
		consent.Renew{Request: held, ID: id, Evidence: e, Terms: terms},
		consent.Withdraw{Purposes: rapid.SampledFrom([][]string{nil, {"a"}, {"b", "c"}}).Draw(t, "back"), Evidence: e},
		consent.Delivered{Request: held, Delivery: consent.Delivery{At: w.now, Reply: strings.Repeat(`"`, 512)}},
		consent.Bounced{Request: held, Evidence: e},
		consent.Expire{Terms: terms},
		consent.Resend{Terms: terms},
		consent.Erase{},
		consent.Complained{Evidence: consent.Evidence{At: w.now, How: consent.ByComplaint, Reply: strings.Repeat(`"`, 512)}},
		consent.Bounced{Request: held, Evidence: consent.Evidence{At: w.now, How: consent.ByReport}},
	}
	// Signups and presses are what attackers and people do most.
	return acts[rapid.SampledFrom([]int{0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 6, 7, 8, 8, 8, 9, 9, 10, 11, 12}).Draw(t, "act")]
}

func TestNoSequenceOfActsBreaksTheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{now: start}
		terms := someTerms.Draw(t, "terms")
		for range rapid.IntRange(1, 60).Draw(t, "length") {
			w.now = w.now.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Minute, 11 * time.Minute, 9 * time.Hour, 50 * time.Hour, 9 * 24 * time.Hour}).Draw(t, "later"))
			w.step(t, w.act(t, terms), terms)
		}
	})
}

func (w *world) step(t *rapid.T, a consent.Action, terms consent.Terms) {
	before := w.sub
	frozen := encoded(before)
	after, owed, changed, err := consent.Apply(before, a, w.now)
	if encoded(before) != frozen {
		t.Fatalf("%T changed its input", a)
	}
	if err != nil && (changed || len(owed) > 0 || encoded(after) != frozen) {
		t.Fatalf("%T failed with %v and yet changed something", a, err)
	}
	if !changed && len(owed) > 0 {
		t.Fatalf("%T changed nothing and owes %v", a, owed)
	}
	w.sub = after
	w.consent(t, a, before)
	w.refusal(t, a, owed)
	w.tally(t, a, before, changed)
	w.erasure(t, a)
	w.letters(t, owed, terms)
	w.reminders(t, a, before, owed, terms)
	if _, ok := a.(consent.Complained); ok && (len(confirmedBy(w.sub)) > 0 || w.open() > 0) {
		t.Fatalf("after a complaint something is open or confirmed: %s", encoded(w.sub))
	}
	w.bounds(t)
	if again, owes, changed, err2 := consent.Apply(w.sub, a, w.now); err == nil && (err2 != nil || changed || len(owes) > 0) {
		t.Fatalf("%T twice owes %v, fails with %v, changed %v:\n%s\n%s", a, owes, err2, changed, encoded(w.sub), encoded(again))
	}
	if err == nil && w.sub.State(w.now) == consent.Pending && w.sub.ExpireAt.IsZero() {
		t.Fatal("something is pending and no clock will ring")
	}
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

// consent: only a press confirms, only what its request asked; only the mailbox takes away.
func (w *world) consent(t *rapid.T, a consent.Action, before consent.Subscription) {
	had, has := confirmedBy(before), confirmedBy(w.sub)
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
			if r.State == consent.Pending && w.now.Before(r.Deadline) && !slices.ContainsFunc(w.sub.Requests, same) {
				t.Fatalf("a signup changed the open request %s", r.ID)
			}
		}
	}
}

// refusal: declined holds until it is lifted, and while it does nothing is confirmed and no letter is owed.
func (w *world) refusal(t *rapid.T, a consent.Action, owed []consent.Job) {
	switch a.(type) {
	case consent.Decline:
		w.refused = true
	case consent.Unblock:
		w.refused = false
	}
	if !w.refused {
		return
	}
	if len(confirmedBy(w.sub)) > 0 || w.sub.Declined == nil {
		t.Fatalf("%T broke a refusal", a)
	}
	for _, o := range owed {
		if o.Type == consent.JobConfirmEmail || o.Type == consent.JobKnownEmail {
			t.Fatalf("%T owes a letter to somebody who declined", a)
		}
	}
}

// erasure: nobody erased is known again but by a signup, and what was withdrawn stays so.
func (w *world) erasure(t *rapid.T, a consent.Action) {
	switch a.(type) {
	case consent.Erase:
		w.erased, w.mailed = true, nil // the limits on letters are forgotten with the rest
	case consent.Signup:
		w.erased = w.erased && w.sub.Address.IsZero()
	}
	if !w.erased {
		return
	}
	if !w.sub.Address.IsZero() || len(w.sub.Requests) > 0 || len(w.sub.Consents) > 0 || w.sub.Locale != "" || strings.Contains(encoded(w.sub), "ada@") {
		t.Fatalf("%T: something is known of who was erased: %s", a, encoded(w.sub))
	}
	if !w.sub.WithdrawnAt.IsZero() && w.sub.Declined == nil && w.sub.Unblocked == nil && w.sub.State(w.now) != consent.Withdrawn {
		t.Fatalf("%T: what was withdrawn is %q", a, w.sub.State(w.now))
	}
	if w.sub.Gone() {
		w.sub = consent.Subscription{} // as the store forgets it
	}
}

// tally: counts are of this day, one for each name, never negative, and confirmations are the presses that confirmed.
func (w *world) tally(t *rapid.T, a consent.Action, before consent.Subscription, changed bool) {
	if _, ok := a.(consent.Confirm); ok {
		had := confirmedBy(before)
		for p := range confirmedBy(w.sub) {
			if had[p] == "" {
				w.presses++
				break
			}
		}
	}
	if !changed {
		return
	}
	names := map[string]bool{}
	for _, c := range consent.Counts(before, w.sub) {
		if c.N <= 0 || names[c.Name] || c.Day != w.now.UTC().Format(time.DateOnly) {
			t.Fatalf("%T is counted as %+v", a, c)
		}
		names[c.Name] = true
		if c.Name == consent.CountConfirmations {
			w.counted += c.N
		}
		if c.Name == consent.CountReminders {
			w.reminds += c.N
		}
		if err := (store.Change{Erase: true, Count: []store.Count{c}}).Check(store.Key{}); err != nil {
			t.Fatal(err)
		}
	}
	if w.counted != w.presses {
		t.Fatalf("%d presses confirmed, %d are counted", w.presses, w.counted)
	}
}

// reminders: by the clock alone, one at most for a request, and only of the latest that is open, whose letter a relay took long enough ago.
func (w *world) reminders(t *rapid.T, a consent.Action, before consent.Subscription, owed []consent.Job, terms consent.Terms) {
	var reminded []string
	for i, r := range w.sub.Requests {
		had := func(o consent.Request) bool { return o.ID == r.ID && o.RemindedAt.Equal(r.RemindedAt) }
		if r.RemindedAt.IsZero() || slices.ContainsFunc(before.Requests, had) {
			continue
		}
		reminded = append(reminded, r.ID)
		first := func(o consent.Request) bool { return o.ID == r.ID && o.RemindedAt.IsZero() && o.Delivery != nil }
		newer := func(o consent.Request) bool { return o.State == consent.Pending }
		_, clock := a.(consent.Expire)
		if !clock || !slices.ContainsFunc(before.Requests, first) || slices.ContainsFunc(w.sub.Requests[i+1:], newer) || r.State != consent.Pending ||
			r.Renewed != nil || terms.RemindAfter == 0 || w.now.Sub(r.Asked.At) < terms.RemindAfter || len(owed) == 0 || w.sub.Declined != nil {
			t.Fatalf("%T reminds of %s: %s", a, r.ID, encoded(w.sub))
		}
	}
	want := int64(len(reminded))
	if got := w.reminds; want > 1 || got != want {
		t.Fatalf("%d reminders, %d are counted", want, got)
	}
	w.reminds = 0
}

// letters: in no window more than its limit, each to a request that is open, and one at most at a time.
func (w *world) letters(t *rapid.T, owed []consent.Job, terms consent.Terms) {
	before := len(w.mailed)
	for _, o := range owed {
		if o.Type != consent.JobConfirmEmail && o.Type != consent.JobKnownEmail {
			continue
		}
		if o.Type == consent.JobConfirmEmail {
			w.known = append(w.known, o.Request)
		}
		due := o.Due
		if due.IsZero() {
			due = w.now
		}
		w.mailed = append(w.mailed, due)
	}
	if n := len(w.mailed) - before; n > 1 {
		t.Fatalf("%d letters by one act", n)
	}
	slices.SortFunc(w.mailed, time.Time.Compare)
	for _, l := range terms.EmailsPerAddress {
		for i := l.N; i < len(w.mailed); i++ {
			if w.mailed[i].Sub(w.mailed[i-l.N]) < l.Per {
				t.Fatalf("%d letters within %v", l.N+1, l.Per)
			}
		}
	}
}

func (w *world) open() (n int) {
	for _, r := range w.sub.Requests {
		if r.State == consent.Pending {
			n++
		}
	}
	return n
}

func (w *world) bounds(t *rapid.T) {
	if open := w.open(); open > 2*consent.MaxOpen || len(w.sub.Consents) > consent.MaxConsents {
		t.Fatalf("%d open requests, %d grants", open, len(w.sub.Consents))
	}
	if b, err := json.Marshal(w.sub); err != nil || len(b)+keyring.Overhead > store.MaxData {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
}
