package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

// forgotten is when nothing personal is known any more of a signup at the gazette that nobody confirmed.
const forgotten = 48*time.Hour + consent.Grace

// gallery leads one person past every page there is, each come about for real, in one language.
type gallery struct {
	*profile
	s    *street
	lang string
	old  map[string]string // links of long ago, by address
	site *httptest.Server  // the club's own website

	since time.Time // when the program was started
}

// pass looks at the page that is open now.
func (g *gallery) pass(name string, status, want int64) {
	g.t.Helper()
	if status != want {
		g.t.Errorf("%s: answers %d, not %d", name, status, want)
	}
	if got := ask[string](g.profile, "document.documentElement.lang"); got != g.lang {
		g.t.Errorf("%s: is in the language %q, not %q", name, got, g.lang)
	}
	widths := []int64{320, 360}
	if shots() != "" {
		widths = append(widths, 1280)
	}
	g.look(g.lang+"-"+name, sight, widths...)
}

// join signs up by the API, so that no cookie has to do with it, and answers the links of the letter.
func (g *gallery) join(site, who string) (confirm, decline string) {
	g.t.Helper()
	email := who + "-" + g.lang + "@example.org"
	body := fmt.Sprintf(`{"email":%q,"consent":true,"locale":%q,"purposes":["letter"%s]}`, email, g.lang, map[string]string{"club": `,"events"`}[site])
	resp, err := http.Post(g.s.base+"/v1/sites/"+site+"/subscriptions", "application/json", strings.NewReader(body))
	g.s.w.must(err)
	resp.Body.Close()
	return links(g.s.Letter(email))
}

// form opens a signup page and lets something be done to its form that a browser or a person would not do, or has no way to
// show here; then it presses the button.
func (g *gallery) form(site, change string) int64 {
	g.t.Helper()
	g.open(g.s.base + "/s/" + site + "?lang=" + g.lang)
	ask[any](g.profile, `(form => { form.noValidate = true; `+change+` })(document.querySelector("form.signup"))`)
	return g.press("form.signup button")
}

// right fills in the form as it should be.
func right(who string) string {
	return `form.email.value = "` + who + `@example.org"; form.querySelectorAll("[type=checkbox]").forEach(b => b.click());`
}

// clubForm is the club's own website, whose visitors forget to tick the box.
func clubForm(action string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!doctype html><form method="post" action="%s"><input name="email" value="ada@example"><button>Join</button></form>`, action)
	}
}

// Every page there is, as a browser gets it, can be read and used: see sight. And nothing on any of them goes wrong unseen: see
// profile.content.
func TestEveryPageCanBeReadAndUsed(t *testing.T) {
	browser := chromium(t)
	for _, lang := range []string{"en", "fr"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			g := &gallery{lang: lang, old: map[string]string{}}
			var action string
			g.site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { clubForm(action)(w, r) }))
			defer g.site.Close()
			g.s = openStreet(t, func(w *world) {
				w.more = clubSite("club", g.site.URL, roomy) +
					clubSite("hasty", g.site.URL, `signups_per_ip: "1/10m"`) + clubSite("full", g.site.URL, `emails_per_site: "1/10m"`)
				for who, ago := range map[string]time.Duration{"late": 72 * time.Hour, "later": forgotten - 3*time.Second, "known": 72 * time.Hour} {
					email := who + "-" + lang + "@example.org"
					g.old[email] = w.longAgo(email, lang, ago, who == "known")
				}
			})
			g.since = time.Now()
			action = g.s.base + "/v1/sites/club/subscriptions"
			g.profile = visitor(t, browser, g.s.base).reads(lang)
			g.mayAsk(g.site.URL)
			g.signups()
			g.ways()
			g.failures()
			g.letters()
		})
	}
}
