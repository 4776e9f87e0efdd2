package consent_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
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

// TestMain has a history that breaks a rule made shorter for two seconds, and not for thirty: make mutants breaks them
// all.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.shrinktime", "2s"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// history is one subscription with a clock, and what is known of what happened to it.
type history struct {
	now           time.Time
	sub           consent.Subscription
	serial        int
	known         []string    // ids of requests whose email was due: nobody can confirm another
	mailed        []time.Time // when emails were due
	refused       bool
	objected      map[string]bool // by purpose; "" is all
	erased        bool
	confirmations int64 // actions that confirmed something
	counted       int64 // of them
	reminders     int64 // counted
}

var someTerms = rapid.Custom(func(t *rapid.T) consent.Terms {
	return consent.Terms{
		TTL: rapid.SampledFrom([]time.Duration{10 * time.Minute, 48 * time.Hour, 30 * 24 * time.Hour}).Draw(t, "ttl"),
		EmailsPerAddress: rapid.SampledFrom([][]store.Limit{
			{{N: 1, Per: 10 * time.Minute}, {N: 3, Per: 24 * time.Hour}},
			{{N: 2, Per: time.Hour}},
		}).Draw(t, "limits"),
		Validity: rapid.SampledFrom([]consent.Validity{
			{}, {For: 20 * 24 * time.Hour, RenewBefore: 10 * 24 * time.Hour},
			{For: 50 * time.Hour, RenewBefore: 40 * time.Hour},
		}).Draw(t, "validity"),
		RemindAfter: rapid.SampledFrom([]time.Duration{
			0, 5 * time.Minute, 20 * time.Hour, 31 * 24 * time.Hour,
		}).Draw(t, "remind"),
	}
})

