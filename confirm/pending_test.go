package confirm_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// newOperatorEnv is one with a second site, the club.
func newOperatorEnv(t *testing.T) *env {
	t.Helper()
	return newEnvWith(t, func(o *confirm.Options) {
		club := o.Sites[0]
		club.ID, club.EventQueues = "club", nil
		o.Sites = append(o.Sites, club)
	})
}

// signUpAt signs an address up at a site, whose email then waits.
func (env *env) signUpAt(site, email string, purposes ...string) {
	env.t.Helper()
	if err := env.Person.SignUp(env.t.Context(), site, signupOf(email, purposes...)); err != nil {
		env.t.Fatal(err)
	}
}

// pending lists page by page, and returns who is pending, and how many pages there were.
func (env *env) pending(q confirm.PendingQuery) (who []string, pages int) {
	env.t.Helper()
	for pages = 1; ; pages++ {
		page, err := env.Operator.Pending(env.t.Context(), q)
		if err != nil || len(page.All) > q.Limit {
			env.t.Fatalf("%d of %d, %v", len(page.All), q.Limit, err)
		}
		for _, p := range page.All {
			who = append(who, p.Address.String())
		}
		if q.Before = page.Next; page.Next == (store.Cursor{}) {
			return who, pages
		}
	}
}

func TestWhatIsPendingAtAllSitesIsListedNewestFirst(t *testing.T) {
	env := newOperatorEnv(t)
	var want []string
	for i := range 9 {
		email := fmt.Sprintf("p%d@example.org", i)
		env.signUpAt([]string{"gazette", "club"}[i/2%2], email, []string{"letter", "offers"}[i%2])
		if message := env.email(); i%3 == 2 {
			if _, err := env.confirm(tokenOf(message.Confirm)); err != nil {
				t.Fatal(err)
			}
		} else {
			want = slices.Insert(want, 0, email)
		}
		if i%4 != 0 { // else two sites share a millisecond
			env.later(time.Hour)
		}
	}
	all := func(q confirm.PendingQuery) []string { q.Limit = 100; who, _ := env.pending(q); return who }
	got := all(confirm.PendingQuery{})
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Error(diff)
	}
	for limit := range 4 {
		one, pages := env.pending(confirm.PendingQuery{Limit: limit + 1})
		if diff := cmp.Diff(got, one); diff != "" || pages < len(want)/(limit+1) {
			t.Errorf("%d at a time, in %d pages: %s", limit+1, pages, diff)
		}
	}
	for name, row := range map[string]struct {
		q    confirm.PendingQuery
		want []string
	}{
		"at the club": {
			confirm.PendingQuery{Sites: []string{"club"}},
			[]string{"p7@example.org", "p6@example.org", "p3@example.org"},
		},
		"the offers": {
			confirm.PendingQuery{Purpose: "offers"}, []string{"p7@example.org", "p3@example.org", "p1@example.org"},
		},
		"for five hours": {confirm.PendingQuery{Age: 5 * time.Hour}, []string{"p1@example.org", "p0@example.org"}},
		"both": {
			confirm.PendingQuery{Sites: []string{"gazette"}, Age: 5 * time.Hour},
			[]string{"p1@example.org", "p0@example.org"},
		},
		"at no site":       {confirm.PendingQuery{Sites: []string{"none"}}, nil},
		"another's domain": {confirm.PendingQuery{Domain: "example.com"}, nil},
		"expired by then":  {confirm.PendingQuery{Age: 100 * time.Hour}, nil},
	} {
		if diff := cmp.Diff(row.want, all(row.q)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestPendingSaysHowFarTheEmailsHaveCome(t *testing.T) {
	env := newEnv(t)
	env.signUp("taken@a.example", "letter")
	env.email()
	env.signUp("full@a.example", "letter")
	job := env.emails(1)[0]
	answer := consent.Answer{Relay: "mx:25", Reason: consent.RefusalMailbox, Reply: "452 mailbox full"}
	if err := env.Relay.Tried(t.Context(), job, answer); err != nil {
		t.Fatal(err)
	}
	env.signUp("waits@b.example", "letter", "offers")
	env.later(11 * time.Minute)
	if due, _, err := env.Website.Resend(t.Context(), "gazette", env.id("taken@a.example")); err != nil || !due {
		t.Fatal(due, err)
	}
	for state, want := range map[confirm.DeliveryState][]string{
		confirm.DeliveryTaken: nil, confirm.DeliveryUntried: {"waits@b.example", "taken@a.example"},
		confirm.DeliveryRefused: {"full@a.example"},
		confirm.DeliveryWaiting: {"waits@b.example", "taken@a.example", "full@a.example"},
		"mailbox":               {"full@a.example"}, "system": nil,
	} {
		who, _ := env.pending(confirm.PendingQuery{Delivery: state, Limit: 9})
		slices.Sort(who)
		slices.Sort(want)
		if diff := cmp.Diff(want, who); diff != "" {
			t.Errorf("%s: %s", state, diff)
		}
	}
	page, err := env.Operator.Pending(t.Context(), confirm.PendingQuery{Domain: "a.example", Limit: 9})
	if err != nil || len(page.All) != 2 {
		t.Fatal(page, err)
	}
	slices.SortFunc(page.All, func(a, b confirm.Pending) int { return a.Emails - b.Emails })
	full, taken := page.All[0], page.All[1]
	if full.Emails != 0 || !full.Waits || full.Words != "452 mailbox full" || full.Answer == nil ||
		!full.Deadline.Equal(start.Add(48*time.Hour)) {
		t.Errorf("%+v", full)
	}
	if taken.Emails != 1 || !taken.Waits || taken.Words != "250 ok" || !taken.Taken.Equal(start) ||
		taken.Answer != nil {
		t.Errorf("%+v", taken)
	}
}

func TestAnEmailThatWaitsIsTriedNowAndNoOther(t *testing.T) {
	env := newEnv(t)
	env.signUp("full@a.example", "letter")
	job := env.emails(1)[0]
	if err := env.Relay.Tried(t.Context(), job, consent.Answer{Relay: "mx:25", Reply: "452 full"}); err != nil {
		t.Fatal(err)
	}
	tryNow := func(want bool) {
		t.Helper()
		if due, err := env.Operator.TryNow(t.Context(), job.Key); err != nil || due != want {
			t.Errorf("due: %v, %v", due, err)
		}
	}
	tryNow(false) // it is leased
	later := store.Move(confirm.QueueEmailRetry, time.Now().Add(time.Hour))
	if err := env.store.End(t.Context(), job, later); err != nil {
		t.Fatal(err)
	}
	tryNow(true)
	if got := env.lease(confirm.QueueEmailRetry, 1); len(got) != 1 || got[0].ID != job.ID {
		t.Errorf("due are %v", got)
	}
	env.signUp("taken@a.example", "letter")
	env.email()
	job.Key = store.Key{Site: "gazette", ID: env.id("taken@a.example")}
	tryNow(false)
	job.Key.ID = "0123456789012345678901"
	tryNow(false)
}

func TestWhoTakesNoEmailIsListedWithTheWordsOfThat(t *testing.T) {
	env := newEnv(t)
	env.signUp("none@a.example", "letter")
	job := env.emails(1)[0]
	if err := env.Relay.Undeliverable(t.Context(), job, "550 5.1.1 no such user"); err != nil {
		t.Fatal(err)
	}
	env.signUp("ada@b.example", "letter")
	page, err := env.Operator.Pending(t.Context(), confirm.PendingQuery{Undeliverable: true, Limit: 9})
	if err != nil || len(page.All) != 1 {
		t.Fatal(page, err)
	}
	if p := page.All[0]; p.Address.String() != "none@a.example" || p.Words != "550 5.1.1 no such user" ||
		p.Answer.Reason != consent.RefusalRecipient || p.Waits {
		t.Errorf("%+v", p)
	}
}

func TestAFilterOfWhatIsSealedReadsABoundedSlice(t *testing.T) {
	env := newEnv(t)
	for i := range confirm.MaxPendingRead + 1 {
		env.signUp(fmt.Sprintf("p%d@%s.example", i, []string{"few", "many"}[min(i, 1)]), "letter")
	}
	page, err := env.Operator.Pending(t.Context(), confirm.PendingQuery{Domain: "few.example", Limit: 50})
	if err != nil || page.Read != confirm.MaxPendingRead || page.Next == (store.Cursor{}) {
		t.Errorf("%d found, %d read, next %v, %v", len(page.All), page.Read, page.Next, err)
	}
	if who, pages := env.pending(confirm.PendingQuery{Domain: "few.example", Limit: 50}); len(who) != 1 || pages != 2 {
		t.Errorf("%v in %d pages", who, pages)
	}
}

func TestAPersonIsFoundByEveryNameOfTheirs(t *testing.T) {
	env := newOperatorEnv(t)
	env.signUpAt("gazette", "ada@example.org", "letter")
	message := env.email()
	env.signUpAt("club", "ada@example.org", "letter")
	env.email()
	id, club := env.id("ada@example.org"), ""
	st, err := env.Website.Lookup(t.Context(), "club", mustParse("ada@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	club = st.ID
	both := []store.Key{{Site: "gazette", ID: id}, {Site: "club", ID: club}}
	for text, want := range map[string][]store.Key{
		"ada@example.org": both, " ADA@Example.ORG ": both, "<ada@example.org>": both,
		id: both[:1], club: both[1:],
		message.ID: both[:1], "<" + message.ID + "@gazette.example>": both[:1],
		"": nil, "ada": nil, "bob@example.org": nil, "@": nil, "0123456789012345678901": nil, "../" + id[3:]: nil,
		"a@b@c": nil, "\x00": nil,
	} {
		found, err := env.Operator.Find(t.Context(), text)
		if diff := cmp.Diff(want, found); diff != "" || err != nil {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
}

func TestTheNextTryOfAnEmailIsKnownAboutByItsTries(t *testing.T) {
	waits := []time.Duration{time.Minute, 5 * time.Minute}
	answer := &consent.Answer{At: start}
	for name, row := range map[string]struct {
		p    confirm.Pending
		want time.Duration
	}{
		"none waits":            {confirm.Pending{Answer: answer, Tries: 1}, 0},
		"due for the limits":    {confirm.Pending{Waits: true, Due: start.Add(time.Hour)}, time.Hour},
		"due now":               {confirm.Pending{Waits: true, Due: start}, 0},
		"tried once":            {confirm.Pending{Waits: true, Due: start, Answer: answer, Tries: 1}, time.Minute},
		"tried twice":           {confirm.Pending{Waits: true, Due: start, Answer: answer, Tries: 2}, 5 * time.Minute},
		"tried again and again": {confirm.Pending{Waits: true, Due: start, Answer: answer, Tries: 9}, 5 * time.Minute},
	} {
		want := time.Time{}
		if row.want > 0 {
			want = start.Add(row.want)
		}
		if got := row.p.NextTry(waits, start); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
