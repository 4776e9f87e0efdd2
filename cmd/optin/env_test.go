package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/inbox"
	"github.com/optin/optin/templates"
)

const (
	testKey    = "gazette-api-key-for-tests"
	testSecret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="
	hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// env is what a test needs around optin: a relay with an inbox, the address of a store, a configuration.
type env struct {
	t            *testing.T
	mail         *inbox.Inbox
	store        string
	listen       string        // host:port of the public URL
	configPath   string        // path
	siteYAML     string        // YAML added to the site
	endpoint     *endpoint     // of the site, if siteYAML has it
	topYAML      string        // YAML added at the top level
	redis        *redisChild   // the server of store, where a test puts other files under it
	leaseFor     time.Duration // of the leases of jobs; the default if zero
	finish       time.Duration // for jobs at a stop; the default if zero
	openFiles    int           // how many a spawned process may have open; as many as the test if zero
	relayAddr    string        // the relay's address, if it is not the inbox
	connections  int           // connections to the relay; 4 if zero
	perAddress   string        // limit of emails to one address; the default if empty
	signupsPerIP string        // signups by one IP; many if empty
	perSite      string        // limit of emails of the site; high if empty
	challenge    string        // who is asked for a challenge; nobody if empty
	edits        []string      // texts of the configuration, each followed by what takes its place
}

// onEachStore runs a test with SQLite and with a real redis-server, at the same time, when the function that calls it
// has returned.
func onEachStore(t *testing.T, f func(t *testing.T, e *env)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(t, newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db")))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		f(t, newEnv(t, redisServer(t).url()))
	})
}

func newEnv(t *testing.T, store string) *env {
	t.Helper()
	mail, err := inbox.Open("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mail.Close() })
	return &env{t: t, mail: mail, store: store, listen: childtest.FreeAddr(t),
		configPath: filepath.Join(t.TempDir(), "optin.yaml"), relayAddr: mail.Addr()}
}

// yaml returns the configuration. listen may differ from the public address when several processes serve one site.
func (e *env) yaml(listen string) string {
	top := e.topYAML
	if !strings.Contains(top, "limits:") {
		top += "limits: {emails_per_domain: 100000/1m}\n" // tests sign up crowds at one domain
	}
	return strings.NewReplacer(e.edits...).Replace(fmt.Sprintf(`listen: %s
public_url: http://%s
drain: 0s
secret: %s
store: %s
smtp: {url: "smtp://%s?tls=off", connections: %d}
admin: {password: a-password-for-tests}
%ssites:
  - id: gazette
    name: La Gazette
    url: https://gazette.example
    from: "La Gazette <bonjour@gazette.example>"
    controller: {name: La Gazette SAS, address: "1 rue des Exemples, 75000 Paris", contact: vie-privee@gazette.example, privacy_url: https://gazette.example/vie-privee, country: FR}
    locales: [fr, en]
    origins: [https://gazette.example]
    redirects: [https://gazette.example/]
    api_keys: [%s]
    purposes:
      - id: letter
        text: {fr: "Recevoir la lettre mensuelle", en: "Receive the monthly letter"}
    limits: {emails_per_address: "%s", signups_per_ip: "%s", signups_per_network: "100000/1m", emails_per_site: "%s"}
    challenge: {when: %s}
%s`, listen, e.listen, testSecret, e.store, e.relayAddr, cmp.Or(e.connections, 4), top, testKey,
		cmp.Or(e.perAddress, "1/10m 3/24h"), cmp.Or(e.signupsPerIP, "100000/1m"), cmp.Or(e.perSite, "100000/1m"),
		cmp.Or(e.challenge, "never"), e.siteYAML))
}

// actor sends requests to optin at one address, as a website, a person or an operator.
type actor struct {
	t    *testing.T
	base string
	mail *inbox.Inbox
}

// start runs the program inside the test, and stops it at its end.
func (e *env) start() *actor {
	e.t.Helper()
	return e.startLogging(io.Discard)
}

func (e *env) startLogging(log io.Writer) *actor {
	e.t.Helper()
	pages, err := templates.New()
	if err != nil {
		e.t.Fatal(err)
	}
	p, err := start(e.t.Context(), e.parse(), pages, slog.New(slog.NewJSONHandler(log, nil)),
		extra{noLookups: true, fill: -1})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(p.stop)
	return e.actor(p.addr.String())
}

// parse parses the configuration.
func (e *env) parse() *config.Config {
	e.t.Helper()
	cfg, err := config.Parse(e.configPath, []byte(e.yaml(e.listen)), lookup(nil), os.ReadFile)
	if err != nil {
		e.t.Fatal(err)
	}
	return cfg
}

// isShared reports whether several processes can use the store.
func (e *env) isShared() bool { return strings.HasPrefix(e.store, "redis") }

// emailsTo counts the emails to an address.
func (e *env) emailsTo(email string) (n int) {
	for _, m := range e.mail.Messages() {
		if slices.Equal(m.To, []string{email}) {
			n++
		}
	}
	return n
}

// actor returns an actor for the program at an address. Responses are checked against openapi.yaml: see
// checkedTransport.
func (e *env) actor(addr string) *actor {
	claim(e.t, addr)
	return &actor{t: e.t, base: "http://" + addr, mail: e.mail}
}

// eventually polls until ok returns true.
func (a *actor) eventually(what string, ok func() bool) {
	a.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			a.t.Fatalf("not within half a minute: %s", what)
		}
	}
}