// action draws any action that could happen now.
func (h *history) action(t *rapid.T, terms consent.Terms) consent.Action {
	h.serial++
	id := fmt.Sprint("r", h.serial)
	longReply := strings.Repeat(`"`, 512)
	evidence := consent.Evidence{
		At: h.now, UserAgent: strings.Repeat(`"\`, 128), Source: strings.Repeat("é", 256), Reply: longReply,
	}
	byServer := consent.Evidence{At: h.now, How: consent.ByServer, Detail: strings.Repeat(`"`, 256)}
	sms := byServer
	sms.Channel = consent.ChannelSMS
	purposes := rapid.SampledFrom([][]string{{"a"}, {"b"}, {"a", "b"}, {"c", "a"}}).Draw(t, "purposes")
	link := "nothing"
	if len(h.known) > 0 {
		link = rapid.SampledFrom(h.known).Draw(t, "link")
	}
	claim := "no claim"
	if len(h.sub.Claims) > 0 {
		claim = h.sub.Claims[rapid.IntRange(0, len(h.sub.Claims)-1).Draw(t, "claim")].ID
	}
	withdrawn := rapid.SampledFrom([][]string{nil, {"a"}, {"b", "c"}}).Draw(t, "withdrawn")
	var shown []consent.Statement
	for _, p := range purposes {
		shown = append(shown, consent.Statement{Purpose: p, SHA256: strings.Repeat("0", 64)})
	}
	all := []consent.Action{
		consent.Signup{
			ID: id, Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr",
			Statements: shown, Evidence: evidence, Terms: terms,
		},
		consent.Confirm{RequestID: link, Evidence: evidence, Validity: terms.Validity},
		consent.Decline{Site: "gazette", Evidence: evidence},
		consent.Unblock{Evidence: evidence},
		consent.Renew{RequestID: link, ID: id, Evidence: evidence, Terms: terms},
		consent.Withdraw{Purposes: withdrawn, Evidence: evidence},
		consent.Delivered{RequestID: link, Delivery: consent.Delivery{At: h.now, Reply: longReply}},
		consent.Bounced{RequestID: link, Evidence: evidence},
		consent.Expire{Terms: terms, ID: id},
		consent.Resend{Terms: terms},
		consent.Erase{},
		consent.Complained{Evidence: consent.Evidence{At: h.now, How: consent.ByComplaint, Reply: longReply}},
		consent.Bounced{RequestID: link, Evidence: consent.Evidence{At: h.now, How: consent.ByReport}},
		consent.Tried{RequestID: link, Answer: consent.Answer{At: h.now, Reply: longReply}},
		consent.Confirm{RequestID: link, Purposes: purposes[:1], Evidence: evidence, Validity: terms.Validity},
		consent.Notified{Event: consent.EventConfirmed, Endpoint: strings.Repeat("e", 256)},
		consent.Object{Site: "gazette", Mailbox: "m", Purposes: withdrawn, Evidence: byServer},
		consent.Unblock{Evidence: byServer},
		consent.Withdraw{Purposes: withdrawn, Evidence: sms},
		consent.Use{Purpose: purposes[0]},
		consent.Suppressed{RequestID: link, Purposes: withdrawn, Evidence: byServer},
		consent.Retain{
			Retention: consent.Retention{IP: time.Hour, Evidence: 20 * 24 * time.Hour}, Validity: terms.Validity,
		},
		consent.ClaimRight{ID: id, Right: consent.RightErase, Evidence: evidence, Terms: terms},
		consent.ClaimRight{ID: id, Right: consent.RightCopy, Evidence: evidence, Terms: terms},
		consent.EraseClaimed{ClaimID: claim},
		consent.TakeCopy{ClaimID: claim, Evidence: evidence},
		consent.Delivered{RequestID: claim, Delivery: consent.Delivery{At: h.now, Reply: longReply}},
	}
	// Signups and confirmations are what attackers and people do most.
	often := []int{
		0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 6, 7, 8, 8, 8, 9, 9, 10, 11, 12, 13, 13, 14, 15, 16, 16, 17, 18, 19, 20, 21,
		22, 23, 23, 24, 25, 26,
	}
	return all[rapid.SampledFrom(often).Draw(t, "action")]
}

func TestNoSequenceOfActionsBreaksTheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history{now: start}
		waits := []time.Duration{
			0, time.Millisecond, time.Minute, 11 * time.Minute, 9 * time.Hour, 50 * time.Hour, 9 * 24 * time.Hour,
		}
		terms := someTerms.Draw(t, "terms")
		for range rapid.IntRange(1, 60).Draw(t, "length") {
			h.now = h.now.Add(rapid.SampledFrom(waits).Draw(t, "later"))
			h.step(t, h.action(t, terms), terms)
		}
	})
}

