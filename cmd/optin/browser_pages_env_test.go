package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/inbox"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

const clubKey = "club-api-key-for-tests"

// pagesEnv is a running program for tests of its pages: with an actor, and the program's log.
type pagesEnv struct {
	*actor
	env *env
	log *childtest.Buffer
}

// clubSite returns the YAML of a second site, with two purposes.
func clubSite(id, origin, limits string) string {
	return fmt.Sprintf(`  - id: %s
    name: Reading Club
    url: https://club.example
    from: "Reading Club <hello@club.example>"
    controller: {name: Reading Club, address: "2 Example Street, 75000 Paris", contact: privacy@club.example, privacy_url: https://club.example/privacy, country: FR}
    locales: [en, fr]
    origins: [%q]
    redirects: [https://club.example/]
    api_keys: [%s-api-key-for-tests]
    purposes:
      - id: letter
        text: {fr: "Recevoir la lettre mensuelle du club", en: "Receive the monthly letter of the club"}
      - id: events
        text: {fr: "Recevoir les annonces des lectures et des soirées ouvertes, environ quatre fois par an", en: "Be told of readings and open evenings, about four times a year"}
    limits: {%s}
`, id, origin, id, limits)
}

const generousLimits = `emails_per_address: "1/10m 3/24h", signups_per_ip: "10000/1m", emails_per_site: "10000/1m"`

// startPages starts the program on SQLite. prepare runs before it starts: see signedUpBefore.
func startPages(t *testing.T, prepare ...func(e *env)) *pagesEnv {
	t.Helper()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	e.siteYAML = clubSite("club", "https://club.example", generousLimits)
	for _, f := range prepare {
		f(e)
	}
	p := &pagesEnv{env: e, log: &childtest.Buffer{}}
	p.actor = e.startLogging(p.log)
	p.eventually("ready", func() bool { return p.status("/readyz") == http.StatusOK })
	return p
}

// signedUpBefore signs an address up at the gazette as if that had been some time ago, before the program starts, and
// returns the link of the email that was sent then. With confirmed it was also confirmed then.
func (e *env) signedUpBefore(email, locale string, ago time.Duration, confirmed bool) (link string) {
	e.t.Helper()
	ctx, cfg := e.t.Context(), e.parse()
	now := func() time.Time { return time.Now().Add(-ago) }
	// The limits on emails go by the clock of the store.
	st, err := sqlite.Open(ctx, sqlite.Options{Path: cfg.Store.Path, Durability: cfg.Store.Durability, Now: now})
	e.must(err)
	defer st.Close()
	ring, err := keyring.New(cfg.Secrets...)
	e.must(err)
	service, err := confirm.New(confirm.Options{
		Store: st, Keyring: ring, PublicURL: cfg.PublicURL, Sites: serviceSites(cfg.Sites),
		Now: now,
	})
	e.must(err)
	e.must(service.PutStatements(ctx))
	parsed, err := address.Parse(email)
	e.must(err)
	signup := confirm.Signup{Address: parsed, Purposes: []string{"letter"}, Locale: locale}
	e.must(service.Person.SignUp(ctx, "gazette", signup))
	var jobs []store.Job
	for _, queue := range confirm.EmailQueues() {
		some, err := st.Lease(ctx, queue, 1, time.Minute)
		e.must(err)
		jobs = append(jobs, some...)
	}
	if len(jobs) != 1 {
		e.t.Fatal("no email is enqueued")
	}
	draft, err := service.Relay.Message(ctx, jobs[0])
	e.must(err)
	e.must(st.End(ctx, jobs[0], store.Complete()))
	if confirmed {
		_, err := service.Person.Confirm(ctx, draft.Confirm[strings.LastIndex(draft.Confirm, "/")+1:],
			nil, consent.Evidence{How: consent.ByLink})
		e.must(err)
	}
	return draft.Confirm
}

func (e *env) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// countPosts counts the POST requests to a route that were answered with a status, by the program's log.
func (e *pagesEnv) countPosts(route string, status int) (n int) {
	e.t.Helper()
	for line := range strings.Lines(e.log.String()) {
		var l struct {
			Method, Route string
			Status        int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			e.t.Fatalf("a log line that is none: %q", line)
		}
		if l.Method == http.MethodPost && l.Route == route && l.Status == status {
			n++
		}
	}
	return n
}

// wantPosts checks that there were exactly so many POST requests to a route with a status. A log line is written after
// the response.
func (e *pagesEnv) wantPosts(route string, status, times int) {
	e.t.Helper()
	e.eventually(fmt.Sprintf("%d × POST %s %d in the log", times, route, status),
		func() bool { return e.countPosts(route, status) >= times })
	if n := e.countPosts(route, status); n != times {
		e.t.Errorf("POST %s was answered %d %d times, not %d", route, status, n, times)
	}
}

// emailLinks returns the links of an email to confirm and to decline.
func emailLinks(m inbox.Message) (confirm, decline string) {
	ours := slices.DeleteFunc(m.Links(), func(link string) bool { return !strings.Contains(link, "/c/") })
	return ours[0], ours[1]
}

// clubState returns what the club's servers learn about an address: the state of each purpose by id, and the link to
// withdraw.
func (e *pagesEnv) clubState(email string) (states map[string]string, unsubscribe string) {
	e.t.Helper()
	req, err := http.NewRequest(http.MethodPost, e.base+"/v1/sites/club/lookup",
		strings.NewReader(fmt.Sprintf(`{"email":%q}`, email)))
	e.env.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+clubKey)
	resp, err := http.DefaultClient.Do(req)
	e.env.must(err)
	defer resp.Body.Close()
	var answer subscription
	e.env.must(json.NewDecoder(resp.Body).Decode(&answer))
	states = map[string]string{}
	for _, p := range answer.Purposes {
		states[p.ID] = p.State
	}
	return states, answer.UnsubscribeURL
}
