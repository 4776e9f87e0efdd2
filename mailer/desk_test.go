package mailer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
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
	ring  *keyring.Keyring
	logs  *journal
	hold  time.Duration // of leases

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

// site is a website of the tests. Texts are in two languages.
func site(id string) confirm.Site {
	return confirm.Site{
		ID: id, Locales: []string{"fr", "en"},
		Terms: consent.Terms{TTL: 48 * time.Hour, EmailsPerAddress: []store.Limit{{N: 50, Per: 24 * time.Hour}}},
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
		Pages: pages, Relays: []*url.URL{u},
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
	o := &office{t: t, now: noon, logs: &journal{}, hold: mailer.MaxDuration}
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
		Store: o.store, Keyring: o.ring, PublicURL: "https://confirm.example", Now: o.clock, Sites: []confirm.Site{site("gazette"), site("herald")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(relay, "://") {
		relay = "smtp://" + relay
	}
	opts := options(t, relay)
	opts.Service, opts.Now, opts.Log = o.Service, o.clock, slog.New(slog.NewJSONHandler(o.logs, nil))
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
func (o *office) owe(address string) store.Job {
	o.t.Helper()
	return o.oweAt("gazette", address)
}

func (o *office) oweAt(site, to string) store.Job {
	o.t.Helper()
	a, err := address.Parse(to)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := o.Signup(o.t.Context(), site, confirm.NewSignup{Address: a, Purposes: []string{"letter"}, Locale: "fr"}); err != nil {
		o.t.Fatal(err)
	}
	return o.lease()
}

func (o *office) lease() store.Job {
	o.t.Helper()
	for _, k := range append(confirm.EmailQueues(), confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent) {
		entries, err := o.store.Lease(o.t.Context(), k, 1, o.hold)
		if err != nil {
			o.t.Fatal(err)
		}
		if len(entries) == 1 {
			return entries[0]
		}
	}
	o.t.Fatal("no letter is owed; want 1")
	return store.Job{}
}

// again settles an entry as an outbox does after an error of its trial, lets the time pass that it asks for, and leases it anew.
func (o *office) again(e store.Job, err error) store.Job {
	o.t.Helper()
	wait, lane := time.Minute, confirm.QueueEmailRetry
	var in interface{ Lane() store.QueueName }
	if errors.As(err, &in) {
		lane = in.Lane()
	}
	var soon interface{ Wait() time.Duration }
	if errors.As(err, &soon) {
		wait = soon.Wait()
	}
	var rest interface{ RetryAfter() time.Duration }
	if errors.As(err, &rest) {
		wait = max(wait, rest.RetryAfter())
	}
	if err := o.store.End(o.t.Context(), e, store.Move(lane, o.clock().Add(wait))); err != nil {
		o.t.Fatal(err)
	}
	o.later(wait)
	next := o.lease()
	if next.ID != e.ID || next.Queue != lane {
		o.t.Fatalf("%s in %s was leased, want %s in %s", next.ID, next.Queue, e.ID, lane)
	}
	return next
}

// owed tells whether the entry still waits for an outcome.
func (o *office) owed(e store.Job) bool {
	o.t.Helper()
	switch err := o.store.End(context.Background(), e, store.Retry(o.clock())); err {
	case nil:
		return true
	default:
		return false
	}
}

// request is what is known of the only request of an entry's subscription.
func (o *office) request(e store.Job) consent.Request {
	o.t.Helper()
	r, err := o.store.Find(o.t.Context(), e.Key)
	if err != nil {
		o.t.Fatal(err)
	}
	plain, err := o.ring.Open(r.Key.Site+"/"+r.Key.ID, r.Data)
	if err != nil {
		o.t.Fatal(err)
	}
	var s consent.Subscription
	if err := json.Unmarshal(plain, &s); err != nil {
		o.t.Fatal(err)
	}
	if len(s.Requests) != 1 {
		o.t.Fatalf("%d requests, want 1", len(s.Requests))
	}
	return s.Requests[0]
}

// sends tries an entry and wants it delivered.
func (o *office) sends(e store.Job) {
	o.t.Helper()
	if settled, err := o.Run(o.t.Context(), e); !settled || err != nil {
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

// logged are the lines of the log with a message.
func (o *office) logged(msg string) (all []map[string]any) {
	o.t.Helper()
	for line := range strings.Lines(o.logs.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			o.t.Fatal(err)
		}
		if m["msg"] == msg {
			all = append(all, m)
		}
	}
	return all
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