func (h *history) step(t *rapid.T, a consent.Action, terms consent.Terms) {
	before := h.sub
	frozen := encoded(before)
	change, err := consent.Apply(before, a, h.now)
	after, changed := change.Subscription, change.Changed
	if encoded(before) != frozen {
		t.Fatalf("%T changed its input", a)
	}
	if err != nil && (changed || len(change.Jobs) > 0 || len(change.Events) > 0 || encoded(after) != frozen) {
		t.Fatalf("%T failed with %v and yet changed something", a, err)
	}
	h.sub = after
	if changed != (encoded(before) != encoded(after)) {
		t.Fatalf("%T: changed is %v", a, changed)
	}
	due := h.due(change.Jobs)
	if _, ok := a.(consent.Signup); ok && len(due) == 0 {
		passed, _ := consent.Apply(before, consent.Expire{}, h.now) // time alone may end what was pending
		now := passed.Subscription.State(h.now)
		counted := after.Unanswered.N == before.Unanswered.N+1 || after.Unanswered.N == 1 && after.Address.IsZero()
		if !counted || after.State(h.now) != now {
			t.Fatalf("a signup without an email is not counted alone, or made %q of %q", after.State(h.now), now)
		}
	}
	if !changed && (len(due) > 0 || len(change.Events) > 0) {
		t.Fatalf("%T changed nothing, and yet %v and %v follow", a, due, change.Events)
	}
	if signup, ok := a.(consent.Signup); ok {
		if n := len(emails(change.Jobs)); n != 1 || emails(change.Jobs)[0].RequestID != signup.ID {
			t.Fatalf("a signup has %d email jobs: %v", n, change.Jobs)
		}
	}
	h.consent(t, a, before)
	h.refusal(t, a, due)
	h.counts(t, a, before, changed)
	h.erasure(t, a)
	h.limits(t, due, terms)
	h.checkReminders(t, a, before, due, terms)
	if _, ok := a.(consent.Complained); ok && (len(confirmedBy(h.sub)) > 0 || h.open() > 0) {
		t.Fatalf("after a complaint something is open or confirmed: %s", encoded(h.sub))
	}
	h.bounds(t)
	again, err2 := consent.Apply(h.sub, a, h.now)
	if _, ok := a.(consent.Signup); ok {
		again.Jobs = nil // the same email job again, which is one job by its id
		counted := again.Subscription.Unanswered.N - h.sub.Unanswered.N
		if fixed := onlyCounted(h.sub, again.Subscription); fixed && counted == 1 {
			again.Changed = false
		}
	}
	again.Jobs = h.due(again.Jobs)
	if err == nil && (err2 != nil || again.Changed || len(again.Jobs) > 0 || len(again.Events) > 0) {
		t.Fatalf("%T twice: %v, %v follow, %v, changed %v:\n%s\n%s",
			a, again.Jobs, again.Events, err2, again.Changed, encoded(h.sub), encoded(again.Subscription))
	}
	never := h.sub.ExpireAt().IsZero() && h.sub.DeletableAt().IsZero()
	if err == nil && h.sub.State(h.now) == consent.Pending && never {
		t.Fatal("something is pending and Expire is never due")
	}
}

// onlyCounted reports whether two subscriptions are the same except for the count of unanswered signups.
func onlyCounted(a, b consent.Subscription) bool {
	b.Unanswered, b.Changed = a.Unanswered, a.Changed
	return encoded(a) == encoded(b)
}

func emails(jobs []consent.Job) []consent.Job {
	return jobs
}

// due is the jobs, without those whose email is not due.
func (h *history) due(jobs []consent.Job) []consent.Job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j consent.Job) bool {
		at := h.now
		if j.Due.After(at) {
			at = j.Due
		}
		return h.sub.EmailDue(j.RequestID, at) == ""
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
	for _, c := range s.Consents {
		if c.State == consent.Confirmed {
			m[c.Purpose] = c.RequestID
		}
	}
	return m
}

// consent: only a Confirm confirms, only what its request asked for; only the mailbox takes away.
func (h *history) consent(t *rapid.T, a consent.Action, before consent.Subscription) {
	had, has := confirmedBy(before.EndValidity(h.now)), confirmedBy(h.sub.EndValidity(h.now))
	confirm, isConfirm := a.(consent.Confirm)
	for p, r := range has {
		if had[p] == "" && (!isConfirm || confirm.RequestID != r) {
			t.Fatalf("%T confirmed %s by request %s", a, p, r)
		}
	}
	for p := range had {
		switch a.(type) {
		case consent.Withdraw, consent.Decline, consent.Object, consent.Erase, consent.EraseClaimed,
			consent.Complained:
		default:
			renewal := h.sub.Requests.Find(has[p])
			renewed := isConfirm && renewal != nil && renewal.IsRenewal() && confirm.RequestID == has[p]
			if has[p] != had[p] && !renewed {
				t.Fatalf("%T took %s away, or put another consent in its place", a, p)
			}
		}
	}
	if _, ok := a.(consent.Signup); ok {
		for _, r := range before.Requests {
			same := func(x consent.Request) bool { return reflect.DeepEqual(x, r) }
			if r.State == consent.Pending && h.now.Before(r.Deadline) && !slices.ContainsFunc(h.sub.Requests, same) {
				t.Fatalf("a signup changed the open request %s", r.ID)
			}
		}
	}
}

