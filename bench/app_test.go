package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/redis"
	"github.com/optin/optin/store/sqlite"
	"github.com/optin/optin/templates"
)

// app is optin inside the test, where what it allocates and asks of the store can be counted. It is put together as
// cmd/optin does it.
type app struct {
	testing.TB
	store   *countedStore
	redis   *redisServer // nil: it is on SQLite
	file    string       // of SQLite
	relay   *relayServer
	service *confirm.Service
	mailer  *mailer.Mailer
	handler http.Handler
	outbox  *outbox.Outbox
	ended   atomic.Int64 // jobs
	people  int          // who have signed up so far
}

// onEachStore runs a test with the app on SQLite and on Redis.
func onEachStore(t *testing.T, f func(t *testing.T, a *app)) {
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "optin.db")
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: file, Deadline: time.Minute})
		must(t, err)
		a := newApp(t, st)
		a.file = file
		f(t, a)
	})
	t.Run("Redis", func(t *testing.T) {
		server := startRedis(t, "everysec")
		st, err := redis.Open(t.Context(), redis.Options{Budget: 30 * time.Second, Location: store.Location{
			Scheme: "redis", Hosts: []string{server.addr}, Durability: store.DurabilityEverySec,
		}})
		must(t, err)
		a := newApp(t, st)
		a.redis = server
		f(t, a)
	})
}

func newApp(t testing.TB, st store.Store) *app {
	t.Helper()
	t.Cleanup(func() { _ = st.Close() })
	a := &app{TB: t, store: &countedStore{store: st}, relay: startRelay(t)}
	ring, err := keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret))
	must(t, err)
	pages, err := templates.New()
	must(t, err)
	public := &url.URL{Scheme: "https", Host: "confirm.gazette.example"}
	watch := surge.New(surge.Options{Store: a.store, Sites: map[string]surge.Site{"gazette": {NormalSignups: 20_000}}})
	a.service, err = confirm.New(confirm.Options{
		Store: a.store, Keyring: ring, PublicURL: public, Sites: []confirm.Site{serviceSite()}, Surge: watch,
		EmailsPerMailbox: []store.Limit{{N: 5, Per: 24 * time.Hour}},
		Emails:           []store.Limit{{N: 100_000, Per: time.Minute}},
		Enqueued:         func(q store.QueueName) { a.outbox.Wake(q) },
	})
	must(t, err)
	must(t, a.service.PutStatements(t.Context()))
	a.openWeb(ring, pages, public, watch)
	a.openOutbox(pages)
	return a
}

// serviceSite returns the site of the program's configuration.
func serviceSite() confirm.Site {
	return confirm.Site{
		ID: "gazette", Name: "La Gazette", Locales: []string{"fr", "en"},
		Controller: statement.Controller{Name: "La Gazette SAS", Address: "1 rue des Exemples, 75000 Paris",
			Contact: "vie-privee@gazette.example", Country: "FR"},
		Notice: &statement.Notice{URL: "https://gazette.example/vie-privee"},
		Terms: consent.Terms{
			TTL:              48 * time.Hour,
			EmailsPerAddress: []store.Limit{{N: 1, Per: 10 * time.Minute}, {N: 3, Per: 24 * time.Hour}},
		},
		EmailsPerSite: []store.Limit{{N: 100_000, Per: time.Minute}},
		Purposes: []confirm.Purpose{{ID: "letter", Revision: 1, Text: map[string]string{
			"fr": "Recevoir la lettre mensuelle de La Gazette", "en": "Receive the monthly letter of La Gazette",
		}}},
	}
}

// shownSite returns the site as people see it.
func shownSite() templates.Site {
	return templates.Site{ID: "gazette", Name: "La Gazette", URL: "https://gazette.example",
		Controller: templates.Controller{Name: "La Gazette SAS", Address: "1 rue des Exemples, 75000 Paris",
			Contact: "vie-privee@gazette.example", PrivacyURL: "https://gazette.example/vie-privee"}}
}

