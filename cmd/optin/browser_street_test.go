package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/inbox"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

const clubKey = "club-api-key-for-tests"

// street is a running program as people meet it: its pages, the letters it sends, and what it wrote into its log.
type street struct {
	*actor
	w   *world
	log *syncBuffer
}

// clubSite is a second site beside the gazette: with two purposes.
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

const roomy = `emails_per_address: "1/10m 3/24h", signups_per_ip: "10000/1m", emails_per_site: "10000/1m"`

// openStreet starts the program on SQLite. Letters written a while before, if any, come first: see longAgo.
func openStreet(t *testing.T, prepare ...func(w *world)) *street {
	t.Helper()
	w := newWorld(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	w.more = clubSite("club", "https://club.example", roomy)
	for _, f := range prepare {
		f(w)
	}
	s := &street{w: w, log: &syncBuffer{}}
	s.actor = w.startLogging(s.log)
	s.until("ready", func() bool { return s.status("/readyz") == http.StatusOK })
	return s
}

// longAgo signs an address up at the gazette as if that had been some time ago, before the program starts, and answers the link
// of the letter that was sent then; pressed tells whether its button was, too.
func (w *world) longAgo(email, locale string, ago time.Duration, pressed bool) (link string) {
	w.t.Helper()
	ctx, cfg := w.t.Context(), w.parse()
	st, err := openStore(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	w.must(err)
	defer st.Close()
	ring, err := keyring.New(cfg.Secrets...)
	w.must(err)
	desk, err := confirm.New(confirm.Options{Store: st, Keyring: ring, PublicURL: cfg.PublicURL.String(), Sites: ruleSites(cfg.Sites),
		Now: func() time.Time { return time.Now().Add(-ago) }})
	w.must(err)
	w.must(desk.PutTexts(ctx))
	parsed, err := address.Parse(email)
	w.must(err)
	w.must(desk.Signup(ctx, "gazette", confirm.NewSignup{Address: parsed, Purposes: []string{"letter"}, Locale: locale}))
	var owed []store.Job
	for _, kind := range confirm.EmailQueues() {
		some, err := st.Lease(ctx, kind, 1, time.Minute)
		w.must(err)
		owed = append(owed, some...)
	}
	if len(owed) != 1 {
		w.t.Fatal("no letter is owed")
	}
	draft, err := desk.Message(ctx, owed[0])
	w.must(err)
	w.must(st.End(ctx, owed[0], store.Complete()))
	if pressed {
		_, err := desk.Confirm(ctx, draft.Confirm[strings.LastIndex(draft.Confirm, "/")+1:], consent.Evidence{How: consent.ByLink})
		w.must(err)
	}
	return draft.Confirm
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// answered counts in the program's own log how often a route was posted to, and answered with a status.
func (s *street) answered(route string, status int) (n int) {
	s.t.Helper()
	for line := range strings.Lines(s.log.String()) {
		var l struct {
			Method, Route string
			Status        int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			s.t.Fatalf("a log line that is none: %q", line)
		}
		if l.Method == http.MethodPost && l.Route == route && l.Status == status {
			n++
		}
	}
	return n
}

// went fails the test unless a route was posted to exactly so often and answered so. A line is written once the answer is out.
func (s *street) went(route string, status, times int) {
	s.t.Helper()
	s.until(fmt.Sprintf("%d × POST %s %d in the log", times, route, status), func() bool { return s.answered(route, status) >= times })
	if n := s.answered(route, status); n != times {
		s.t.Errorf("POST %s was answered %d %d times, not %d", route, status, n, times)
	}
}

// links of a letter, by what they are for: the button's, and "this was not me".
func links(l inbox.Message) (confirm, decline string) {
	ours := slices.DeleteFunc(l.Links(), func(link string) bool { return !strings.Contains(link, "/c/") })
	return ours[0], ours[1]
}

// stateAtTheClub is what the club's servers learn of an address: the state of each purpose by its id, and where to take it back.
func (s *street) stateAtTheClub(email string) (states map[string]string, unsubscribe string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.base+"/v1/sites/club/lookup", strings.NewReader(fmt.Sprintf(`{"email":%q}`, email)))
	s.w.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+clubKey)
	resp, err := http.DefaultClient.Do(req)
	s.w.must(err)
	defer resp.Body.Close()
	var answer lookup
	s.w.must(json.NewDecoder(resp.Body).Decode(&answer))
	states = map[string]string{}
	for _, p := range answer.Purposes {
		states[p.ID] = p.State
	}
	return states, answer.UnsubscribeURL
}
