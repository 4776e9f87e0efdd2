package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/bounce"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
	"github.com/optin/optin/templates"
)

const (
	publicURL  = "https://confirm.example"
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

// world is a server on a real connection with real rules, pages and store.
type world struct {
	*testing.T
	clock *clock
	store *sqlite.Store
	desk  *confirm.Service
	web   *Server
	http  *httptest.Server
	log   *log
}

// newWorld starts one; change may alter its options.
func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	w := &world{T: t, clock: &clock{at: time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)}, log: &log{}}
	var err error
	w.store, err = sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(t.TempDir(), "optin.db"), Durability: sqlite.None, Now: w.clock.now,
	})
	must(t, err)
	t.Cleanup(func() { _ = w.store.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte("k"), 32))
	must(t, err)
	w.desk, err = confirm.New(confirm.Options{
		Store: w.store, Keyring: ring, PublicURL: publicURL, Sites: rules(), Now: w.clock.now,
	})
	must(t, err)
	pages, err := allPages()
	must(t, err)
	public, _ := url.Parse(publicURL)
	o := Options{
		Service: w.desk, Store: w.store, Keyring: ring, Pages: pages, Sites: shown(), PublicURL: public, Now: w.clock.now,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Undeliverable:  func(_ context.Context, domain string) bool { return domain == "nomail.example" },
		Log:            slog.New(slog.NewJSONHandler(w.log, nil)),
	}
	o.Work = easyWork(t, o)
	o.Bounces, o.OperatorKeys = bounce.New(w.desk, senders()), []APIKey{{sha256.Sum256([]byte(ownerKey)), ScopeBoth}}
	for _, c := range change {
		c(&o)
	}
	o.Webhooks = endpointsOf(t, o.Service)
	w.web, err = New(o)
	must(t, err)
	w.http = httptest.NewUnstartedServer(nil)
	w.http.Config = HTTPServer("", w.web.Handler())
	w.http.Start()
	t.Cleanup(w.http.Close)
	return w
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
func (w *world) send(method, path, body string, headers ...string) answer {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.http.URL+path, strings.NewReader(body))
	must(w, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := w.http.Client().Transport.RoundTrip(req)
	must(w, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(w, err)
	a := answer{res.StatusCode, res.Header, string(b)}
	a.asDescribed(w, method, path)
	return a
}

// signUp signs an address up by JSON.
func (w *world) signUp(email string) {
	w.Helper()
	a := w.send("POST", signupPath, `{"email":"`+email+`","consent":true}`, "Content-Type", mediaJSON)
	if a.status != http.StatusAccepted {
		w.Fatalf("signup: %d %s", a.status, a.body)
	}
}

// hosted is what a browser sends of a site's own signup page where a person has filled in fields (a query), which takes a moment.
func (w *world) hosted(site, fields string) string {
	w.Helper()
	form := w.send("GET", "/s/"+site, "").formOf(w)
	typed, err := url.ParseQuery(fields)
	must(w, err)
	maps.Copy(form, typed)
	w.clock.pass(defaultFill)
	return form.Encode()
}

// letters are the letters that are owed now; they are settled.
func (w *world) letters() (all []confirm.Message) {
	w.Helper()
	for _, lane := range append(confirm.EmailQueues(), confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent) {
		entries, err := w.store.Lease(w.Context(), lane, 100, time.Minute)
		must(w, err)
		for _, e := range entries {
			d, err := w.desk.Message(w.Context(), e)
			must(w, err)
			must(w, w.store.End(w.Context(), e, store.Complete()))
			all = append(all, d)
		}
	}
	return all
}

// letter is the one letter that is owed.
func (w *world) letter() confirm.Message {
	w.Helper()
	all := w.letters()
	if len(all) != 1 {
		w.Fatalf("%d letters are owed, want one", len(all))
	}
	return all[0]
}

// path is a link without its host.
func (w *world) path(link string) string {
	w.Helper()
	p, ok := strings.CutPrefix(link, publicURL)
	if !ok {
		w.Fatalf("the link %q is not under the public URL", link)
	}
	return p
}

// keyFor is the key that a route for servers takes.
func keyFor(rt route) string {
	if rt.operator {
		return ownerKey
	}
	return gazetteKey
}

// state is where an address stands at the gazette; empty if nothing is known.
func (w *world) state(email string) consent.State {
	w.Helper()
	a, err := address.Parse(email)
	must(w, err)
	st, err := w.desk.Lookup(w.Context(), "gazette", a)
	if err != nil {
		return ""
	}
	return st.State
}

// untouched checks that nothing is stored and no letter is owed.
func (w *world) untouched() {
	w.Helper()
	for site := range shown() {
		p, err := w.store.List(w.Context(), store.Query{Site: site})
		must(w, err)
		if len(p.Records) > 0 {
			w.Errorf("%d records are stored at %s, want none", len(p.Records), site)
		}
	}
	if n := len(w.letters()); n > 0 {
		w.Errorf("%d letters are owed, want none", n)
	}
}

// endpointsOf are the webhooks of a service's sites.
func endpointsOf(t *testing.T, s *confirm.Service) *webhook.Endpoints {
	t.Helper()
	all, err := webhook.NewEndpoints(webhook.EndpointsOptions{Sites: s.Sites, Queue: s.Store, Cells: s.Store, Open: s.OpenEvent})
	must(t, err)
	return all
}
