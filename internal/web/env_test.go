package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/bounce"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/openapi/contract"
	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/receipt"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web/api"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
	"github.com/optin/optin/templates"
)

const (
	publicURL  = "https://confirm.example"
	clientIP   = "198.51.100.20" // of who sends a request
	gazetteKey = "optin_key_of_the_gazette"
	readKey    = "optin_key_that_reads"
	writeKey   = "optin_key_that_writes"
	clubKey    = "optin_key_of_the_club"
	ownerKey   = "optin_key_of_the_operator"
	signupPath = "/v1/sites/gazette/subscriptions"
)

// clock is the time of everything in a test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// log is what was written to the log, for many goroutines.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(b) }
func (l *log) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// env is a server on a real connection with real rules, pages and store.
type env struct {
	*testing.T
	clock   *clock
	store   *sqlite.Store
	says    *atomic.Pointer[error] // what the store says of itself; nil: it is ready
	service *confirm.Service
	web     *app
	http    *httptest.Server
	log     *log
}

// say has the store say of itself that it is not ready, or with nil that it is.
func (e *env) say(err error) { e.says.Store(&err) }

func (e *env) ready() error {
	if err := e.says.Load(); err != nil {
		return *err
	}
	return nil
}

// newEnv starts one; change may alter its options.
func newEnv(t *testing.T, change ...func(*Options)) *env {
	t.Helper()
	e := &env{T: t, clock: &clock{at: time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)}, log: &log{},
		says: &atomic.Pointer[error]{}}
	var err error
	e.store, err = sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(t.TempDir(), "optin.db"), Durability: store.DurabilityNone, Now: e.clock.now,
	})
	must(t, err)
	t.Cleanup(func() { _ = e.store.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte("k"), 32))
	must(t, err)
	pages, err := allPages()
	must(t, err)
	o := Options{
		Store: e.store, Ready: e.ready, Keyring: ring, Pages: pages, Sites: shown(), PublicURL: parseURL(publicURL),
		Now:            e.clock.now,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Undeliverable:  func(_ context.Context, domain string) bool { return domain == "nomail.example" },
		Log:            slog.New(slog.NewJSONHandler(e.log, nil)),
	}
	e.service = serviceWith(t, o, rules())
	o.Service = e.service
	o.Work, o.Surge = easyWork(t, o), surgeOf(&o, surge.Site{Policy: surge.ChallengeNever})
	o.Bounces, o.OperatorKeys = bounce.New(bounce.Options{
		Service: e.service, Senders: senders(), Cells: e.store, Log: o.Log,
	}), []APIKey{{sha256.Sum256([]byte(ownerKey)), ScopeBoth}}
	for _, c := range change {
		c(&o)
	}
	o.Webhooks = endpointsOf(t, o, e.store)
	o.Audit = audit.New(audit.Options{
		Records: e.store, Keyring: o.Keyring, Keep: 24 * time.Hour, Now: o.Now, Rand: rand.Reader,
	})
	e.web, err = newApp(o)
	must(t, err)
	e.http = httptest.NewUnstartedServer(nil)
	e.http.Config = HTTPServer("", e.web.echo)
	e.http.Start()
	t.Cleanup(e.http.Close)
	return e
}

// serviceWith returns a service of these sites over a web's store, with its keys and clock; change may alter its
// options.
func serviceWith(t testing.TB, o Options, sites []confirm.Site, change ...func(*confirm.Options)) *confirm.Service {
	t.Helper()
	of := confirm.Options{
		Store: o.Store.(store.Store), Keyring: o.Keyring, PublicURL: o.PublicURL, Sites: sites, Now: o.Now,
		Receipts: confirm.Receipts{Keys: receiptKeys(t)},
	}
	for _, c := range change {
		c(&of)
	}
	s, err := confirm.New(of)
	must(t, err)
	return s
}

// receiptKeys are a key for receipts.
func receiptKeys(t testing.TB) receipt.Keys {
	t.Helper()
	keys, err := receipt.ParseKeys([]byte(`-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
`))
	must(t, err)
	return keys
}

// parseURL parses a URL that a test writes down.
func parseURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}

// surgeOf watches every site in the same way.
func surgeOf(o *Options, site surge.Site) *surge.Surge {
	all := map[string]surge.Site{}
	for _, r := range rules() {
		all[r.ID] = site
	}
	return surge.New(surge.Options{Store: o.Store.(surge.Store), Sites: all, Now: o.Now})
}

// endpointsOf are the webhooks of a service's sites.
func endpointsOf(t *testing.T, o Options, st store.Store) *webhook.Endpoints {
	t.Helper()
	all, err := webhook.NewEndpoints(webhook.EndpointsOptions{
		Sites: o.Service.Sites(), Queue: st, Cells: st, Open: o.Service.Website.OpenEvent, Sealer: o.Keyring,
		Now: o.Now,
	})
	must(t, err)
	return all
}

