package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/inbox"
	"github.com/optin/optin/templates"
)

const (
	testKey    = "gazette-api-key-for-tests"
	testSecret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="
	hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// world is what a test needs around optin: a relay that keeps letters, a store's address, a configuration.
type world struct {
	t      *testing.T
	mail   *inbox.Inbox
	store  string
	listen string        // host:port that is told to people
	config string        // path
	more   string        // YAML added to the site
	hook   *receiver     // told by the site, if more says so
	top    string        // YAML added beside the sites
	hold   time.Duration // of the leases of processes, if not what the lanes need
	smtp   string        // the relay's address, if it is not the inbox
	conns  int           // connections to the relay; 4 if zero
	each   string        // letters to one address; as by default if empty
	perIP  string        // signups by one IP; many if empty
	budget string        // letters of the site; many if empty
	when   string        // who is asked for a challenge; nobody if empty
}

// onEachStore runs a test with SQLite and with a real redis-server.
func onEachStore(t *testing.T, f func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { f(t, newWorld(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))) })
	t.Run("redis", func(t *testing.T) { f(t, newWorld(t, redisServer(t).url())) })
}

func newWorld(t *testing.T, store string) *world {
	t.Helper()
	mail, err := inbox.Open("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mail.Close() })
	return &world{t: t, mail: mail, store: store, listen: freeAddr(t), config: filepath.Join(t.TempDir(), "optin.yaml"), smtp: mail.Addr()}
}

// freeAddr is an address that nobody listened at a moment ago. Its port is below those that outgoing connections get (from 32768 or
// 49152 on): while a killed process is away none of them may take its place, nor come to speak with itself.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// yaml is the configuration; listen may differ from the public address when several processes serve one site.
func (w *world) yaml(listen string) string {
	return fmt.Sprintf(`listen: %s
public_url: http://%s
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
%s`, listen, w.listen, testSecret, w.store, w.smtp, cmp.Or(w.conns, 4), w.top, testKey, cmp.Or(w.each, "1/10m 3/24h"), cmp.Or(w.perIP, "100000/1m"), cmp.Or(w.budget, "100000/1m"), cmp.Or(w.when, "never"), w.more)
}

// actor is somebody who meets optin at an address: a website, a person, an operator.
type actor struct {
	t    *testing.T
	base string
	mail *inbox.Inbox
}

// start runs the program inside the test, and stops it at its end.
func (w *world) start() *actor {
	w.t.Helper()
	return w.startLogging(io.Discard)
}

func (w *world) startLogging(log io.Writer) *actor {
	w.t.Helper()
	pages, err := templates.New()
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := start(w.t.Context(), w.parse(), pages, slog.New(slog.NewJSONHandler(log, nil)), extra{noLookups: true, fill: -1})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.stop)
	return w.actor(p.addr.String())
}

// parse reads the world's configuration.
func (w *world) parse() *config.Config {
	w.t.Helper()
	cfg, err := config.Parse(w.config, []byte(w.yaml(w.listen)), values(nil), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return cfg
}

// shared tells whether several processes can work on the world's store.
func (w *world) shared() bool { return strings.HasPrefix(w.store, "redis") }

// lettersTo counts the letters that came to an address.
func (w *world) lettersTo(email string) (n int) {
	for _, l := range w.mail.Messages() {
		if slices.Equal(l.To, []string{email}) {
			n++
		}
	}
	return n
}

// actor speaks to the program at an address. What it is answered there is held against openapi.yaml: see contracted.
func (w *world) actor(addr string) *actor {
	claim(w.t, addr)
	return &actor{t: w.t, base: "http://" + addr, mail: w.mail}
}

// until polls for something that must come.
func (a *actor) until(what string, ok func() bool) {
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

// SignUp posts a signup as a website's own form would, without following what comes, and answers the status.
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
		strings.NewReader(fmt.Sprintf(`{"email":%q,"consent":true,"locale":"en","source":"https://gazette.example/join"}`, email)))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// Letter waits for the first letter to an address, and checks that both its bodies hold the same links.
func (a *actor) Letter(email string) inbox.Message {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 30*time.Second)
	defer cancel()
	l, err := a.mail.Wait(ctx, func(l inbox.Message) bool { return len(l.To) == 1 && l.To[0] == email })
	if err != nil {
		a.t.Fatalf("no letter to %s: %v", email, err)
	}
	page, err := goquery.NewDocumentFromReader(strings.NewReader(l.HTML))
	if err != nil || l.Err != nil {
		a.t.Fatal(err, l.Err)
	}
	if n := page.Find(`a[href="` + confirmLink(l) + `"]`).Length(); n == 0 {
		a.t.Fatalf("the link of the text is not in the HTML:\n%s", l.HTML)
	}
	return l
}

// confirmLink is the one link of a letter's text that asks for the button to be pressed: the first.
func confirmLink(l inbox.Message) string {
	for _, link := range l.Links() {
		if strings.Contains(link, "/c/") {
			return link
		}
	}
	return ""
}

// path is a link's path on whichever process the actor speaks to.
func path(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		panic(err)
	}
	return u.EscapedPath()
}

// Press presses the button on a link's page and answers the status and state.
func (a *actor) Press(link string) (int, string) {
	a.t.Helper()
	code, state, err := a.tryPress(link)
	if err != nil {
		a.t.Fatal(err)
	}
	return code, state
}

func (a *actor) tryPress(link string) (int, string, error) {
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

// status of a subscription, as a lookup answers it.
type lookup struct {
	State          string
	UnsubscribeURL string `json:"unsubscribe_url"`
	Purposes       []struct{ ID, State, Text string }
}

// MayIWrite is the website's question. The state is empty if nothing is known.
func (a *actor) MayIWrite(email string) lookup {
	a.t.Helper()
	req, err := http.NewRequest(http.MethodPost, a.base+"/v1/sites/gazette/lookup", strings.NewReader(fmt.Sprintf(`{"email":%q}`, email)))
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
	var answer lookup
	switch resp.StatusCode {
	case http.StatusOK:
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			a.t.Fatal(err)
		}
	case http.StatusNotFound:
	default:
		a.t.Fatalf("lookup answers %s", resp.Status)
	}
	return answer
}

// Withdraw takes everything back, as a mail program does by RFC 8058.
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
