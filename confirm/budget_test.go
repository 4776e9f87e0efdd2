package confirm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// frugal gives a site and the service a number of letters an hour, and no limits on an address.
func frugal(site, all int) func(*confirm.Options) {
	return func(o *confirm.Options) {
		o.Emails = []store.Limit{{N: all, Per: time.Hour}}
		o.Sites[0].Terms.EmailsPerSite = []store.Limit{{N: site, Per: time.Hour}}
		other := o.Sites[0]
		other.ID = "other"
		o.Sites = append(o.Sites, other)
	}
}

// asks is ask, at a site, with the error.
func (d *desk) asks(site, email string) error {
	return d.Signup(d.t.Context(), site, confirm.NewSignup{Address: mustParse(email), Purposes: []string{"letter"}, Locale: "fr"})
}

// left is how many letters the site and the service have, and takes them.
func (d *desk) left(site string) (n int) {
	d.t.Helper()
	for {
		err := d.asks(site, fmt.Sprintf("left%d@%s.example", n, site))
		var busy *confirm.LimitError
		if errors.As(err, &busy) {
			if busy.Wait <= 0 || busy.Wait > time.Hour {
				d.t.Errorf("busy for %v", busy.Wait)
			}
			return n
		}
		if err != nil {
			d.t.Fatal(err)
		}
		n++
	}
}

func TestASiteHasItsLettersAndTheServiceHas(t *testing.T) {
	d := deskAs(t, func(o *confirm.Options) {
		frugal(3, 5)(o)
		o.Sites[1].Terms.EmailsPerSite = []store.Limit{{N: 3, Per: 90 * time.Minute}}
	})
	if n := d.left("gazette"); n != 3 {
		t.Errorf("the site has %d letters, want 3", n)
	}
	if got := d.state("left3@gazette.example"); got != "" {
		t.Errorf("who was turned away is %q", got)
	}
	if n := d.left("other"); n != 2 { // what the first site was refused took none of these
		t.Errorf("the other site has %d letters, want 2", n)
	}
	d.letters(5)
	d.later(time.Hour)
	if n := d.left("other"); n != 1 { // what the service refused took none of these
		t.Errorf("an hour later the other site has %d letters more, want 1", n)
	}
}

func TestAnActThatOwesNoLetterTakesNone(t *testing.T) {
	d := deskAs(t, frugal(4, 100))
	d.ask("ada@example.org", "letter") // 1
	draft := d.letter()
	for range 6 {
		d.ask("ada@example.org", "letter") // pending, and too soon
	}
	id := d.id("ada@example.org")
	for range 6 {
		if owed, err := d.Resend(t.Context(), "gazette", id); owed || err != nil {
			t.Fatal(owed, err)
		}
	}
	if _, err := d.press(tokenOf(draft.Confirm)); err != nil {
		t.Fatal(err)
	}
	d.later(11 * time.Minute)
	for range 6 {
		d.ask("ada@example.org", "letter") // 2: she is told that she agreed already; once
	}
	d.letters(1)
	v, err := d.Decline(t.Context(), tokenOf(draft.Decline), consent.Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		d.ask("ada@example.org", "letter")
		if _, err := d.Renew(t.Context(), tokenOf(draft.Confirm), consent.Evidence{}); !errors.Is(err, consent.ErrDeclined) {
			t.Fatal(v, err)
		}
	}
	if n := d.left("gazette"); n != 2 {
		t.Errorf("%d letters are left, want 2", n)
	}
}

