package bounce_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/bounce"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// env is a service with two sites of one sender domain, and its receiver.
type env struct {
	*confirm.Service
	*bounce.Receiver
	t     *testing.T
	store store.Store
}

func newEnv(t *testing.T) env {
	t.Helper()
	st, err := sqlite.Open(t.Context(),
		sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db"), Durability: store.DurabilityNone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	site := confirm.Site{ID: "gazette", Locales: []string{"en"}, Terms: consent.Terms{TTL: time.Hour},
		Purposes: []confirm.Purpose{{ID: "letter", Text: map[string]string{"en": "Receive the letter"}}}}
	club := site
	club.ID = "club"
	service, err := confirm.New(confirm.Options{
		Store: st, Keyring: ring, PublicURL: &url.URL{Scheme: "https", Host: "confirm.example"},
		Sites: []confirm.Site{site, club},
	})
	if err != nil {
		t.Fatal(err)
	}
	senders := map[string]string{"gazette": "Bonjour@gazette.example", "club": "club@gazette.example"}
	return env{service, bounce.New(bounce.Options{
		Service: service, Senders: senders, Cells: st, Log: slog.New(slog.DiscardHandler),
	}), t, st}
}

// signUp signs somebody up and returns the return path of the email.
func (env env) signUp(site, email string) string {
	env.t.Helper()
	a, err := address.Parse(email)
	if err != nil {
		env.t.Fatal(err)
	}
	signup := confirm.Signup{Address: a, Purposes: []string{"letter"}, Locale: "en"}
	if err := env.Person.SignUp(env.t.Context(), site, signup); err != nil {
		env.t.Fatal(err)
	}
	for _, kind := range confirm.EmailQueues() {
		jobs, err := env.store.Lease(env.t.Context(), kind, 1, time.Minute)
		if err != nil {
			env.t.Fatal(err)
		}
		for _, job := range jobs {
			msg, err := env.Service.Relay.Message(env.t.Context(), job)
			if err != nil {
				env.t.Fatal(err)
			}
			if err := env.store.End(env.t.Context(), job, store.Complete()); err != nil {
				env.t.Fatal(err)
			}
			return msg.ReturnPath + "@bounces.gazette.example"
		}
	}
	env.t.Fatal("no email is due")
	return ""
}

func (env env) state(site, email string) consent.State {
	env.t.Helper()
	a, err := address.Parse(email)
	if err != nil {
		env.t.Fatal(err)
	}
	st, err := env.Website.Lookup(env.t.Context(), site, a)
	if err != nil {
		env.t.Fatal(err)
	}
	return st.State
}

func postmark(kind, from, to string) []byte {
	return fmt.Appendf(nil, `{"RecordType":"Bounce","Type":%q,"From":%q,"Email":%q}`, kind, from, to)
}

func TestANotificationMayNameSenderAndRecipient(t *testing.T) {
	env := newEnv(t)
	env.signUp("gazette", "ada@example.org")
	env.signUp("club", "ada@example.org")
	for name, row := range map[string]struct {
		body []byte
		ours int
		want consent.State
	}{
		"a stranger's sender": {postmark("HardBounce", "stranger@example.net", "ada@example.org"), 0, consent.Pending},
		"no address":          {postmark("HardBounce", "bonjour@gazette.example", "ada"), 0, consent.Pending},
		"a bounce that passes": {postmark("Transient", "bonjour@gazette.example", "ada@example.org"), 1,
			consent.Pending},
	} {
		res, err := env.Notification(t.Context(), row.body)
		if err != nil || res.Reports != 1 || res.Ours != row.ours ||
			env.state("gazette", "ada@example.org") != row.want {
			t.Errorf("%s: %+v, %v; she is %s", name, res, err, env.state("gazette", "ada@example.org"))
		}
	}
	report := postmark("HardBounce", "BONJOUR@gazette.example", "ada@example.org")
	if res, err := env.Notification(t.Context(), report); err != nil || res.Ours != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	if got := env.state("gazette", "ada@example.org"); got != consent.Undeliverable {
		t.Errorf("after a hard bounce she is %s", got)
	}
	if got := env.state("club", "ada@example.org"); got != consent.Pending {
		t.Errorf("at the other site she is %s", got)
	}
}

func TestAMessageCountsByItsSignedReturnPathOnly(t *testing.T) {
	env := newEnv(t)
	path := env.signUp("gazette", "ada@example.org")
	report := func(to string) string {
		return "From: <>\r\nTo: bonjour@gazette.example, " + to +
			"\r\nContent-Type: multipart/report; boundary=x\r\n\r\n" +
			"--x\r\nContent-Type: message/delivery-status\r\n\r\n" +
			"Reporting-MTA: dns; a\r\n\r\nFinal-Recipient: rfc822; ada@example.org\r\nAction: failed\r\nStatus: " +
			"5.1.1\r\n\r\n--x--\r\n"
	}
	for name, to := range map[string]string{
		"nobody": "x@example.org", "her own address": "ada@example.org", "another email's form": "b-" +
			strings.Repeat("a", 52) + "@bounces.gazette.example",
		"one sign changed": strings.Replace(path, path[10:11], string('a'+(path[10]-'a'+1)%26), 1),
	} {
		if res, err := env.Receiver.Message(t.Context(), strings.NewReader(report(to))); err != nil || res.Ours != 0 ||
			env.state("gazette", "ada@example.org") != consent.Pending {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
	if res, err := env.Receiver.Message(t.Context(), strings.NewReader(report("<"+path+">"))); err != nil ||
		res.Ours != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	if got := env.state("gazette", "ada@example.org"); got != consent.Undeliverable {
		t.Errorf("she is %s", got)
	}
	if _, err := env.Receiver.Message(t.Context(), strings.NewReader("hello")); !errors.Is(err, bounce.ErrUnreadable) {
		t.Errorf("nonsense: %v", err)
	}
}

func TestAnUnavailableStoreIsAnError(t *testing.T) {
	env := newEnv(t)
	path := env.signUp("gazette", "ada@example.org")
	if err := env.store.Close(); err != nil {
		t.Fatal(err)
	}
	body := postmark("HardBounce", "bonjour@gazette.example", "ada@example.org")
	if _, err := env.Notification(t.Context(), body); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	text := "To: " + path + "\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n"
	if _, err := env.Receiver.Message(t.Context(), strings.NewReader(text)); !errors.Is(err, store.ErrUnavailable) ||
		errors.Is(err, bounce.ErrUnreadable) {
		t.Errorf("%v", err)
	}
}
