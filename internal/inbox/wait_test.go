package inbox_test

import (
	"context"
	"errors"
	"testing"

	"github.com/optin/optin/internal/inbox"
)

func TestWaitReturnsTheFirstThatMatches(t *testing.T) {
	i := newInbox(t)
	for _, subject := range []string{"no", "yes", "yes again"} {
		deliver(t, i, "Subject: "+subject+"\r\n\r\n")
	}
	got, err := i.Wait(within(t), func(m inbox.Message) bool { return m.Subject != "no" })
	if err != nil || got.Subject != "yes" {
		t.Errorf("got %q, %v, want the earlier of the two that match", got.Subject, err)
	}
}

func TestWaitReturnsWhenTheEmailArrives(t *testing.T) {
	i := newInbox(t)
	deliver(t, i, "Subject: here\r\n\r\n")
	looked := make(chan string, 10)
	found := make(chan inbox.Message, 1)
	go func() {
		m, _ := i.Wait(within(t), func(m inbox.Message) bool {
			looked <- m.Subject
			_ = i.Messages() // match may use the inbox
			return m.Subject == "awaited"
		})
		found <- m
	}()
	if s := <-looked; s != "here" {
		t.Fatalf("Wait looked at %q first", s)
	}
	i.Clear() // what is deleted meanwhile does not confuse it
	deliver(t, i, "Subject: another\r\n\r\n")
	deliver(t, i, "Subject: awaited\r\n\r\n")
	if m := <-found; m.Subject != "awaited" || m.ID != "3" {
		t.Errorf("found %q with id %q, want the third email", m.Subject, m.ID)
	}
	if a, b := <-looked, <-looked; a != "another" || b != "awaited" || len(looked) != 0 {
		t.Errorf("looked at %q, %q and %d more, want each email once", a, b, len(looked))
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	i := newInbox(t)
	deliver(t, i, "Subject: another\r\n\r\n")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := i.Wait(ctx, func(inbox.Message) bool {
		cancel()
		return false
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestClosingEndsWaiting(t *testing.T) {
	i := newInbox(t)
	deliver(t, i, "Subject: another\r\n\r\n")
	waiting := make(chan struct{})
	ended := make(chan error)
	go func() {
		_, err := i.Wait(within(t), func(inbox.Message) bool {
			close(waiting)
			return false
		})
		ended <- err
	}()
	<-waiting
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, inbox.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if _, err := i.Wait(within(t), anyMessage); err != nil {
		t.Errorf("an email that is here is not found after closing: %v", err)
	}
}
