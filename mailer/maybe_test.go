package mailer_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

// laneOf is the lane that an error asks for; empty if it asks for none.
func laneOf(err error) store.QueueName {
	var in interface{ Lane() store.QueueName }
	if errors.As(err, &in) {
		return in.Lane()
	}
	return ""
}

// restart replaces the Mailer of an office, as the end of a process does: what it knew by itself is gone.
func (o *office) restart() {
	o.t.Helper()
	if err := o.Close(); err != nil {
		o.t.Fatal(err)
	}
	var err error
	if o.Mailer, err = mailer.New(o.Mailer.Options); err != nil {
		o.t.Fatal(err)
	}
}

func TestALetterThatWasMaybeSentIsTriedOnceMoreAsTheSameLetter(t *testing.T) {
	r := startRelay(t, says(".", hangUp))
	o := openOffice(t, r.addr)
	e := o.owe(ada)
	settled, err := o.Run(t.Context(), e)
	var rest interface{ RetryAfter() time.Duration }
	if settled || laneOf(err) != confirm.QueueEmailMaybeSent || !errors.As(err, &rest) || rest.RetryAfter() != mailer.MaybeAfter || o.line()["outcome"] != "maybe sent" {
		t.Fatalf("settled %v, %v; %v", settled, err, o.line())
	}
	e = o.again(e, err)
	o.restart()
	if settled, err := o.Run(t.Context(), e); settled || err != nil || o.line()["outcome"] != "left" {
		t.Errorf("the second time: settled %v, %v; %v; want it left at that", settled, err, o.line())
	}
	letters := r.received()
	if len(letters) != 2 {
		t.Fatalf("%d letters, want 2", len(letters))
	}
	first, second := parse(t, letters[0].raw), parse(t, letters[1].raw)
	for _, name := range []string{"Message-ID", "Subject", "To"} {
		if a, b := first.header.Get(name), second.header.Get(name); a != b || a == "" {
			t.Errorf("%s: %s and %s", name, a, b)
		}
	}
	if diff := cmp.Diff(first.text+first.html, second.text+second.html); diff != "" {
		t.Error("the second letter is not the first: " + diff)
	}
}

func TestALetterThatWasMaybeSentStaysKnownAsSuchWhateverHindersItsSecondTry(t *testing.T) {
	for name, row := range map[string]struct {
		verb, reply string
		outcome     string
		lane        store.QueueName
	}{
		"a greeting": {"greeting", "421 4.3.2 closing", "later", confirm.QueueEmailMaybeSent},
		"a password": {"AUTH", "535 5.7.8 no", "later", confirm.QueueEmailMaybeSent},
		"a sender":   {"MAIL", "550 5.7.1 no", "later", confirm.QueueEmailMaybeSent},
		"a mailbox":  {"RCPT", "450 4.2.0 full", "later", confirm.QueueEmailMaybeSent},
		"a stall":    {"RCPT", stall, "later", confirm.QueueEmailMaybeSent},
		"a drop":     {"DATA", hangUp, "later", confirm.QueueEmailMaybeSent},
		"an answer":  {".", "451 4.3.0 not now", "later", confirm.QueueEmailMaybeSent},
		"no answer":  {".", hangUp, "left", ""},
		"for good":   {"RCPT", "550 5.1.1 unknown", "undeliverable", ""},
		"nothing":    {".", "250 2.0.0 Ok", "delivered", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, says(".", hangUp), offers("AUTH PLAIN"))
			o := openOffice(t, "smtp://optin:hunter2@"+r.addr, func(o *mailer.Options) { o.Session, o.Dial = time.Second, 500*time.Millisecond })
			e := o.owe(ada)
			_, err := o.Run(t.Context(), e)
			e = o.again(e, err)
			r.change(says(row.verb, row.reply))
			_, err = o.Run(t.Context(), e)
			if laneOf(err) != row.lane || o.line()["outcome"] != row.outcome {
				t.Errorf("%v waits in %q; %v", err, laneOf(err), o.line())
			}
			o.discreet(err)
		})
	}
	t.Run("its mailbox is full", func(t *testing.T) {
		r := startRelay(t, says(".", hangUp))
		o := openOffice(t, r.addr)
		e := o.owe("ada@example.org")
		_, err := o.Run(t.Context(), e)
		e = o.again(e, err)
		r.change(func(r *relay) { r.say = func(step) string { return "" } })
		for n := range 49 {
			o.sends(o.owe(fmt.Sprintf("ada+%d@example.org", n)))
		}
		if _, err := o.Run(t.Context(), e); laneOf(err) != confirm.QueueEmailMaybeSent {
			t.Errorf("%v waits in %q", err, laneOf(err))
		}
	})
}
