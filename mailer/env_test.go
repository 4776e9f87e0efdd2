package mailer_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
	"github.com/optin/optin/templates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// env is everything from a signup to the relay.
type env struct {
	*confirm.Service
	*mailer.Mailer
	t        *testing.T
	store    store.Store
	surge    *surge.Surge
	ring     *keyring.Keyring
	logs     *childtest.Buffer
	leaseFor time.Duration

	mu  sync.Mutex
	now time.Time
}

func (env *env) clock() time.Time {
	env.mu.Lock()
	defer env.mu.Unlock()
	return env.now
}

func (env *env) advance(d time.Duration) {
	env.mu.Lock()
	defer env.mu.Unlock()
	env.now = env.now.Add(d)
}

// site returns a website whose texts are in two languages.
func site(id string) confirm.Site {
	return confirm.Site{
		ID: id, Locales: []string{"fr", "en"},
		Terms: consent.Terms{
			TTL: 48 * time.Hour, EmailsPerAddress: []store.Limit{{N: 50, Per: 24 * time.Hour}},
			Validity: consent.Validity{For: 730 * 24 * time.Hour, RenewBefore: 30 * 24 * time.Hour},
		},
		Purposes: []confirm.Purpose{{ID: "letter", Text: map[string]string{
			"fr": "Recevoir la lettre mensuelle de La Gazette", "en": "Receive the monthly letter of La Gazette",
		}}},
	}
}

// allPages are made once: hundreds of tests need them, and nothing changes them.
var allPages = sync.OnceValues(templates.New)

func options(t *testing.T, at string) mailer.Options {
	t.Helper()
	pages, err := allPages()
	if err != nil {
		t.Fatal(err)
	}
	return mailer.Options{
		Pages: pages, Relays: []relay.Address{relayAt(t, at)},
		Sites: map[string]mailer.Site{"gazette": {
			From: netmail.Address{Name: "La Gazette", Address: "bonjour@gazette.example"},
			Show: templates.Site{ID: "gazette", Name: "La Gazette", URL: "https://gazette.example",
				Controller: templates.Controller{
					Name: "La Gazette SAS", Address: "1 rue des Exemples, 75000 Paris",
					Contact: "vie-privee@gazette.example",
				}},
		}},
	}
}

// newEnv returns an env whose emails go to a relay at host:port, or at a whole URL.
func newEnv(t *testing.T, at string, change ...func(*mailer.Options)) *env {
	t.Helper()
	return newEnvWithStore(t, at, func(s store.Store) store.Store { return s }, change...)
}