func (a *actor) status(path string) int {
	resp, err := http.Get(a.base + path)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// SignUp posts a signup as a website's script does, and returns the status.
func (a *actor) SignUp(email string) int {
	a.t.Helper()
	code, err := a.trySignUp(email)
	if err != nil {
		a.t.Fatal(err)
	}
	return code
}

func (a *actor) trySignUp(email string) (int, error) {
	resp, err := http.Post(a.base+"/v1/sites/gazette/subscriptions", "application/json",
		strings.NewReader(fmt.Sprintf(
			`{"email":%q,"consent":true,"locale":"en","source":"https://gazette.example/join"}`, email)))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// Email waits for the first email to an address, and checks that both its bodies have the same link.
func (a *actor) Email(email string) inbox.Message {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 30*time.Second)
	defer cancel()
	m, err := a.mail.Wait(ctx, func(m inbox.Message) bool { return len(m.To) == 1 && m.To[0] == email })
	if err != nil {
		a.t.Fatalf("no email to %s: %v", email, err)
	}
	page, err := goquery.NewDocumentFromReader(strings.NewReader(m.HTML))
	if err != nil || m.Err != nil {
		a.t.Fatal(err, m.Err)
	}
	if n := page.Find(`a[href="` + confirmLink(m) + `"]`).Length(); n == 0 {
		a.t.Fatalf("the link of the text is not in the HTML:\n%s", m.HTML)
	}
	return m
}

// confirmLink returns the first link of an email's text, which is the one to confirm.
func confirmLink(m inbox.Message) string {
	for _, link := range m.Links() {
		if strings.Contains(link, "/c/") {
			return link
		}
	}
	return ""
}

// path returns the path of a link, for the process that the actor uses.
func path(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		panic(err)
	}
	return u.EscapedPath()
}

// Confirm posts the form of a link's page, and returns the status and the state.
func (a *actor) Confirm(link string) (int, string) {
	a.t.Helper()
	code, state, err := a.tryConfirm(link)
	if err != nil {
		a.t.Fatal(err)
	}
	return code, state
}

func (a *actor) tryConfirm(link string) (int, string, error) {
	req, err := http.NewRequest(http.MethodPost, a.base+path(link), nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	var answer struct{ State string }
	return resp.StatusCode, answer.State, json.NewDecoder(resp.Body).Decode(&answer)
}

// subscription is the response of a lookup.
type subscription struct {
	State          string
	UnsubscribeURL string `json:"unsubscribe_url"`
	ID             string
	Purposes       []struct {
		ID, State, Text string
		TextSHA256      string `json:"text_sha256"`
	}
}

// Lookup looks an address up, as a website does before it sends. The state is empty if nothing is known.
func (a *actor) Lookup(email string) subscription {
	a.t.Helper()
	req, err := http.NewRequest(http.MethodPost, a.base+"/v1/sites/gazette/lookup",
		strings.NewReader(fmt.Sprintf(`{"email":%q}`, email)))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+testKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer subscription
	switch resp.StatusCode {
	case http.StatusOK:
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			a.t.Fatal(err)
		}
	case http.StatusNotFound:
	default:
		a.t.Fatalf("a lookup returns %s", resp.Status)
	}
	return answer
}

// Withdraw withdraws everything, as a mail program does by RFC 8058.
func (a *actor) Withdraw(unsubscribe string) int {
	a.t.Helper()
	resp, err := http.PostForm(a.base+path(unsubscribe), url.Values{"List-Unsubscribe": {"One-Click"}})
	if err != nil {
		a.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func hookKey() []byte {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookSecret, "whsec_"))
	if err != nil {
		panic(err)
	}
	return b
}

// isSoak reports whether tests have the time for their full size: make soak.
func isSoak() bool { return os.Getenv("OPTIN_SOAK") == "1" }

// size returns how much of something a test does.
func size(reduced, full int) int {
	if isSoak() {
		return full
	}
	return reduced
}

// core opens the core on the store beside the processes, as a command does.
func (e *env) core() *core {
	e.t.Helper()
	cfg := e.parse()
	st, err := openStoreFor(e.t.Context(), cfg.Store,
		storeOptions{log: slog.New(slog.DiscardHandler), patience: patient})
	e.must(err)
	e.t.Cleanup(func() { st.Close() })
	c, err := newCore(cfg, st, slog.New(slog.DiscardHandler), hooks{})
	e.must(err)
	e.must(c.identity.Check(e.t.Context()))
	e.must(c.service.PutStatements(e.t.Context()))
	return c
}

// signUpMany signs n people up concurrently, without HTTP. email returns an address for each number.
func signUpMany(t *testing.T, service *confirm.Service, n int, email func(i int) string) {
	t.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				a, err := address.Parse(email(i))
				if err == nil {
					err = service.Person.SignUp(t.Context(), "gazette",
						confirm.Signup{Address: a, Purposes: []string{"letter"}, Locale: "en"})
				}
				if err != nil {
					t.Errorf("signup %d: %v", i, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// addressOf returns one of many addresses, at one of 40 domains.
func addressOf(i int) string { return fmt.Sprintf("person%d@people%d.test", i, i%40) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