// refusal: declined holds until Unblock by the mailbox, an objection until any Unblock; until then nothing is confirmed
// and no email is due.
func (h *history) refusal(t *rapid.T, a consent.Action, due []consent.Job) {
	switch a := a.(type) {
	case consent.Decline:
		h.refused = true
	case consent.Unblock:
		h.refused = h.refused && a.Evidence.How == consent.ByServer
		h.objected = nil
	case consent.Object:
		if h.objected == nil {
			h.objected = map[string]bool{}
		}
		for _, id := range a.Purposes {
			h.objected[id] = true
		}
		h.objected[""] = h.objected[""] || len(a.Purposes) == 0
	}
	h.objection(t, a, due)
	if !h.refused {
		return
	}
	if len(confirmedBy(h.sub)) > 0 || h.sub.Refusals.Declined() == nil {
		t.Fatalf("%T broke a refusal", a)
	}
	if len(emails(due)) > 0 {
		t.Fatalf("%T makes an email due to somebody who declined", a)
	}
}

// objection: what was objected to is not confirmed, and no email asks for it.
func (h *history) objection(t *rapid.T, a consent.Action, due []consent.Job) {
	for p := range confirmedBy(h.sub) {
		if h.objected[""] || h.objected[p] {
			t.Fatalf("%T: %s was objected to, and is confirmed", a, p)
		}
	}
	if h.objected[""] && (len(due) > 0 || h.sub.Refused() == nil) {
		t.Fatalf("%T makes an email due to somebody who objected to all: %v", a, due)
	}
	for _, job := range due {
		if r := h.sub.Requests.Find(job.RequestID); r != nil {
			for _, st := range r.Statements {
				if h.objected[st.Purpose] {
					t.Fatalf("%T asks for %s, which was objected to", a, st.Purpose)
				}
			}
		}
	}
}

// erasure: nobody erased is known again but by a signup, and what was withdrawn stays so.
func (h *history) erasure(t *rapid.T, a consent.Action) {
	switch a.(type) {
	case consent.Erase:
		h.erased, h.mailed = true, nil // the limits on emails are deleted with the rest
	case consent.Retain, consent.EraseClaimed:
		if h.sub.Address.IsZero() {
			h.erased, h.mailed = true, nil
		}
	case consent.Signup:
		h.erased = h.erased && h.sub.Address.IsZero()
	}
	if !h.erased {
		return
	}
	known := !h.sub.Address.IsZero() || len(h.sub.Requests) > 0 || len(h.sub.Consents) > 0 || h.sub.Locale != ""
	if known || strings.Contains(encoded(h.sub), "ada@") {
		t.Fatalf("%T: something is known of an erased person: %s", a, encoded(h.sub))
	}
	withdrew := !h.sub.WithdrawnAt.IsZero() && len(h.sub.Refusals)+len(h.sub.Objections) == 0
	if withdrew && h.sub.State(h.now) != consent.Withdrawn {
		t.Fatalf("%T: what was withdrawn is %q", a, h.sub.State(h.now))
	}
	if h.sub.IsEmpty() {
		h.sub = consent.Subscription{} // as the store forgets it
	}
}

