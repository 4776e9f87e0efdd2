package confirm_test

import (
	"bytes"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

var (
	start = time.Date(2026, 11, 21, 18, 2, 11, 402e6, time.UTC)
	terms = consent.Terms{
		TTL:              48 * time.Hour,
		EmailsPerAddress: []store.Limit{{N: 1, Per: 10 * time.Minute}, {N: 3, Per: 24 * time.Hour}},
	}
)

// reminded are terms with a reminder.
func reminded() consent.Terms {
	t := terms
	t.RemindAfter = 24 * time.Hour
	return t
}

// endpoint is the queue of the events of the one endpoint of the gazette.
const endpoint = store.QueueName("webhook/gazette/0")

// env is a Service on a real store, with a clock that the test moves.
type env struct {
	*confirm.Service
	t     *testing.T
	store store.Store
	surge *surge.Surge
	ring  *keyring.Keyring
	mu    sync.Mutex
	now   time.Time
}

func newEnv(t *testing.T) *env { return open(t, filepath.Join(t.TempDir(), "optin.db"), "s") }

// newEnvWith is newEnv with other options.
func newEnvWith(t *testing.T, change func(*confirm.Options)) *env {
	t.Helper()
	return openWith(t, filepath.Join(t.TempDir(), "optin.db"), change, "s")
}

func open(t *testing.T, path string, secrets ...string) *env {
	t.Helper()
	return openWith(t, path, func(*confirm.Options) {}, secrets...)
}

func openWith(t *testing.T, path string, change func(*confirm.Options), secrets ...string) *env {
	t.Helper()
	env := &env{t: t, now: start}
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Now: env.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	var keys [][]byte
	for _, s := range secrets {
		keys = append(keys, bytes.Repeat([]byte(s), 32))
	}
	ring, err := keyring.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	env.store, env.ring = st, ring
	env.surge = surge.New(surge.Options{Store: st, Now: env.clock, Sites: map[string]surge.Site{"gazette": {}}})
	o := confirm.Options{
		Store: st, Keyring: ring, PublicURL: &url.URL{Scheme: "https", Host: "confirm.example"},
		Now: env.clock, Surge: env.surge,
		Sites: []confirm.Site{{
			ID: "gazette", Locales: []string{"fr", "en"}, Terms: terms, EventQueues: []store.QueueName{endpoint},
			Purposes: []confirm.Purpose{
				{ID: "letter", Text: map[string]string{"fr": "La lettre", "en": "The letter"}},
				{ID: "offers", Text: map[string]string{"fr": "Les offres", "en": "The offers"}},
			},
		}},
	}
	change(&o)
	if env.Service, err = confirm.New(o); err != nil {
		t.Fatal(err)
	}
	if err := env.PutStatements(t.Context()); err != nil {
		t.Fatal(err)
	}
	return env
}

func mustParse(s string) address.Address {
	a, err := address.Parse(s)
	if err != nil {
		panic(err)
	}
	return a
}

func (env *env) clock() time.Time { env.mu.Lock(); defer env.mu.Unlock(); return env.now }

func (env *env) later(by time.Duration) { env.mu.Lock(); env.now = env.now.Add(by); env.mu.Unlock() }

func signupOf(email string, purposes ...string) confirm.Signup {
	return confirm.Signup{
		Address: mustParse(email), Purposes: purposes, Locale: "fr",
		Evidence: consent.Evidence{IP: "192.0.2.7", How: consent.ByForm},
	}
}

// signUp signs an address up at the gazette.
func (env *env) signUp(email string, purposes ...string) {
	env.t.Helper()
	if err := env.Person.SignUp(env.t.Context(), "gazette", signupOf(email, purposes...)); err != nil {
		env.t.Fatal(err)
	}
}

// lease leases the n jobs of a queue that are due.
func (env *env) lease(queue store.QueueName, n int) []store.Job {
	env.t.Helper()
	jobs, err := env.store.Lease(env.t.Context(), queue, 100, time.Minute)
	if err != nil || len(jobs) != n {
		env.t.Fatalf("%d jobs in %s, %v; want %d", len(jobs), queue, err, n)
	}
	return jobs
}

// emailJobs leases the email jobs that were not tried yet.
func (env *env) emailJobs() (all []store.Job) {
	env.t.Helper()
	for _, queue := range confirm.EmailQueues() {
		jobs, err := env.store.Lease(env.t.Context(), queue, 1000, time.Minute)
		if err != nil {
			env.t.Fatal(err)
		}
		all = append(all, jobs...)
	}
	return all
}

// emails leases the jobs of the n emails that are due, and completes the jobs whose email is not.
func (env *env) emails(n int) (due []store.Job) {
	env.t.Helper()
	for _, job := range env.emailJobs() {
		switch _, err := env.Relay.Message(env.t.Context(), job); {
		case err == nil:
			due = append(due, job)
		case !errors.Is(err, confirm.ErrNotDue):
			env.t.Fatal(err)
		default:
			if err := env.store.End(env.t.Context(), job, store.Complete()); err != nil {
				env.t.Fatal(err)
			}
		}
	}
	if len(due) != n {
		env.t.Fatalf("%d emails are due, want %d", len(due), n)
	}
	return due
}

// email delivers the one email that is due, and returns what it says.
func (env *env) email() confirm.Message {
	env.t.Helper()
	_, m := env.emailOf()
	return m
}

// emailOf is email, with its job.
func (env *env) emailOf() (store.Job, confirm.Message) {
	env.t.Helper()
	job := env.emails(1)[0]
	m, err := env.Relay.Message(env.t.Context(), job)
	if err != nil {
		env.t.Fatal(err)
	}
	d := consent.Delivery{Reply: "250 ok", SHA256: "00", Unsigned: "00"}
	if err := env.Relay.Delivered(env.t.Context(), job, nil, d); err != nil {
		env.t.Fatal(err)
	}
	return job, m
}

// tokenOf returns the token of a link.
func tokenOf(url string) string { return url[strings.LastIndex(url, "/")+1:] }

func (env *env) confirm(signed string) (confirm.View, error) {
	return env.Person.Confirm(env.t.Context(), signed, nil, consent.Evidence{How: consent.ByLink})
}

func (env *env) state(email string) consent.State {
	env.t.Helper()
	st, err := env.Website.Lookup(env.t.Context(), "gazette", mustParse(email))
	if errors.Is(err, store.ErrNotFound) {
		return ""
	}
	if err != nil {
		env.t.Fatal(err)
	}
	return st.State
}

func (env *env) id(email string) string {
	env.t.Helper()
	st, err := env.Website.Lookup(env.t.Context(), "gazette", mustParse(email))
	if err != nil {
		env.t.Fatal(err)
	}
	return st.ID
}

// opened returns what a record holds.
func (env *env) opened(r store.Record) (s consent.Subscription) {
	env.t.Helper()
	plain, err := env.ring.Open(r.Key.Site+"/"+r.Key.ID, r.Data)
	if err == nil {
		s, err = confirm.DecodeSubscription(plain, r.Key.Site)
	}
	if err != nil {
		env.t.Fatal(err)
	}
	return s
}
