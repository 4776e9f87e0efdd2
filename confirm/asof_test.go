package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func (d *desk) asOf(email string, at time.Time) (consent.State, bool) {
	d.t.Helper()
	st, err := d.Website.LookupAt(d.t.Context(), "gazette", mustParse(email), at)
	if errors.Is(err, store.ErrNotFound) {
		return "", true
	}
	if err != nil || st.AsOf == nil || !st.AsOf.Equal(at) || st.Complete == nil || st.UnsubscribeURL != nil {
		d.t.Fatalf("%+v, %v", st, err)
	}
	return st.State, *st.Complete
}

func TestWhatStoodAtADateIsReadFromTheEvidence(t *testing.T) {
	d := newDesk(t)
	d.later(time.Hour)
	d.ask("ada@example.org", "letter", "offers")
	first := d.letter()
	d.later(time.Hour)
	v, err := d.press(tokenOf(first.Confirm))
	if err != nil {
		t.Fatal(err)
	}
	d.later(time.Hour)
	if _, err := d.Person.Withdraw(t.Context(), tokenOf(v.Unsubscribe), []string{"offers"}, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	d.later(time.Hour)
	if _, err := d.Person.Decline(t.Context(), tokenOf(first.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	for hours, want := range map[int]consent.State{0: "", 1: consent.Pending, 2: consent.Confirmed, 3: consent.Confirmed, 4: consent.Declined, 9: consent.Declined} {
		if got, whole := d.asOf("ada@example.org", start.Add(time.Duration(hours)*time.Hour)); got != want || !whole {
			t.Errorf("after %d hours %q, want %q; whole: %t", hours, got, want, whole)
		}
	}
	st, err := d.Website.LookupAt(t.Context(), "gazette", mustParse("ada@example.org"), start.Add(3*time.Hour+time.Minute))
	if err != nil || len(st.Purposes) != 2 || st.Purposes[0].State != consent.Confirmed || st.Purposes[1].State != consent.Withdrawn || st.Purposes[0].Text != "La lettre" || st.ConfirmedAt == nil {
		t.Errorf("%+v, %v", st, err)
	}
	if got, whole := d.asOf("ada@example.org", start.Add(2*time.Hour-time.Millisecond)); got != consent.Pending || !whole {
		t.Errorf("a moment before the press: %q, %t", got, whole)
	}
}

func TestADateBeyondWhatIsKeptIsNotAnsweredAsIfAllWereKnown(t *testing.T) {
	for name, forget := range map[string]func(d *desk, first confirm.Message){
		"the request was forgotten": func(d *desk, _ confirm.Message) {
			d.later(terms.TTL + consent.Grace - time.Hour)
			d.ask("ada@example.org", "offers") // keeps the record
			d.later(2 * time.Hour)
			_, _ = d.press(tokenOf(d.letter().Confirm))
		},
		"a refusal was lifted": func(d *desk, first confirm.Message) {
			_, _ = d.Person.Decline(d.t.Context(), tokenOf(first.Decline), consent.Evidence{})
			d.later(time.Hour)
			_, _ = d.Person.Unblock(d.t.Context(), tokenOf(first.Decline), consent.Evidence{})
		},
		"the person was erased": func(d *desk, first confirm.Message) {
			_, _ = d.Person.Decline(d.t.Context(), tokenOf(first.Decline), consent.Evidence{})
			d.later(time.Hour)
			d.erase("ada@example.org")
		},
		"a purpose was taken out of an open request": func(d *desk, _ confirm.Message) {
			d.later(time.Hour)
			d.ask("ada@example.org", "letter", "offers")
			_, err := d.Website.Withdraw(d.t.Context(), "gazette", d.id("ada@example.org"), []string{"offers"}, consent.Evidence{})
			if err != nil {
				d.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.ask("ada@example.org", "letter")
			first := d.letter()
			then := d.clock()
			forget(d, first)
			if _, whole := d.asOf("ada@example.org", then); whole {
				t.Error("it is said to be complete")
			}
			if _, whole := d.asOf("ada@example.org", d.clock().Add(time.Minute)); !whole {
				t.Error("today is said to be incomplete")
			}
		})
	}
}