// counts: of this day, one for each name, never negative, and confirmations are the actions that confirmed something.
func (h *history) counts(t *rapid.T, a consent.Action, before consent.Subscription, changed bool) {
	if _, ok := a.(consent.Confirm); ok {
		had := confirmedBy(before.EndValidity(h.now))
		for p := range confirmedBy(h.sub.EndValidity(h.now)) {
			if had[p] == "" {
				h.confirmations++
				break
			}
		}
	}
	if !changed {
		return
	}
	names := map[string]bool{}
	for _, c := range consent.Counts(before, h.sub, nil) {
		name := c.Name + "/" + c.By + "/" + c.Of
		if c.N <= 0 || names[name] || !c.At.Equal(h.sub.Changed) || c.At.After(h.now) {
			t.Fatalf("%T is counted as %+v", a, c)
		}
		names[name] = true
		if c.By != "" {
			continue
		}
		if c.Name == consent.CountConfirmations {
			h.counted += c.N
		}
		if c.Name == consent.CountReminders {
			h.reminders += c.N
		}
		if err := (store.Change{Erase: true, Count: []store.Count{c}}).Check(store.Key{}); err != nil {
			t.Fatal(err)
		}
	}
	if h.counted != h.confirmations {
		t.Fatalf("%d actions confirmed something, %d are counted", h.confirmations, h.counted)
	}
}

// checkReminders: by the clock alone, one at most for a request, and only of the latest open one, whose last email a
// relay took, long enough after it was asked for.
func (h *history) checkReminders(
	t *rapid.T, a consent.Action, before consent.Subscription, due []consent.Job, terms consent.Terms,
) {
	var reminded []string
	for i, r := range h.sub.Requests {
		had := func(o consent.Request) bool { return o.ID == r.ID && reminders(o) == reminders(r) }
		if reminders(r) == 0 || slices.ContainsFunc(before.Requests, had) {
			continue
		}
		reminded = append(reminded, r.ID)
		first := func(o consent.Request) bool {
			return o.ID == r.ID && reminders(o) == 0 && o.Emails[len(o.Emails)-1].Taken != nil
		}
		newer := func(o consent.Request) bool { return o.State == consent.Pending }
		_, clock := a.(consent.Expire)
		latest := r.State == consent.Pending && !slices.ContainsFunc(h.sub.Requests[i+1:], newer)
		wanted := terms.RemindAfter > 0 && h.now.Sub(r.Asked.At) >= terms.RemindAfter &&
			h.sub.Refusals.Declined() == nil
		taken := slices.ContainsFunc(before.Requests, first)
		if !clock || !latest || !wanted || !taken || r.Renewed != nil || len(due) == 0 {
			t.Fatalf("%T reminds of %s: %s", a, r.ID, encoded(h.sub))
		}
	}
	want := int64(len(reminded))
	if got := h.reminders; want > 1 || got != want {
		t.Fatalf("%d reminders, %d are counted", want, got)
	}
	h.reminders = 0
}

// emails: in no window more than its limit, each to an open request, and one at most at a time.
func (h *history) limits(t *rapid.T, due []consent.Job, terms consent.Terms) {
	before := len(h.mailed)
	for _, o := range emails(due) {
		if h.sub.Requests.Find(o.RequestID) != nil {
			h.known = append(h.known, o.RequestID)
		}
		due := o.Due
		if due.IsZero() {
			due = h.now
		}
		h.mailed = append(h.mailed, due)
	}
	if n := len(h.mailed) - before; n > 1 {
		t.Fatalf("%d emails by one action", n)
	}
	slices.SortFunc(h.mailed, time.Time.Compare)
	for _, l := range terms.EmailsPerAddress {
		for i := l.N; i < len(h.mailed); i++ {
			if h.mailed[i].Sub(h.mailed[i-l.N]) < l.Per {
				t.Fatalf("%d emails within %v", l.N+1, l.Per)
			}
		}
	}
}

func reminders(r consent.Request) (n int) {
	for _, e := range r.Emails {
		if e.Reason == consent.ReasonReminder {
			n++
		}
	}
	return n
}

func (h *history) open() (n int) {
	for _, r := range h.sub.Requests {
		if r.State == consent.Pending {
			n++
		}
	}
	return n
}

func (h *history) bounds(t *rapid.T) {
	if open := h.open(); open > 2*consent.MaxOpen {
		t.Fatalf("%d open requests", open)
	}
	if b, err := json.Marshal(h.sub); err != nil || len(b)+keyring.Overhead > store.MaxData {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
}
