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
	return d.Person.SignUp(d.t.Context(), site, confirm.Signup{Address: mustParse(email), Purposes: []string{"letter"}, Locale: "fr"})
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

func TestRenewingAndSendingAgainKeepToTheBudgetsAndChangeNothingBeyond(t *testing.T) {
	d := deskAs(t, frugal(1, 100))
	d.ask("ada@example.org", "letter")
	draft := d.letter()
	d.later(terms.TTL)
	var busy *confirm.LimitError
	renew := func() error {
		_, err := d.Person.Renew(t.Context(), tokenOf(draft.Confirm), consent.Evidence{})
		return err
	}
	if err := renew(); err != nil {
		t.Fatal(err)
	}
	second := d.letter()
	d.later(10 * time.Minute)
	if owed, err := d.Website.Resend(t.Context(), "gazette", d.id("ada@example.org")); owed || !errors.As(err, &busy) || busy.Wait != 50*time.Minute {
		t.Fatal(owed, err, busy)
	}
	if err := renew(); !errors.As(err, &busy) {
		t.Fatal(err)
	}
	d.letters(0)
	d.later(50 * time.Minute)
	if owed, err := d.Website.Resend(t.Context(), "gazette", d.id("ada@example.org")); !owed || err != nil {
		t.Fatal(owed, err)
	}
	if again := d.letter(); again.Confirm != second.Confirm {
		t.Error("another link")
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

func (c *counting) Acquire(ctx context.Context, taker string, buckets ...store.Bucket) ([]time.Duration, error) {
	c.calls = append(c.calls, "write")
	return c.Store.Acquire(ctx, taker, buckets...)
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
