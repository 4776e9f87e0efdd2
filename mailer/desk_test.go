package mailer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/keyring"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
	"github.com/optin/optin/templates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// office is everything from a signup to the relay's door.
type office struct {
	*confirm.Service
	*mailer.Mailer
	t     *testing.T
	store store.Store
	ring  *keyring.Ring
	logs  *journal

	mu  sync.Mutex
	now time.Time
}

// journal is a log that may be written from any goroutine.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *office) later(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

// site is the website of the tests. Texts are in two languages.
func site() confirm.Site {
	return confirm.Site{
		ID: "gazette", Locales: []string{"fr", "en"},
		Terms: confirm.Terms{TTL: 48 * time.Hour, Letters: []store.Limit{{N: 50, Per: 24 * time.Hour}}},
		Purposes: []confirm.Purpose{{ID: "letter", Text: map[string]string{
			"fr": "Recevoir la lettre mensuelle de La Gazette", "en": "Receive the monthly letter of La Gazette",
		}}},
	}
}

func options(t *testing.T, relay string) mailer.Options {
	t.Helper()
	pages, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(relay)
	if err != nil {
		t.Fatal(err)
	}
	return mailer.Options{
		Pages: pages, Relay: u,
		Sites: map[string]mailer.Site{"gazette": {
			From: netmail.Address{Name: "La Gazette", Address: "bonjour@gazette.example"},
			Show: templates.Site{ID: "gazette", Name: "La Gazette", URL: "https://gazette.example", Controller: templates.Controller{
				Name: "La Gazette SAS", Address: "1 rue des Exemples, 75000 Paris", Contact: "vie-privee@gazette.example",
			}},
		}},
	}
}

// openOffice opens an office whose letters go to an address of the form host:port or a whole URL.
func openOffice(t *testing.T, relay string, change ...func(*mailer.Options)) *office {
	t.Helper()
	return openOn(t, relay, func(s store.Store) store.Store { return s }, change...)
}

func openOn(t *testing.T, relay string, wrap func(store.Store) store.Store, change ...func(*mailer.Options)) *office {
	t.Helper()
	o := &office{t: t, now: noon, logs: &journal{}}
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db"), Now: o.clock, Durability: sqlite.None, Deadline: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	o.store = wrap(st)
	if o.ring, err = keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret)); err != nil {
		t.Fatal(err)
	}
	o.Service, err = confirm.New(confirm.Options{
		Store: o.store, Ring: o.ring, PublicURL: "https://confirm.example", Now: o.clock, Sites: []confirm.Site{site()},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(relay, "://") {
		relay = "smtp://" + relay
	}
	opts := options(t, relay)
	opts.Desk, opts.Now, opts.Log = o.Service, o.clock, slog.New(slog.NewJSONHandler(o.logs, nil))
	for _, f := range change {
		f(&opts)
	}
	if o.Mailer, err = mailer.New(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func (o *office) Close() error { return o.Mailer.Close() }

// owe signs an address up and leases the letter.
func (o *office) owe(address string) store.Entry {
	o.t.Helper()
	a, err := confirm.ParseAddress(address)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := o.Ask(o.t.Context(), "gazette", confirm.Asked{Address: a, Purposes: []string{"letter"}, Locale: "fr"}); err != nil {
		o.t.Fatal(err)
	}
	return o.lease()
}

func (o *office) lease() store.Entry {
	o.t.Helper()
	entries, err := o.store.Lease(o.t.Context(), confirm.KindLetter, 1, mailer.Longest)
	if err != nil || len(entries) != 1 {
		o.t.Fatalf("%d letters are owed, %v; want 1", len(entries), err)
	}
	return entries[0]
}

// owed tells whether the entry still waits for an outcome.
func (o *office) owed(e store.Entry) bool {
	o.t.Helper()
	switch err := o.store.Settle(context.Background(), e, store.Again(o.clock())); err {
	case nil:
		return true
	default:
		return false
	}
}

// request is what is known of the only request of an entry's subscription.
func (o *office) request(e store.Entry) confirm.Request {
	o.t.Helper()
	r, err := o.store.Get(o.t.Context(), e.Key)
	if err != nil {
		o.t.Fatal(err)
	}
	plain, err := o.ring.Open(r.Key.Site+"/"+r.Key.ID, r.Data)
	if err != nil {
		o.t.Fatal(err)
	}
	var s confirm.Subscription
	if err := json.Unmarshal(plain, &s); err != nil {
		o.t.Fatal(err)
	}
	if len(s.Requests) != 1 {
		o.t.Fatalf("%d requests, want 1", len(s.Requests))
	}
	return s.Requests[0]
}

// sends tries an entry and wants it delivered.
func (o *office) sends(e store.Entry) {
	o.t.Helper()
	if settled, err := o.Try(o.t.Context(), e); !settled || err != nil {
		o.t.Fatalf("settled %v, %v; want a delivery", settled, err)
	}
}

// line is the last line of the log.
func (o *office) line() (m map[string]any) {
	o.t.Helper()
	lines := strings.Split(strings.TrimSpace(o.logs.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &m); err != nil {
		o.t.Fatal(err)
	}
	return m
}

// discreet wants nothing personal in the log or in an error.
func (o *office) discreet(err error) {
	o.t.Helper()
	said := o.logs.String() + fmt.Sprintf("%v %+v", err, err)
	for _, secret := range []string{"ada.lovelace", "/c/", "/u/", "eyJhbGciOi", "hunter2"} {
		if strings.Contains(said, secret) {
			o.t.Errorf("%q is told: %s", secret, said)
		}
	}
}

// eventually polls until something is so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to this: " + what)
		}
	}
}
