package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func (d *desk) id(email string) string {
	d.t.Helper()
	st, err := d.Website.Lookup(d.t.Context(), "gazette", mustParse(email))
	if err != nil {
		d.t.Fatal(err)
	}
	return st.ID
}

func (d *desk) erase(email string) string {
	d.t.Helper()
	id := d.id(email)
	if err := d.Website.Erase(d.t.Context(), "gazette", id); err != nil {
		d.t.Fatal(err)
	}
	return id
}

func TestErasingLeavesNothingButARefusal(t *testing.T) {
	decline := func(d *desk, draft confirm.Message) {
		_, _ = d.Person.Decline(d.t.Context(), tokenOf(draft.Decline), consent.Evidence{IP: "192.0.2.8"})
	}
	withdraw := func(d *desk, draft confirm.Message) {
		v, _ := d.press(tokenOf(draft.Confirm))
		_, _ = d.Person.Withdraw(d.t.Context(), tokenOf(v.Unsubscribe), nil, consent.Evidence{})
	}
	for name, row := range map[string]struct {
		do    func(d *desk, draft confirm.Message)
		left  consent.State
		again int // letters after another signup
	}{
		"pending":   {func(*desk, confirm.Message) {}, "", 1},
		"confirmed": {func(d *desk, draft confirm.Message) { _, _ = d.press(tokenOf(draft.Confirm)) }, "", 1},
		"declined":  {decline, consent.Declined, 0},
		"withdrawn": {withdraw, consent.Withdrawn, 1},
		"lifted": {func(d *desk, draft confirm.Message) {
			decline(d, draft)
			_, _ = d.Person.Unblock(d.t.Context(), tokenOf(draft.Decline), consent.Evidence{})
		}, "", 1},
		"given anew": {func(d *desk, draft confirm.Message) {
			withdraw(d, draft)
			d.later(11 * time.Minute)
			d.ask("ada@example.org", "letter")
			_, _ = d.press(tokenOf(d.letter().Confirm))
		}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.ask("ada@example.org", "letter")
			letter, draft := d.letterOf()
			row.do(d, draft)
			told, err := d.store.Lease(t.Context(), lane, 100, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range told {
				_ = d.store.End(t.Context(), e, store.Complete())
			}
			id := d.erase("ada@example.org")

			if got := d.state("ada@example.org"); got != row.left {
				t.Errorf("it is %q, want %q", got, row.left)
			}
			st, err := d.Website.ByID(t.Context(), "gazette", id)
			if row.left == "" != errors.Is(err, store.ErrNotFound) || err == nil && (st.Email != "" || st.Locale != "" || len(st.Purposes) > 0 || st.UnsubscribeURL != nil) {
				t.Errorf("by its id: %+v, %v", st, err)
			}
			if _, err := d.store.Find(t.Context(), store.Key{Site: "gazette", ID: id}); row.left == "" != errors.Is(err, store.ErrNotFound) {
				t.Errorf("in the store: %v", err)
			}
			event, err := d.Website.Event(t.Context(), d.owed(lane, 1)[0])
			want := consent.Status{ID: id, Site: "gazette", State: consent.Erased, CreatedAt: start, Purposes: []consent.PurposeStatus{}}
			if diff := cmp.Diff(want, event.Data); diff != "" || err != nil || event.Type != consent.EventErased {
				t.Errorf("told %s, %v:\n%s", event.Type, err, diff)
			}
			if _, err := d.press(tokenOf(draft.Confirm)); err == nil {
				t.Error("an old link still confirms")
			}
			if _, err := d.Relay.Message(t.Context(), letter); !errors.Is(err, confirm.ErrNotDue) {
				t.Errorf("a letter is still owed: %v", err)
			}
			d.later(48 * time.Hour)
			d.ask("ada@example.org", "letter")
			d.letters(row.again)
		})
	}
}

func TestErasingTwiceTellsOnce(t *testing.T) {
	d := newDesk(t)
	d.ask("ada@example.org", "letter")
	_, _ = d.Person.Decline(t.Context(), tokenOf(d.letter().Decline), consent.Evidence{})
	d.owed(lane, 1)
	id := d.erase("ada@example.org")
	if err := d.Website.Erase(t.Context(), "gazette", id); err != nil {
		t.Error(err)
	}
	d.owed(lane, 1)
	for _, id := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAA", "../../../../etc/passwd", "AAAAAAAAAAAAAAAAAAAA\r\n"} {
		if err := d.Website.Erase(t.Context(), "gazette", id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestOfAnErasedPersonOnlyThatIsTold(t *testing.T) {
	d := newDesk(t)
	d.ask("ada@example.org", "letter")
	if _, err := d.press(tokenOf(d.letter().Confirm)); err != nil {
		t.Fatal(err)
	}
	waiting := d.owed(lane, 1)[0] // the endpoint is away
	if _, err := d.Website.Event(t.Context(), waiting); err != nil {
		t.Fatal(err)
	}
	d.erase("ada@example.org")
	if told, err := d.Website.Event(t.Context(), waiting); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("told %+v, %v", told, err)
	}
	if told, err := d.Website.Event(t.Context(), d.owed(lane, 1)[0]); err != nil || told.Type != consent.EventErased {
		t.Errorf("told %s, %v", told.Type, err)
	}
	d.later(time.Hour)
	d.ask("ada@example.org", "letter")
	if told, err := d.Website.Event(t.Context(), waiting); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("after a new signup, told %+v, %v", told, err)
	}
}