func newEnvWithStore(t *testing.T, at string, wrap func(store.Store) store.Store,
	change ...func(*mailer.Options)) *env {
	t.Helper()
	env := &env{t: t, now: noon, logs: &childtest.Buffer{}, leaseFor: mailer.MaxDuration}
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db"), Now: env.clock,
		Durability: store.DurabilityNone, Deadline: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	env.store = wrap(st)
	if env.ring, err = keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret)); err != nil {
		t.Fatal(err)
	}
	env.surge = surge.New(surge.Options{
		Store: env.store, Now: env.clock, Sites: map[string]surge.Site{"gazette": {}, "herald": {}},
	})
	env.Service, err = confirm.New(confirm.Options{
		Surge: env.surge, Store: env.store, Keyring: env.ring, Now: env.clock,
		PublicURL: &url.URL{Scheme: "https", Host: "confirm.example"},
		Sites:     []confirm.Site{site("gazette"), site("herald")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(at, "://") {
		at = "smtp://" + at
	}
	opts := options(t, at)
	opts.Service, opts.Now, opts.Log = env.Service, env.clock, slog.New(slog.NewJSONHandler(env.logs, nil))
	opts.Keep = env.store.PutText
	for _, f := range change {
		f(&opts)
	}
	if env.Mailer, err = mailer.New(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { env.Close() })
	return env
}

func (env *env) Close() error { return env.Mailer.Close() }

// runError is the result of a job that is not complete, as an error.
type runError struct{ outbox.Result }

func (e runError) Error() string { return e.Err.Error() }
func (e runError) Unwrap() error { return e.Err }

// Run runs a job and reports whether it was ended. The error is a runError.
func (env *env) Run(ctx context.Context, job store.Job) (ended bool, err error) {
	r := env.Mailer.Run(ctx, job)
	if r.Err != nil {
		err = runError{r}
	}
	return r.Ended, err
}

// relayAt returns a relay from a URL: smtp://user:password@host:port?tls=required, or smtps://…; with STARTTLS if it is
// offered by default.
func relayAt(t *testing.T, at string) relay.Address {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(cmp.Or(u.Port(), "587"))
	a := relay.Address{Host: u.Hostname(), Port: port, User: u.User.Username(),
		TLS: relay.TLS(cmp.Or(u.Query().Get("tls"), "offered"))}
	a.Password, _ = u.User.Password()
	if u.Scheme == "smtps" {
		a.TLS = relay.Implicit
	}
	return a
}

// signUp signs an address up at the gazette and leases the job.
func (env *env) signUp(address string) store.Job {
	env.t.Helper()
	return env.signUpAt("gazette", address)
}

func (env *env) signUpAt(site, to string) store.Job {
	env.t.Helper()
	a, err := address.Parse(to)
	if err != nil {
		env.t.Fatal(err)
	}
	signup := confirm.Signup{Address: a, Purposes: []string{"letter"}, Locale: "fr"}
	if err := env.Person.SignUp(env.t.Context(), site, signup); err != nil {
		env.t.Fatal(err)
	}
	return env.lease()
}

func (env *env) lease() store.Job {
	env.t.Helper()
	for _, k := range append(confirm.EmailQueues(), confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent) {
		jobs, err := env.store.Lease(env.t.Context(), k, 1, env.leaseFor)
		if err != nil {
			env.t.Fatal(err)
		}
		if len(jobs) == 1 {
			return jobs[0]
		}
	}
	env.t.Fatal("no email is due; want 1")
	return store.Job{}
}

// queueOf returns the queue that an error asks for; empty if it asks for none.
func queueOf(err error) store.QueueName {
	var e runError
	errors.As(err, &e)
	return e.Queue
}

// waitOf returns the delay that an error asks for; -1 if it asks for none.
func waitOf(err error) time.Duration {
	var e runError
	if errors.As(err, &e) && e.Wait != 0 {
		return e.Wait
	}
	return -1
}

// notBeforeOf returns the least delay that an error asks for; -1 if it asks for none.
func notBeforeOf(err error) time.Duration {
	var e runError
	if errors.As(err, &e) && e.NotBefore != 0 {
		return e.NotBefore
	}
	return -1
}

// retry retries a job as an outbox does after err, lets the time pass that it asks for, and leases the job again.
func (env *env) retry(job store.Job, err error) store.Job {
	env.t.Helper()
	wait, queue := time.Minute, confirm.QueueEmailRetry
	if q := queueOf(err); q != "" {
		queue = q
	}
	if d := waitOf(err); d > 0 {
		wait = d
	}
	wait = max(wait, notBeforeOf(err))
	if err := env.store.End(env.t.Context(), job, store.Move(queue, env.clock().Add(wait))); err != nil {
		env.t.Fatal(err)
	}
	env.advance(wait)
	next := env.lease()
	if next.ID != job.ID || next.Queue != queue {
		env.t.Fatalf("%s in %s was leased, want %s in %s", next.ID, next.Queue, job.ID, queue)
	}
	return next
}

// isDue reports whether the job was not ended. It gives the job's lease up.
func (env *env) isDue(job store.Job) bool {
	env.t.Helper()
	switch err := env.store.End(context.Background(), job, store.Retry(env.clock())); err {
	case nil:
		return true
	default:
		return false
	}
}

// request returns the only request of a job's subscription.
func (env *env) request(job store.Job) consent.Request {
	env.t.Helper()
	s, err := env.Website.Subscription(env.t.Context(), job.Key.Site, job.Key.ID)
	if err != nil {
		env.t.Fatal(err)
	}
	if len(s.Requests) != 1 {
		env.t.Fatalf("%d requests", len(s.Requests))
	}
	return s.Requests[0]
}

// taken returns what is known of the email of a job's request that a relay took, or nil.
func (env *env) taken(job store.Job) *consent.Delivery { return taken(env.request(job)) }

func taken(r consent.Request) *consent.Delivery { return r.Emails[len(r.Emails)-1].Taken }

// deliver runs a job and fails the test unless its email is delivered.
func (env *env) deliver(job store.Job) {
	env.t.Helper()
	if ended, err := env.Run(env.t.Context(), job); !ended || err != nil {
		env.t.Fatalf("ended %v, %v; want a delivery", ended, err)
	}
}

// lastLog returns the last line of the log.
func (env *env) lastLog() (m map[string]any) {
	env.t.Helper()
	lines := strings.Split(strings.TrimSpace(env.logs.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &m); err != nil {
		env.t.Fatal(err)
	}
	return m
}

// logged returns the lines of the log with a message.
func (env *env) logged(msg string) (all []map[string]any) {
	env.t.Helper()
	for line := range strings.Lines(env.logs.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			env.t.Fatal(err)
		}
		if m["msg"] == msg {
			all = append(all, m)
		}
	}
	return all
}

// noSecrets fails the test if there is something personal in the log or in an error.
func (env *env) noSecrets(err error) {
	env.t.Helper()
	said := env.logs.String() + fmt.Sprintf("%v %+v", err, err)
	for _, secret := range []string{"ada.lovelace", "/c/", "/u/", "eyJhbGciOi", "hunter2"} {
		if strings.Contains(said, secret) {
			env.t.Errorf("%q is disclosed: %s", secret, said)
		}
	}
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("timed out waiting for " + what)
		}
	}
}
