package confirm_test

import (
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
			if page, err := d.Website.List(t.Context(), "gazette", confirm.Listing{Limit: 100}); err != nil || len(page.All) != 5+4+2 {
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

// Who is kept out cannot tell, neither by the answer nor by what it takes the store.
func TestTheStoreIsAskedTheSameWhetherTheDoorIsOpenOrNot(t *testing.T) {
	d := deskAs(t, func(o *confirm.Options) {
		frugal(100, 100)(o)
		o.Sites[0].Terms.EmailsPerAddress = []store.Limit{{N: 1, Per: 24 * time.Hour}}
	})
	c := &counting{Store: d.store}
	d.Store = c
	for n := range 10 { // the sixth signup finds it shut
		for _, what := range []string{"new", "again"} {
			c.calls = nil
			d.ask(spelling(n), "letter")
			if got := strings.Join(c.calls, " "); got != "write write update" {
				t.Errorf("spelling %d, %s: %s", n, what, got)
			}
		}
	}
	if d.state(spelling(2)) != consent.Pending || d.state(spelling(3)) != "" {
		t.Errorf("the third is %q, the fourth %q", d.state(spelling(2)), d.state(spelling(3)))
	}
}
