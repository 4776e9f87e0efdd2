package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/browsertest"
)

// forgotten is when nothing personal is known any more of a signup at the gazette that nobody confirmed.
const deletedAfter = 48*time.Hour + consent.Grace

// gallery leads one person past every page there is, each come about for real, in one language.
type everyPage struct {
	*browserProfile
	env      *pagesEnv
	lang     string
	oldLinks map[string]string // links of long ago, by address
	site     *httptest.Server  // the club's own website

	since time.Time // when the program was started
}

// pass looks at the page that is open now.
func (g *everyPage) check(name string, status, want int64) {
	g.t.Helper()
	if status != want {
		g.t.Errorf("%s: answers %d, not %d", name, status, want)
	}
	if got := evaluate[string](g.browserProfile, "document.documentElement.lang"); got != g.lang {
		g.t.Errorf("%s: is in the language %q, not %q", name, got, g.lang)
	}
	widths := []int64{320, 360}
	if screenshots() != "" {
		widths = append(widths, 1280)
	}
	g.checkAccessibility(g.lang+"-"+name, accessibility, widths...)
}

// join signs up by the API, so that no cookie has to do with it, and answers the links of the letter.
func (g *everyPage) signUp(site, who string) (confirm, decline string) {
	g.t.Helper()
	email := who + "-" + g.lang + "@example.org"
	body := fmt.Sprintf(`{"email":%q,"consent":true,"locale":%q,"purposes":["letter"%s]}`, email, g.lang, map[string]string{"club": `,"events"`}[site])
	resp, err := http.Post(g.env.base+"/v1/sites/"+site+"/subscriptions", "application/json", strings.NewReader(body))
	g.env.env.must(err)
	resp.Body.Close()
	return emailLinks(g.env.Email(email))
}

// form opens a signup page and lets something be done to its form that a browser or a person would not do, or has no way to
// show here; then it presses the button.
func (g *everyPage) submitForm(site, change string) int64 {
	g.t.Helper()
	g.open(g.env.base + "/s/" + site + "?lang=" + g.lang)
	evaluate[any](g.browserProfile, `(form => { form.noValidate = true; `+change+` })(document.querySelector("form.signup"))`)
	return g.click("form.signup button")
}

// right fills in the form as it should be.
func validForm(who string) string {
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
	browser := browsertest.Start(t)
	for _, lang := range []string{"en", "fr"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			g := &everyPage{lang: lang, oldLinks: map[string]string{}}
			var action string
			g.site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { clubForm(action)(w, r) }))
			defer g.site.Close()
			g.env = startPages(t, func(e *env) {
				e.siteYAML = clubSite("club", g.site.URL, generousLimits) +
					clubSite("hasty", g.site.URL, `signups_per_ip: "1/10m"`) + clubSite("full", g.site.URL, `emails_per_site: "1/10m"`)
				for who, ago := range map[string]time.Duration{"late": 72 * time.Hour, "later": deletedAfter - 3*time.Second, "known": 72 * time.Hour} {
					email := who + "-" + lang + "@example.org"
					g.oldLinks[email] = e.signedUpBefore(email, lang, ago, who == "known")
				}
			})
			g.since = time.Now()
			action = g.env.base + "/v1/sites/club/subscriptions"
			g.browserProfile = newProfile(t, browser, g.env.base).setLanguage(lang)
			g.allowOrigin(g.site.URL)
			g.signupPages()
			g.linkPages()
			g.failurePages()
			g.emails()
		})
	}
}

func (g *everyPage) signupPages() {
	g.check("signup", g.open(g.env.base+"/s/gazette?lang="+g.lang), 200)
	g.check("signup-several", g.open(g.env.base+"/s/club?lang="+g.lang), 200)
	g.check("signup-refused", g.submitForm("gazette", `form.email.value = "ada@example";`), 422)
	g.check("signup-refused-several", g.submitForm("club", ``), 422)
	g.check("sent", g.submitForm("gazette", validForm("form-"+g.lang)), 200)
}