func TestALetterThatTurnsOutNotToBeOwedIsGivenBackOnce(t *testing.T) {
	d := deskAs(t, frugal(4, 100))
	d.ask("ada@example.org", "letter")
	draft := d.letter() // 1, sent
	d.later(11 * time.Minute)
	if owed, err := d.Resend(t.Context(), "gazette", d.id("ada@example.org")); !owed || err != nil {
		t.Fatal(owed, err)
	}
	d.ask("bob@example.org", "letter")
	d.ask("eve@example.org", "letter") // 4
	if n := d.left("gazette"); n != 0 {
		t.Fatalf("%d letters are left", n)
	}
	if _, err := d.press(tokenOf(draft.Confirm)); err != nil {
		t.Fatal(err)
	}
	owed := map[string]store.Job{}
	for _, e := range d.letters(3) {
		owed[e.Key.ID] = e
	}
	again := owed[d.id("ada@example.org")]
	for range 3 {
		if _, err := d.Message(t.Context(), again); !errors.Is(err, confirm.ErrNotDue) {
			t.Fatal(err)
		}
	}
	tried := owed[d.id("bob@example.org")]
	tried.Queue = confirm.QueueEmailRetry // refused for now
	if err := d.Erase(t.Context(), "gazette", tried.Key.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Message(t.Context(), tried); !errors.Is(err, confirm.ErrNotDue) {
		t.Fatal(err)
	}
	if err := d.Undeliverable(t.Context(), owed[d.id("eve@example.org")], "550 no"); err != nil {
		t.Fatal(err)
	}
	if n := d.left("gazette"); n != 1 {
		t.Errorf("%d letters are left, want that of the one that was not owed", n)
	}
}

func TestALetterThatIsNotToBeSaidAnyMoreIsGivenBackToo(t *testing.T) {
	d := deskAs(t, frugal(2, 100))
	d.ask("ada@example.org", "letter")
	draft := d.letter()
	if _, err := d.press(tokenOf(draft.Confirm)); err != nil {
		t.Fatal(err)
	}
	d.later(11 * time.Minute)
	d.ask("ada@example.org", "letter") // known already
	e := d.letters(1)[0]
	if _, err := d.Decline(t.Context(), tokenOf(draft.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Message(t.Context(), e); !errors.Is(err, confirm.ErrNotDue) {
		t.Fatal(err)
	}
	if n := d.left("gazette"); n != 1 {
		t.Errorf("%d letters are left, want 1", n)
	}
}

func TestRenewingAndSendingAgainKeepToTheBudgetsAndChangeNothingBeyond(t *testing.T) {
	d := deskAs(t, frugal(1, 100))
	d.ask("ada@example.org", "letter")
	draft := d.letter()
	d.later(terms.TTL)
	var busy *confirm.LimitError
	renew := func() error {
		_, err := d.Renew(t.Context(), tokenOf(draft.Confirm), consent.Evidence{})
		return err
	}
	if err := renew(); err != nil {
		t.Fatal(err)
	}
	second := d.letter()
	d.later(10 * time.Minute)
	if owed, err := d.Resend(t.Context(), "gazette", d.id("ada@example.org")); owed || !errors.As(err, &busy) || busy.Wait != 50*time.Minute {
		t.Fatal(owed, err, busy)
	}
	if err := renew(); !errors.As(err, &busy) {
		t.Fatal(err)
	}
	d.letters(0)
	d.later(50 * time.Minute)
	if owed, err := d.Resend(t.Context(), "gazette", d.id("ada@example.org")); !owed || err != nil {
		t.Fatal(owed, err)
	}
	if again := d.letter(); again.Confirm != second.Confirm {
		t.Error("another link")
	}
}

func TestTheSameAskTwiceTakesOneLetter(t *testing.T) {
	d := deskAs(t, frugal(3, 100))
	for range 5 {
		err := d.Signup(t.Context(), "gazette", confirm.NewSignup{Address: mustParse("ada@example.org"), Purposes: []string{"letter"}, Locale: "fr", IdempotencyID: "key"})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := d.left("gazette"); n != 2 {
		t.Errorf("%d letters are left, want 2", n)
	}
}

// counting notes what is asked of a store.
type counting struct {
	store.Store
	calls []string
	fails bool
}

func (c *counting) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) error {
	c.calls = append(c.calls, "update")
	err := c.Store.Update(ctx, key, f)
	if c.fails && err == nil {
		err = store.ErrUnavailable // the answer was lost
	}
	return err
}

func (c *counting) Acquire(ctx context.Context, bucket, taker string, limits ...store.Limit) (time.Duration, error) {
	c.calls = append(c.calls, "write")
	return c.Store.Acquire(ctx, bucket, taker, limits...)
}

func (c *counting) Return(ctx context.Context, bucket, taker string) error {
	c.calls = append(c.calls, "write")
	return c.Store.Return(ctx, bucket, taker)
}

func TestTheStoreIsAskedTheSameWhetherALetterIsOwedOrNot(t *testing.T) {
	d := deskAs(t, frugal(100, 100))
	c := &counting{Store: d.store}
	d.Store = c
	var first string
	for _, what := range []string{"unknown", "pending", "pending still"} {
		c.calls = nil
		d.ask("ada@example.org", "letter")
		switch got := fmt.Sprint(c.calls); {
		case first == "":
			first = got
		case got != first:
			t.Errorf("%s: %s, not %s", what, got, first)
		}
	}
}

func TestALetterThatMayBeOwedStaysTaken(t *testing.T) {
	d := deskAs(t, frugal(1, 100))
	d.Store = &counting{Store: d.store, fails: true}
	if err := d.asks("gazette", "ada@example.org"); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	d.Store = d.store
	d.letters(1)
	if n := d.left("gazette"); n != 0 {
		t.Errorf("%d letters are left", n)
	}
}
