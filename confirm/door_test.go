package confirm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// spelling is the nth of the many spellings of one mailbox.
func spelling(n int) string { return fmt.Sprintf("ada+%d@example.org", n) }

// owedLetters counts the letters that are owed now or later.
func (d *desk) owedLetters() (n int) {
	d.t.Helper()
	d.later(25 * time.Hour)
	for _, kind := range confirm.EmailQueues() {
		all, err := d.Store.Lease(d.t.Context(), kind, 1000, time.Minute)
		if err != nil {
			d.t.Fatal(err)
		}
		n += len(all)
	}
	return n
}

func TestFewLettersAreOwedToAMailboxHoweverItIsSpelled(t *testing.T) {
	for name, change := range map[string]func(*confirm.Options){
		"those over all sites": func(o *confirm.Options) {
			o.Sites[0].Terms.EmailsPerAddress, o.EmailsPerMailbox = nil, []store.Limit{{N: 2, Per: time.Hour}, {N: 5, Per: 24 * time.Hour}}
		},
		"those of the site": func(o *confirm.Options) {
			o.Sites[0].Terms.EmailsPerAddress = []store.Limit{{N: 1, Per: time.Minute}, {N: 5, Per: 24 * time.Hour}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := deskAs(t, change)
			for n := range 50 {
				if err := d.asks("gazette", spelling(n)); err != nil {
					t.Fatalf("signup %d: %v", n, err)
				}
			}
			if err := d.asks("gazette", "bob@example.org"); err != nil || d.state("bob@example.org") != consent.Pending {
				t.Errorf("somebody else: %v, %q", err, d.state("bob@example.org"))
			}
			if err := d.asks("gazette", "ada@example.org"); err != nil || d.state("ada@example.org") != consent.Pending {
				t.Errorf("she herself: %v, %q", err, d.state("ada@example.org"))
			}
			if page, err := d.List(t.Context(), "gazette", confirm.Listing{Limit: 100}); err != nil || len(page.All) != 5+4+2 {
				t.Errorf("%d subscriptions are known, %v", len(page.All), err)
			}
			if got := d.owedLetters(); got != 5+4+2 {
				t.Errorf("%d letters are owed, want 9, one to herself and one to somebody else", got)
			}
			if err := d.asks("gazette", spelling(100)); err != nil || d.state(spelling(100)) != consent.Pending { // a day later
				t.Errorf("a day later: %v, %q", err, d.state(spelling(100)))
			}
		})
	}
}

func TestWhatOwesNoLetterKeepsNobodyFromTheDoor(t *testing.T) {
	d := deskAs(t, func(o *confirm.Options) {
		o.EmailsPerMailbox = []store.Limit{{N: 2, Per: 24 * time.Hour}}
		o.Emails = []store.Limit{{N: 2, Per: time.Hour}}
	})
	for range 30 { // pending, and too soon for another letter
		if err := d.asks("gazette", "ada@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.asks("gazette", spelling(1)); err != nil || d.state(spelling(1)) != consent.Pending {
		t.Fatalf("%v, %q", err, d.state(spelling(1)))
	}
	var busy *confirm.LimitError
	for range 30 { // the budget is spent
		if err := d.asks("gazette", spelling(2)); !errors.As(err, &busy) {
			t.Fatal(err)
		}
	}
	d.later(2 * time.Hour)
	if err := d.asks("gazette", spelling(2)); err != nil || d.state(spelling(2)) != consent.Pending {
		t.Errorf("%v, %q", err, d.state(spelling(2)))
	}
}

// A mailbox that takes some spellings and refuses others is kept from none by those that it refused.
func TestALetterThatItsMailboxRefusedIsOwedNoMore(t *testing.T) {
	d := deskAs(t, func(o *confirm.Options) {
		o.EmailsPerMailbox = []store.Limit{{N: 2, Per: 24 * time.Hour}}
		o.Sites[0].Terms.EmailsPerAddress = nil
	})
	for n := range 30 { // each leads nowhere
		if err := d.asks("gazette", spelling(n)); err != nil {
			t.Fatal(err)
		}
		e := d.letters(1)[0]
		draft, err := d.Message(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Undeliverable(t.Context(), e, "550 5.1.1 no such user"); err != nil {
			t.Fatal(err)
		}
		d.ReleaseMailbox(t.Context(), e, draft)
	}
	for n := range 30 { // each arrives
		if err := d.asks("gazette", spelling(100+n)); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.owedLetters(); got != 2+4 {
		t.Errorf("%d letters are owed, want 6", got)
	}
}

// Who is kept out cannot tell, neither by the answer nor by what it takes the store.
func TestTheStoreIsAskedTheSameWhetherTheDoorIsOpenOrNot(t *testing.T) {
	d := deskAs(t, func(o *confirm.Options) {
		frugal(100, 100)(o)
		o.Sites[0].Terms.EmailsPerAddress = []store.Limit{{N: 1, Per: 24 * time.Hour}}
	})
	c := &counting{Store: d.store}
	d.Store = c
	for n := range 10 { // the sixth finds it shut
		for _, what := range []string{"new", "again"} {
			c.calls = nil
			d.ask(spelling(n), "letter")
			if got := strings.Join(c.calls, " "); got != "write write write update write write write" {
				t.Errorf("spelling %d, %s: %s", n, what, got)
			}
		}
	}
	if d.state(spelling(4)) != consent.Pending || d.state(spelling(5)) != "" {
		t.Errorf("the fifth is %q, the sixth %q", d.state(spelling(4)), d.state(spelling(5)))
	}
}