func (g *everyPage) linkPages() {
	link, _ := g.signUp("gazette", "one")
	g.check("confirm", g.open(link), 200)
	g.check("confirmed", g.click("#confirm button"), 200)
	g.check("confirmed-already", g.open(link), 200)
	g.check("agreements-one", g.click(`a[href*="/u/"]`), 200)
	g.check("withdrawn", g.click("button.main"), 200)
	g.check("taken-back", g.open(link), 409)

	link, _ = g.signUp("club", "many")
	g.check("confirm-several", g.open(link), 200)
	g.check("confirmed-several", g.click("#confirm button"), 200)
	g.check("agreements", g.click(`a[href*="/u/"]`), 200)
	agreements := evaluate[string](g.browserProfile, "location.href")
	g.check("withdrawn-in-part", g.click(`button[value="events"]`), 200)
	g.check("agreements-in-part", g.open(agreements), 200)
	g.click(".agreed button")
	g.check("agreements-none", g.open(agreements), 200)

	link, decline := g.signUp("gazette", "other")
	g.check("decline", g.open(decline), 200)
	g.check("declined", g.click("main form button"), 200)
	g.check("declined-already", g.open(link), 409)
	g.check("lifted", g.click(`form[action$="/lift"] button`), 200)

	g.check("expired", g.open(g.oldLinks["late-"+g.lang+"@example.org"]), 410)
	g.check("renewed", g.click(`form[action$="/renew"] button`), 202)
	g.env.eventually("forgotten", func() bool { return time.Since(g.since) > 3*time.Second })
	g.check("expired-for-good", g.open(g.oldLinks["later-"+g.lang+"@example.org"]), 410)
	g.check("unknown-link", g.open(g.env.base+"/c/cut-off"), 404)
}

func (g *everyPage) failurePages() {
	g.check("failure-400", g.submitForm("gazette", validForm("x")+`form.acceptCharset = "iso-8859-1"; form.locale.value = "é";`), 400)
	link, _ := g.signUp("gazette", "foreign")
	foreign := func(action string) int64 {
		g.do(chromedp.Navigate(`data:text/html,<form method="post" action="` + action + `"><button>Press</button></form>`))
		return g.click("button")
	}
	g.check("failure-403", foreign(link), 403)
	g.check("failure-403-signup", foreign(g.env.base+"/v1/sites/gazette/subscriptions"), 403)
	g.check("failure-404", g.open(g.env.base+"/nowhere"), 404)
	g.check("failure-404-site", g.open(g.env.base+"/s/nobody"), 404)
	g.check("failure-405", g.open(g.env.base+"/v1/sites/gazette/lookup"), 405)
	g.check("failure-413", g.submitForm("gazette", validForm("x")+`form.locale.value = "x".repeat(20000);`), 413)
	g.check("failure-415", g.submitForm("gazette", validForm("x")+`form.enctype = "text/plain";`), 415)
	g.do(chromedp.Navigate(g.site.URL))
	g.check("failure-422", g.click("button"), 422)
	g.submitForm("hasty", validForm("first-"+g.lang))
	g.check("failure-429", g.submitForm("hasty", validForm("second-"+g.lang)), 429)
	g.submitForm("full", validForm("first-"+g.lang))
	g.check("failure-503", g.submitForm("full", validForm("second-"+g.lang)), 503)
}

func (g *everyPage) emails() {
	mail := httptest.NewServer(g.env.mail.Handler())
	defer mail.Close()
	g.allowOrigin(mail.URL)
	g.signUp("club", "reader")
	known := "known-" + g.lang + "@example.org"
	g.env.env.must(g.signUpAgain(known))
	g.env.eventually("the letter to "+known, func() bool { return g.env.env.emailsTo(known) == 1 })
	for _, l := range g.env.mail.Messages() {
		name := map[string]string{"reader-" + g.lang + "@example.org": "letter-confirm", known: "letter-known"}[l.To[0]]
		if name != "" {
			g.open(mail.URL + "/inbox/" + l.ID + "/html")
			g.checkAccessibility(g.lang+"-"+name, emailAccessibility, 360, 700)
		}
	}
}

// again signs an address up that has confirmed long ago.
func (g *everyPage) signUpAgain(email string) error {
	resp, err := http.Post(g.env.base+"/v1/sites/gazette/subscriptions", "application/json",
		strings.NewReader(fmt.Sprintf(`{"email":%q,"consent":true,"locale":%q}`, email, g.lang)))
	if err == nil {
		resp.Body.Close()
	}
	return err
}