// allPages is parsed once for all tests.
var allPages = sync.OnceValues(templates.New)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// send sends a request whose headers are pairs of name and value, and follows nothing.
func (e *env) send(method, path, body string, headers ...string) answer {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), method, e.http.URL+path, strings.NewReader(body))
	must(e, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	if !slices.Contains(headers, "X-Forwarded-For") && !slices.Contains(headers, "Forwarded") {
		req.Header.Set("X-Forwarded-For", clientIP) // as the proxy does
	}
	res, err := e.http.Client().Transport.RoundTrip(req)
	must(e, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(e, err)
	a := answer{res.StatusCode, res.Header, string(b)}
	a.asDescribed(e, method, path)
	return a
}

// signUp signs an address up by JSON.
func (e *env) signUp(email string) {
	e.Helper()
	a := e.send("POST", signupPath, `{"email":"`+email+`","consent":true}`, "Content-Type", request.MediaJSON)
	if a.status != http.StatusAccepted {
		e.Fatalf("signup: %d %s", a.status, a.body)
	}
}

// hosted is what a browser sends of a site's own signup page where a person has filled in fields (a query), which takes
// a moment.
func (e *env) hosted(site, fields string) string {
	e.Helper()
	form := e.send("GET", "/s/"+site, "").formOf(e)
	typed, err := url.ParseQuery(fields)
	must(e, err)
	maps.Copy(form, typed)
	e.clock.pass(defaultFill)
	return form.Encode()
}

// emails are the emails that are due now; their jobs are completed.
func (e *env) emails() (all []confirm.Message) {
	e.Helper()
	for _, queue := range append(confirm.EmailQueues(), confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent) {
		jobs, err := e.store.Lease(e.Context(), queue, 100, time.Minute)
		must(e, err)
		for _, job := range jobs {
			d, err := e.service.Relay.Message(e.Context(), job)
			if errors.Is(err, confirm.ErrNotDue) {
				must(e, e.store.End(e.Context(), job, store.Complete()))
				continue
			}
			must(e, err)
			delivery := consent.Delivery{Reply: "250 ok"}
			must(e, e.service.Relay.Delivered(e.Context(), job, nil, delivery))
			all = append(all, d)
		}
	}
	return all
}

// email is the one email that is due.
func (e *env) email() confirm.Message {
	e.Helper()
	all := e.emails()
	if len(all) != 1 {
		e.Fatalf("%d emails are due, want one", len(all))
	}
	return all[0]
}

// path is a link without its host.
func (e *env) path(link string) string {
	e.Helper()
	p, ok := strings.CutPrefix(link, publicURL)
	if !ok {
		e.Fatalf("the link %q is not under the public URL", link)
	}
	return p
}

// route is one method of one path.
type route struct{ method, pattern string }

// routes are all routes, with patterns spelt as in the description of the API.
func (e *env) routes() (all []route) {
	for _, r := range e.web.echo.Routes() {
		all = append(all, route{r.Method, e.web.patterns[r.Path]})
	}
	return all
}

// key is the key that a route takes; empty: none. TestEveryRouteIsDescribedAndEveryDescribedOneExists holds the
// description to that.
func (r route) key() string {
	method := r.method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	security, _ := contract.Operations()[method+" "+spelled(r.pattern)]["security"].([]any)
	switch {
	case len(security) != 1: // with two, a key is optional
		return ""
	case r.pattern == bouncesPath:
		return ownerKey
	}
	return gazetteKey
}

// most is the size of the largest body that a route takes.
func (r route) most() int {
	switch r.pattern {
	case "/v1/sites/{site}/lookup":
		return api.MaxLookupBody
	case bouncesPath:
		return bounce.MaxMessage
	}
	return MaxBody
}

// state is where an address stands at the gazette; empty if nothing is known.
func (e *env) state(email string) consent.State {
	e.Helper()
	a, err := address.Parse(email)
	must(e, err)
	st, err := e.service.Website.Lookup(e.Context(), "gazette", a)
	if err != nil {
		return ""
	}
	return st.State
}

// untouched checks that nothing is stored and no email is due.
func (e *env) untouched() {
	e.Helper()
	for site := range shown() {
		p, err := e.store.List(e.Context(), store.Query{Site: site})
		must(e, err)
		if len(p.Records) > 0 {
			e.Errorf("%d records are stored at %s, want none", len(p.Records), site)
		}
	}
	if n := len(e.emails()); n > 0 {
		e.Errorf("%d emails are due, want none", n)
	}
}

func rules() []confirm.Site {
	terms := consent.Terms{TTL: 48 * time.Hour, EmailsPerAddress: []store.Limit{{N: 1, Per: 10 * time.Minute}}}
	purpose := func(id string) confirm.Purpose {
		return confirm.Purpose{
			ID: id, Revision: 1, Text: map[string]string{"en": "Receive " + id, "fr": "Recevoir " + id},
		}
	}
	site := func(id, name string, locales []string, purposes ...confirm.Purpose) confirm.Site {
		return confirm.Site{
			ID: id, Name: name, Locales: locales, Purposes: purposes, Terms: terms,
			Forms:      map[string]bool{"footer": true},
			Controller: statement.Controller{Name: name + " SAS", Contact: "privacy@" + id + ".example", Country: "FR"},
			Notice:     &statement.Notice{URL: "https://" + id + ".example/privacy"},
		}
	}
	return []confirm.Site{
		site("gazette", "La Gazette", []string{"en", "fr"}, purpose("letter")),
		site("club", "Le Club", []string{"fr", "en"}, purpose("news"), purpose("offers")),
	}
}

func shown() map[string]Site {
	show := func(id, name string) templates.Site {
		return templates.Site{ID: id, Name: name, URL: "https://" + id + ".example",
			Controller: templates.Controller{Name: name + " SAS"}}
	}
	return map[string]Site{
		"gazette": {
			Show: show("gazette", "La Gazette"), Locales: []string{"en", "fr"},
			Origins:   []origin.Origin{"https://gazette.example"},
			Redirects: []*url.URL{parseURL("https://gazette.example/thanks/")},
			APIKeys: []APIKey{
				{sha256.Sum256([]byte(gazetteKey)), ScopeBoth}, {sha256.Sum256([]byte(readKey)), ScopeRead},
				{sha256.Sum256([]byte(writeKey)), ScopeWrite},
			},
		},
		"club": {
			Show: show("club", "Le Club"), Locales: []string{"fr", "en"},
			Origins: []origin.Origin{"https://club.example"},
			APIKeys: []APIKey{{sha256.Sum256([]byte(clubKey)), ScopeBoth}},
		},
	}
}
