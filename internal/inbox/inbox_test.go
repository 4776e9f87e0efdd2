package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/optin/optin/internal/inbox"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newInbox(t *testing.T, options ...inbox.Option) *inbox.Inbox {
	t.Helper()
	i, err := inbox.Open("127.0.0.1:0",
		append([]inbox.Option{inbox.Clock(func() time.Time { return noon })}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Close() })
	return i
}

// crlf returns an email with the line endings of SMTP.
func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// deliver sends an email by SMTP.
func deliver(t *testing.T, i *inbox.Inbox, email string) {
	t.Helper()
	if err := smtp.SendMail(i.Addr(), nil, "bonjour@gazette.example", []string{"ada@example.org"},
		[]byte(email)); err != nil {
		t.Fatal(err)
	}
}

// within returns a context that limits what a test waits for.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// anyMessage matches every email.
func anyMessage(inbox.Message) bool { return true }

func TestAnEmailArrivesAsItWasSent(t *testing.T) {
	i := newInbox(t)
	email := crlf("From: La Gazette <bonjour@gazette.example>", "Subject: Hello", "", "one", ".", "..two", "")
	err := smtp.SendMail(i.Addr(), nil, "bounce@gazette.example", []string{"ada@example.org", "grace@example.org"},
		[]byte(email))
	if err != nil {
		t.Fatal(err)
	}
	got, err := i.Wait(within(t), anyMessage)
	if err != nil {
		t.Fatal(err)
	}
	want := inbox.Message{
		ID: "1", At: noon, From: "bounce@gazette.example", To: []string{"ada@example.org", "grace@example.org"},
		Raw:     []byte(email),
		Header:  map[string][]string{"From": {"La Gazette <bonjour@gazette.example>"}, "Subject": {"Hello"}},
		Subject: "Hello", Text: "one\n.\n..two\n\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if one, ok := i.Message("1"); !ok || one.Subject != "Hello" {
		t.Errorf("Message(1) = %q, %v", one.Subject, ok)
	}
}