func (a *app) openWeb(ring *keyring.Keyring, pages *templates.Set, public *url.URL, watch *surge.Surge) {
	endpoints, err := webhook.NewEndpoints(webhook.EndpointsOptions{
		Sites: a.service.Sites(), Queue: a.store, Cells: a.store, Open: a.service.Website.OpenEvent,
	})
	must(a, err)
	a.handler, err = web.New(web.Options{
		Audit:   audit.New(audit.Options{Records: a.store, Keyring: ring, Keep: 24 * time.Hour, Rand: rand.Reader}),
		Ready:   func() error { return nil },
		Service: a.service, Webhooks: endpoints, Store: a.store, Surge: watch, Keyring: ring, Pages: pages,
		PublicURL: public, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Log: slog.New(slog.NewJSONHandler(discard{}, nil)),
		Sites: map[string]web.Site{"gazette": {
			Show: shownSite(), Locales: []string{"fr", "en"}, Origins: []origin.Origin{"https://gazette.example"},
			APIKeys: []web.APIKey{{Sum: sha256.Sum256([]byte(apiKey)), Scope: web.ScopeRead | web.ScopeWrite}},
			Limits: web.Limits{SignupsPerIP: []store.Limit{{N: 10, Per: time.Minute}},
				SignupsPerNetwork: []store.Limit{{N: 100, Per: time.Minute}}},
		}},
	})
	must(a, err)
}

// discard is where log lines go, unlike io.Discard after they were made.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// openOutbox makes the outbox, which does not run yet.
func (a *app) openOutbox(pages *templates.Set) {
	at, err := relay.Parse("smtp://" + a.relay.addr + "?tls=off")
	must(a, err)
	_, key, err := ed25519.GenerateKey(nil)
	must(a, err)
	log := slog.New(slog.NewJSONHandler(discard{}, nil))
	a.mailer, err = mailer.New(mailer.Options{
		Service: a.service, Pages: pages, Relays: []relay.Address{at}, Log: log, Keep: a.store.PutText,
		Connections: connections, DKIM: []mailer.DKIM{{Domain: "gazette.example", Selector: "optin", Key: key}},
		Sites: map[string]mailer.Site{"gazette": {
			From: netmail.Address{Name: "La Gazette", Address: "bonjour@gazette.example"}, Show: shownSite(),
		}},
	})
	must(a, err)
	a.Cleanup(func() { _ = a.mailer.Close() })
	a.outbox, err = outbox.New(outbox.Options{
		Store: a.store, Log: log, Poll: time.Hour, // whatever is enqueued wakes it
		Pools: []outbox.Pool{{
			Queues: confirm.EmailQueues(), Run: a.mailer.Run, Prepare: a.service.Relay.ReadAhead,
			Timeout: mailer.MaxDuration, Waits: mailer.Waits(), RepeatLast: true, Paused: a.mailer.PausedFor,
			Workers: 2 * connections, PerQueue: connections,
		}},
		Observe: func(store.Job, outbox.Outcome, time.Duration) { a.ended.Add(1) },
	})
	must(a, err)
}

// work runs the outbox until the returned function is called.
func (a *app) work() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { a.outbox.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

// do has the app handle a request.
func (a *app) do(request *http.Request, status int) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	a.handler.ServeHTTP(recorder, request)
	if recorder.Code != status {
		a.Fatalf("%s %s: %d: %.300s", request.Method, request.URL.Path, recorder.Code, recorder.Body)
	}
	return recorder
}

// parsed returns a request as a server gets it.
func (a *app) parsed(request []byte) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	must(a, err)
	r.RemoteAddr = "127.0.0.1:1"
	return r
}

// newSignup returns the request of a new person.
func (a *app) newSignup() *http.Request {
	a.people++
	return a.parsed(signupOf(signupPath, a.people-1))
}

// signUp has n new people sign up, several at a time.
func (a *app) signUp(n int) {
	requests := make(chan *http.Request, n)
	for range n {
		requests <- a.newSignup()
	}
	close(requests)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for r := range requests {
				a.do(r, http.StatusAccepted)
			}
		})
	}
	all.Wait()
}
