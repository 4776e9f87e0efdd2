package confirm_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func TestASignupForWhatTheSiteDoesNotOfferIsRefused(t *testing.T) {
	env := newEnv(t)
	for name, row := range map[string]struct {
		site, locale string
		purposes     []string
	}{
		"no purpose":             {"gazette", "fr", nil},
		"an unknown purpose":     {"gazette", "fr", []string{"nope"}},
		"one of two is unknown":  {"gazette", "fr", []string{"letter", "nope"}},
		"no text in that locale": {"gazette", "de", []string{"letter"}},
		"another site":           {"other", "fr", []string{"letter"}},
	} {
		signup := signupOf("ada@example.org", row.purposes...)
		signup.Locale = row.locale
		if err := env.Person.SignUp(t.Context(), row.site, signup); !errors.Is(err, confirm.ErrPurpose) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := env.state("ada@example.org"); got != "" {
		t.Errorf("the address is %q all the same", got)
	}
}

// signUpOnce signs an address up with an IdempotencyID.
func (env *env) signUpOnce(email, id string) {
	env.t.Helper()
	signup := signupOf(email, "letter")
	signup.IdempotencyID = id
	if err := env.Person.SignUp(env.t.Context(), "gazette", signup); err != nil {
		env.t.Fatal(err)
	}
}

func TestASignupWithTheSameIdempotencyIDIsOneRequest(t *testing.T) {
	env := newEnv(t)
	env.signUpOnce("ada@example.org", "a")
	env.emails(1)
	env.later(time.Hour) // the limits would allow another email
	env.signUpOnce("ada@example.org", "a")
	env.emails(1) // the one from before: its lease is over
	env.later(time.Hour)
	env.signUpOnce("ada@example.org", "b")
	env.signUpOnce("bob@example.org", "a")
	env.emails(3)
}

func TestTheSameSignupAgainIsOneEmailAndTakesTheLimitsOnce(t *testing.T) {
	env := newEnvWith(t, withEmails(3, 100))
	for range 5 {
		env.signUpOnce("ada@example.org", "key")
	}
	job := env.emails(1)[0]
	env.signUpOnce("ada@example.org", "key")
	env.emails(0) // beside the one that a worker has
	if err := env.Relay.Delivered(t.Context(), job, nil, consent.Delivery{Reply: "250 ok"}); err != nil {
		t.Fatal(err)
	}
	env.signUpOnce("ada@example.org", "key")
	env.emails(0)
	if n := env.left("gazette"); n != 2 {
		t.Errorf("%d emails are left, want 2", n)
	}
}

func TestTheSameSignupAgainSendsNoSecondNotice(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	if _, err := env.confirm(tokenOf(env.email().Confirm)); err != nil {
		t.Fatal(err)
	}
	env.later(11 * time.Minute)
	env.signUpOnce("ada@example.org", "key")
	if m := env.email(); m.Type != consent.EmailAlreadyConfirmed {
		t.Fatalf("the email is %q", m.Type)
	}
	for range 5 {
		env.later(2 * time.Minute)
		env.signUpOnce("ada@example.org", "key")
		env.emails(0)
	}
}

func TestTheSameSignupAgainSendsNoEmailThatWasGivenUp(t *testing.T) {
	env := newEnv(t)
	env.signUpOnce("ada@example.org", "key")
	job := env.emails(1)[0]
	if err := env.store.End(t.Context(), job, store.Complete()); err != nil { // as after it was maybe sent twice
		t.Fatal(err)
	}
	env.signUpOnce("ada@example.org", "key")
	env.emails(0)
}

func TestTheJobOfASignupThatOpenedNoRequestHasNoEmailDue(t *testing.T) {
	for name, before := range map[string]func(env *env, first confirm.Message){
		"pending, and too soon": func(*env, confirm.Message) {},
		"confirmed, and emailed that today": func(env *env, first confirm.Message) {
			_, _ = env.confirm(tokenOf(first.Confirm))
			env.later(time.Hour)
			env.signUp("ada@example.org", "letter")
			env.email()
			env.later(time.Hour)
		},
		"declined": func(env *env, first confirm.Message) {
			_, _ = env.Person.Decline(env.t.Context(), tokenOf(first.Decline), consent.Evidence{})
			env.later(time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.signUp("ada@example.org", "letter")
			before(env, env.email())
			env.signUp("ada@example.org", "letter")
			jobs := env.emailJobs()
			if len(jobs) != 1 {
				t.Fatalf("%d email jobs, want 1", len(jobs))
			}
			if m, err := env.Relay.Message(t.Context(), jobs[0]); !errors.Is(err, confirm.ErrNotDue) {
				t.Errorf("%+v, %v; want ErrNotDue", m, err)
			}
		})
	}
}

func TestWhatAWebsiteAttestsIsStoredApartAndWithinBounds(t *testing.T) {
	env := newEnv(t)
	long := strings.Repeat("x", 1000)
	signup := signupOf("ada@example.org", "letter")
	signup.Evidence = consent.Evidence{IP: "192.0.2.7", How: consent.ByServer, Attested: &consent.Attested{
		IP: "198.51.100.9", UserAgent: long, Page: "https://gazette.example/\x00" + long, At: start.Add(-time.Minute),
	}}
	if err := env.Person.SignUp(t.Context(), "gazette", signup); err != nil {
		t.Fatal(err)
	}
	part, err := env.store.List(t.Context(), store.Query{Site: "gazette"})
	if err != nil || len(part.Records) != 1 {
		t.Fatal(err)
	}
	asked := env.opened(part.Records[0]).Requests[0].Asked
	want := consent.Evidence{At: start, IP: "192.0.2.7", How: consent.ByServer, Attested: &consent.Attested{
		IP: "198.51.100.9", UserAgent: long[:256], Page: "https://gazette.example/ " + long[:512-25],
		At: start.Add(-time.Minute),
	}}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A commit takes time: a signup that committed nothing would tell by its haste that the address is known.
func TestASignupThatChangesNothingIsCommittedLikeAnyOther(t *testing.T) {
	env := newEnv(t)
	version := func() store.Version {
		t.Helper()
		p, err := env.store.List(t.Context(), store.Query{Site: "gazette"})
		if err != nil || len(p.Records) != 1 {
			t.Fatalf("%d records, %v", len(p.Records), err)
		}
		return p.Records[0].Version
	}
	ignored := func(what string) {
		t.Helper()
		before, state := version(), env.state("ada@example.org")
		env.signUp("ada@example.org", "letter")
		env.emails(0)
		if version() == before {
			t.Errorf("%s: nothing was committed", what)
		}
		if now := env.state("ada@example.org"); now != state {
			t.Errorf("%s: %s became %s", what, state, now)
		}
	}
	env.signUp("ada@example.org", "letter")
	message := env.email()
	ignored("pending")
	if _, err := env.confirm(tokenOf(message.Confirm)); err != nil {
		t.Fatal(err)
	}
	ignored("confirmed")
	if _, err := env.Person.Decline(t.Context(), tokenOf(message.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	ignored("declined")
}

// counting notes the calls of a store that a signup could make.
type counting struct {
	store.Store
	calls []string
	fails bool // Update commits, and its answer is lost
}

func (c *counting) called(what string) { c.calls = append(c.calls, what) }

func (c *counting) UpdateFrom(
	ctx context.Context, known store.Record, f func(store.Record) (store.Change, error),
) error {
	var committed store.Change
	err := c.Store.UpdateFrom(ctx, known, func(r store.Record) (change store.Change, err error) {
		change, err = f(r)
		committed = change
		return change, err
	})
	taken := 0
	if committed.Acquire != nil {
		taken = len(committed.Acquire.Buckets)
	}
	c.called(fmt.Sprintf("update: put %t, %d emails, acquire of %d",
		committed.Put != nil, len(committed.Enqueue), taken))
	if c.fails && err == nil {
		err = store.ErrUnavailable
	}
	return err
}

func (c *counting) Acquire(ctx context.Context, taker string, buckets ...store.Bucket) ([]time.Duration, error) {
	c.called(fmt.Sprintf("acquire of %d", len(buckets)))
	return c.Store.Acquire(ctx, taker, buckets...)
}

func (c *counting) Find(ctx context.Context, key store.Key) (store.Record, error) {
	c.called("find")
	return c.Store.Find(ctx, key)
}

func (c *counting) FindAll(ctx context.Context, keys ...store.Key) ([]store.Record, error) {
	c.called(fmt.Sprintf("find of %d", len(keys)))
	return c.Store.FindAll(ctx, keys...)
}

func (c *counting) List(ctx context.Context, q store.Query) (store.Page, error) {
	c.called("list")
	return c.Store.List(ctx, q)
}

func (c *counting) End(ctx context.Context, job store.Job, outcome store.Outcome) error {
	c.called("end")
	return c.Store.End(ctx, job, outcome)
}

func (c *counting) Get(ctx context.Context, name string) ([]byte, error) {
	c.called("get")
	return c.Store.Get(ctx, name)
}

func (c *counting) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	c.called("setnx")
	return c.Store.SetNX(ctx, name, value, d)
}

func (c *counting) Counts(
	ctx context.Context, site string, by store.CountPeriod, from, to time.Time,
) ([]store.Count, error) {
	c.called("counts")
	return c.Store.Counts(ctx, site, by, from, to)
}

func (c *counting) PutText(ctx context.Context, sum string, text []byte) error {
	c.called("put text")
	return c.Store.PutText(ctx, sum, text)
}

func (c *counting) Text(ctx context.Context, sum string) ([]byte, error) {
	c.called("text")
	return c.Store.Text(ctx, sum)
}

// A stranger cannot tell what is known of an address from the work that a signup makes.
func TestASignupMakesTheSameStoreCallsWhateverIsKnownOfTheAddress(t *testing.T) {
	for want, secrets := range map[string][]string{
		"update: put true, 1 emails, acquire of 2":       {"s"},
		"find, update: put true, 1 emails, acquire of 2": {"new", "old"},
	} {
		t.Run(fmt.Sprint(len(secrets), " secrets"), func(t *testing.T) {
			var c *counting
			env := openWith(t, filepath.Join(t.TempDir(), "optin.db"), func(o *confirm.Options) {
				withEmails(1000, 1000)(o)
				c = &counting{Store: o.Store}
				o.Store = c
			}, secrets...)
			checkStoreCalls(t, env, c, want)
		})
	}
}

func TestASignupMakesTheSameStoreCallsWhicheverSecretTheRecordIsUnder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	open(t, path, "1").signUp("old@example.org", "letter")
	open(t, path, "2", "1").signUp("newer@example.org", "letter")
	open(t, path, "3", "2", "1").signUp("newest@example.org", "letter")
	var c *counting
	env := openWith(t, path, func(o *confirm.Options) {
		c = &counting{Store: o.Store}
		o.Store = c
	}, "3", "2", "1")
	for _, who := range []string{"old", "newer", "newest", "unknown"} {
		c.calls = nil
		env.signUp(who+"@example.org", "letter")
		want := "find, find, update: put true, 1 emails, acquire of 2"
		if got := strings.Join(c.calls, ", "); got != want {
			t.Errorf("%s: %s, want %s", who, got, want)
		}
	}
}

func checkStoreCalls(t *testing.T, env *env, c *counting, want string) {
	signup := func(what string) {
		t.Helper()
		if err := env.PutStatements(t.Context()); err != nil { // by the clock, not by the address
			t.Fatal(err)
		}
		c.calls = nil
		env.signUp("ada@example.org", "letter")
		if got := strings.Join(c.calls, ", "); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	must := func(_ confirm.View, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	signup("unknown")
	first := env.email()
	signup("pending, too soon")
	env.later(11 * time.Minute)
	signup("pending")
	must(env.confirm(tokenOf(first.Confirm)))
	env.later(11 * time.Minute)
	signup("confirmed")
	signup("confirmed, and emailed that today")
	status, err := env.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	must(env.Person.Withdraw(t.Context(), tokenOf(*status.UnsubscribeURL), nil, consent.Evidence{}))
	signup("withdrawn")
	env.later(50 * time.Hour)
	signup("expired")
	must(env.Person.Decline(t.Context(), tokenOf(first.Decline), consent.Evidence{}))
	signup("declined")
	env.later(30 * 24 * time.Hour)
	signup("declined long ago")
	must(env.Person.Unblock(t.Context(), tokenOf(first.Decline), consent.Evidence{}))
	signup("unblocked")
	if err := env.Website.Erase(t.Context(), "gazette", env.id("ada@example.org")); err != nil {
		t.Fatal(err)
	}
	signup("erased")
}

func TestASignupWhoseCommitWasNotAnsweredKeepsWhatItTook(t *testing.T) {
	var c *counting
	env := newEnvWith(t, func(o *confirm.Options) {
		withEmails(1, 100)(o)
		c = &counting{Store: o.Store, fails: true}
		o.Store = c
	})
	if err := env.trySignUp("gazette", "ada@example.org"); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	c.fails = false
	env.emails(1)
	if n := env.left("gazette"); n != 0 {
		t.Errorf("%d emails are left", n)
	}
}

// TestPurposesAreAskedForInTheOrderOfTheSite: each order in which a stranger can name purposes would be another email,
// whose skeleton is kept for ever.
func TestPurposesAreAskedForInTheOrderOfTheSite(t *testing.T) {
	env := newEnv(t)
	for i, purposes := range [][]string{{"letter", "offers"}, {"offers", "letter"}} {
		env.signUp(fmt.Sprintf("p%d@example.org", i), purposes...)
		var asked []string
		for _, p := range env.email().Purposes {
			asked = append(asked, p.ID)
		}
		if diff := cmp.Diff([]string{"letter", "offers"}, asked); diff != "" {
			t.Errorf("%v (-want +got):\n%s", purposes, diff)
		}
	}
}