func TestTheNewestComeFirstAndTheOldestMakeRoom(t *testing.T) {
	i := newInbox(t)
	c, err := smtp.Dial(i.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for n := range inbox.MaxEmails + 2 {
		send(t, c, fmt.Sprintf("Subject: %d\r\n\r\n", n))
	}
	messages := i.Messages()
	if len(messages) != inbox.MaxEmails {
		t.Fatalf("%d emails are kept, want %d", len(messages), inbox.MaxEmails)
	}
	if first, last := messages[0].Subject, messages[len(messages)-1].Subject; first != fmt.Sprint(inbox.MaxEmails+1) ||
		last != "2" {
		t.Errorf("from %s down to %s, want from %d down to 2", first, last, inbox.MaxEmails+1)
	}
	if _, ok := i.Message("1"); ok {
		t.Error("the oldest email is still here")
	}
}

// send gives one more email to a connection that stays open.
func send(t *testing.T, c *smtp.Client, email string) {
	t.Helper()
	if err := errors.Join(c.Mail("bonjour@gazette.example"), c.Rcpt("ada@example.org")); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(email)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsTooLargeIsRefusedAndTheNextIsTaken(t *testing.T) {
	i := newInbox(t)
	line := strings.Repeat("x", 98) + "\r\n"
	to := []string{"ada@example.org"}
	err := smtp.SendMail(i.Addr(), nil, "a@b.example", to,
		[]byte("Subject: big\r\n\r\n"+strings.Repeat(line, inbox.MaxBytes/100+1)))
	if code := replyCode(err); code != 552 {
		t.Errorf("an email over the limit: %v, want 552", err)
	}
	if err := smtp.SendMail(i.Addr(), nil, "a@b.example", to,
		[]byte("Subject: fits\r\n\r\n"+strings.Repeat(line, inbox.MaxBytes/100-1))); err != nil {
		t.Errorf("an email just under the limit: %v", err)
	}
	err = smtp.SendMail(i.Addr(), nil, "a@b.example", slices.Repeat(to, inbox.MaxRecipients+1),
		[]byte("Subject: many\r\n\r\n"))
	if code := replyCode(err); code != 452 {
		t.Errorf("too many recipients: %v, want 452", err)
	}
	if messages := i.Messages(); len(messages) != 1 || messages[0].Subject != "fits" {
		t.Errorf("%d emails are kept, want the one that fits", len(messages))
	}
}

func replyCode(err error) int {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply.Code
	}
	return 0
}

func TestCopiesAreTheCallersOwn(t *testing.T) {
	i := newInbox(t)
	deliver(t, i, "Subject: mine\r\n\r\ntext\r\n")
	spoil := func(m inbox.Message) bool {
		m.Raw[0], m.To[0], m.Header["Subject"][0] = 'X', "eve@evil.example", "spoiled"
		delete(m.Header, "Subject")
		return true
	}
	got, err := i.Wait(within(t), spoil)
	if err != nil {
		t.Fatal(err)
	}
	spoil(got)
	spoil(i.Messages()[0])
	one, _ := i.Message("1")
	spoil(one)
	m := i.Messages()[0]
	if m.Raw[0] != 'S' || m.To[0] != "ada@example.org" || m.Header.Get("Subject") != "mine" {
		t.Errorf("the email in the box was changed through a copy: %q to %q, %v", m.Raw[:8], m.To, m.Header)
	}
}

func TestEmailsArriveInParallel(t *testing.T) {
	const senders, each = 16, 12
	i := newInbox(t)
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			last := fmt.Sprintf("%d-%d", s, each-1)
			if _, err := i.Wait(within(t), func(m inbox.Message) bool { return m.Subject == last }); err != nil {
				t.Errorf("%s: %v", last, err)
			}
		})
		all.Go(func() {
			for n := range each {
				email := fmt.Appendf(nil, "Subject: %d-%d\r\n\r\n%d\r\n", s, n, s)
				if err := smtp.SendMail(i.Addr(), nil, "a@b.example", []string{"ada@example.org"}, email); err != nil {
					t.Error(err)
				}
				_ = i.Messages()
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	ids := map[string]bool{}
	for _, m := range i.Messages() {
		seen[m.Subject], ids[m.ID] = true, true
		if s, _, _ := strings.Cut(m.Subject, "-"); m.Text != s+"\n" {
			t.Errorf("email %s holds the text %q of another", m.Subject, m.Text)
		}
	}
	if len(seen) != senders*each || len(ids) != senders*each {
		t.Errorf("%d emails under %d ids, want %d", len(seen), len(ids), senders*each)
	}
}

func TestAnAddressInUseIsAnErrorThatNamesIt(t *testing.T) {
	i := newInbox(t)
	if _, err := inbox.Open(i.Addr()); err == nil || !strings.Contains(err.Error(), i.Addr()) {
		t.Errorf("got %v, want an error that names %s", err, i.Addr())
	}
}

func TestClosingCutsConnectionsAndLeavesNothingRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	i := newInbox(t)
	deliver(t, i, "Subject: kept\r\n\r\n")
	idle, err := smtp.Dial(i.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if err := errors.Join(i.Close(), i.Close()); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
	if err := idle.Noop(); err == nil {
		t.Error("a connection outlived the inbox")
	}
	if c, err := net.Dial("tcp", i.Addr()); err == nil {
		_ = c.Close()
		t.Error("the closed inbox accepts a connection")
	}
	if messages := i.Messages(); len(messages) != 1 {
		t.Errorf("%d emails can be read after closing, want 1", len(messages))
	}
}

func TestAnInboxRefusesWhomItIsToldTo(t *testing.T) {
	i := newInbox(t, inbox.Refuse(func(to string) *inbox.Refusal {
		if strings.HasPrefix(to, "full@") {
			return &inbox.Refusal{Code: 452, Enhanced: [3]int{4, 2, 2}, Words: "the mailbox is full"}
		}
		return nil
	}))
	email := []byte(crlf("Subject: Hello", "", "one"))
	err := smtp.SendMail(i.Addr(), nil, "bonjour@gazette.example", []string{"full@example.org"}, email)
	said := new(textproto.Error)
	if !errors.As(err, &said) || said.Code != 452 || said.Msg != "4.2.2 the mailbox is full" {
		t.Errorf("the refusal: %v", err)
	}
	deliver(t, i, string(email))
	if n := len(i.Messages()); n != 1 {
		t.Errorf("%d emails, want that to the other", n)
	}
}
