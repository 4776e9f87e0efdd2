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

// deletedAfter is when the personal data of an unconfirmed signup at the gazette is deleted.
const deletedAfter = 48*time.Hour + consent.Grace

// everyPage shows one person every page there is, in one language. Each page comes about for real.
type everyPage struct {
	*browserProfile
	env      *pagesEnv
	lang     string
	oldLinks map[string]string // links of long ago, by address
	site     *httptest.Server  // the club's own website

	since time.Time // when the program was started
}

// check checks the page that is open now.
func (p *everyPage) check(name string, status, want int64) {
	p.t.Helper()
	if status != want {
		p.t.Errorf("%s: returns %d, not %d", name, status, want)
	}
	if got := evaluate[string](p.browserProfile, "document.documentElement.lang"); got != p.lang {
		p.t.Errorf("%s: is in the language %q, not %q", name, got, p.lang)
	}
	widths := []int64{320, 360}
	if screenshots() != "" {
		widths = append(widths, 1280)
	}
	p.checkAccessibility(p.lang+"-"+name, accessibility, widths...)
}

// signUp signs up by the API, so that no cookie is involved, and returns the links of the email.
func (p *everyPage) signUp(site, who string) (confirm, decline string) {
	p.t.Helper()
	email := who + "-" + p.lang + "@example.org"
	body := fmt.Sprintf(`{"email":%q,"consent":true,"locale":%q,"purposes":["letter"%s]}`, email, p.lang,
		map[string]string{"club": `,"events"`}[site])
	resp, err := http.Post(p.env.base+"/v1/sites/"+site+"/subscriptions", "application/json", strings.NewReader(body))
	p.env.env.must(err)
	resp.Body.Close()
	return emailLinks(p.env.Email(email))
}

// submitForm opens a signup page, runs a script on its form, which may do what no browser or person would, and clicks
// the button.
func (p *everyPage) submitForm(site, change string) int64 {
	p.t.Helper()
	p.open(p.env.base + "/s/" + site + "?lang=" + p.lang)
	evaluate[any](p.browserProfile, `(form => { form.noValidate = true; `+change+` })(document.querySelector("form.signup"))`)
	return p.click("form.signup button")
}

// validForm returns a script that fills in the form correctly.
func validForm(who string) string {
	return `form.email.value = "` + who + `@example.org"; form.querySelectorAll("[type=checkbox]").forEach(b => b.click());`
}

// clubForm is the club's own website, whose visitors forget to tick the box.
func clubForm(action string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!doctype html><form method="post" action="%s"><input name="email" value="ada@example"><button>Join</button></form>`, action)
	}
}

// Every page can be read and used in a browser (see accessibility), and has no hidden problems (see
// browserProfile.wantNoProblems).
func TestEveryPageCanBeReadAndUsed(t *testing.T) {
	browser := browsertest.Start(t)
	for _, lang := range []string{"en", "fr"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			p := &everyPage{lang: lang, oldLinks: map[string]string{}}
			var action string
			p.site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				clubForm(action)(w, r)
			}))
			defer p.site.Close()
			p.env = startPages(t, func(e *env) {
				e.siteYAML = clubSite("club", p.site.URL, generousLimits) +
					clubSite("hasty", p.site.URL, `signups_per_ip: "1/10m"`) +
					clubSite("full", p.site.URL, `emails_per_site: "1/10m"`)
				for who, ago := range map[string]time.Duration{
					"late": 72 * time.Hour, "later": deletedAfter - 3*time.Second, "known": 72 * time.Hour,
					"copy": 72 * time.Hour, "erase": 72 * time.Hour,
				} {
					email := who + "-" + lang + "@example.org"
					p.oldLinks[email] = e.signedUpBefore(email, lang, ago, !strings.HasPrefix(who, "late"))
				}
			})
			p.since = time.Now()
			action = p.env.base + "/v1/sites/club/subscriptions"
			p.browserProfile = newProfile(t, browser, p.env.base).setLanguage(lang)
			p.allowOrigin(p.site.URL)
			p.signupPages()
			p.linkPages()
			p.rightPages()
			p.failurePages()
			p.emails()
		})
	}
}

func (p *everyPage) signupPages() {
	p.check("signup", p.open(p.env.base+"/s/gazette?lang="+p.lang), 200)
	p.check("signup-several", p.open(p.env.base+"/s/club?lang="+p.lang), 200)
	p.check("signup-refused", p.submitForm("gazette", `form.email.value = "ada@example";`), 422)
	p.check("signup-refused-several", p.submitForm("club", ``), 422)
	p.check("sent", p.submitForm("gazette", validForm("form-"+p.lang)), 200)
}

func (p *everyPage) linkPages() {
	link, _ := p.signUp("gazette", "one")
	p.check("confirm", p.open(link), 200)
	p.check("statement", p.click(".in-full"), 200)
	p.open(link)
	p.check("confirmed", p.click("#confirm button"), 200)
	p.check("confirmed-already", p.open(link), 200)
	p.check("agreements-one", p.click(`a[href*="/u/"]`), 200)
	p.check("withdrawn", p.click("button.main"), 200)
	p.check("withdrawn-already", p.open(link), 409)

	link, _ = p.signUp("club", "many")
	p.check("confirm-several", p.open(link), 200)
	p.do(chromedp.Click(chromedp.CSS("summary")))
	p.check("confirm-none-chosen", p.click(".choice button"), 422)
	p.check("confirmed-several", p.click("#confirm button"), 200)
	p.check("agreements", p.click(`a[href*="/u/"]`), 200)
	agreements := evaluate[string](p.browserProfile, "location.href")
	p.check("withdrawn-in-part", p.click(`button[value="events"]`), 200)
	p.check("agreements-in-part", p.open(agreements), 200)
	p.click(".agreed button")
	p.check("agreements-none", p.open(agreements), 200)

	link, decline := p.signUp("gazette", "other")
	p.check("decline", p.open(decline), 200)
	p.check("declined", p.click("main form button"), 200)
	p.check("declined-already", p.open(link), 409)
	p.check("unblocked", p.click(`form[action$="/unblock"] button`), 200)

	p.check("expired", p.open(p.oldLinks["late-"+p.lang+"@example.org"]), 410)
	p.check("renewed", p.click(`form[action$="/renew"] button`), 202)
	p.env.eventually("forgotten", func() bool { return time.Since(p.since) > 3*time.Second })
	p.check("expired-for-good", p.open(p.oldLinks["later-"+p.lang+"@example.org"]), 410)
	p.check("unknown-link", p.open(p.env.base+"/c/cut-off"), 404)
}

func (p *everyPage) rightPages() {
	for _, right := range []string{"copy", "erase"} {
		email := right + "-" + p.lang + "@example.org"
		p.open(p.oldLinks[email])
		p.click(`a[href*="/u/"]`)
		p.check("claimed", p.click(`form[action*="/`+right+`"] button`), 202)
		p.check("right-"+right, p.open(p.env.rightLink(email, "")), 200)
	}
	p.check("erased", p.click("button.main"), 200)
}

func (p *everyPage) failurePages() {
	latin := `form.acceptCharset = "iso-8859-1"; form.locale.value = "é";`
	p.check("failure-400", p.submitForm("gazette", validForm("x")+latin), 400)
	link, _ := p.signUp("gazette", "foreign")
	p.do(chromedp.Navigate(`data:text/html,<form method="post" action="` + link + `"><button>Press</button></form>`))
	p.check("failure-403", p.click("button"), 403)
	p.do(chromedp.Navigate(p.site.URL)) // an origin of the club's, and of nobody else's
	evaluate[any](p.browserProfile, `document.forms[0].action = "`+p.env.base+`/v1/sites/gazette/subscriptions"; null`)
	p.check("failure-403-signup", p.click("button"), 403)
	p.check("failure-404", p.open(p.env.base+"/nowhere"), 404)
	p.check("failure-404-site", p.open(p.env.base+"/s/nobody"), 404)
	p.check("failure-405", p.open(p.env.base+"/v1/sites/gazette/lookup"), 405)
	p.check("failure-413", p.submitForm("gazette", validForm("x")+`form.locale.value = "x".repeat(20000);`), 413)
	p.check("failure-415", p.submitForm("gazette", validForm("x")+`form.enctype = "text/plain";`), 415)
	p.do(chromedp.Navigate(p.site.URL))
	p.check("failure-422", p.click("button"), 422)
	p.submitForm("hasty", validForm("first-"+p.lang))
	p.check("failure-429", p.submitForm("hasty", validForm("second-"+p.lang)), 429)
	p.submitForm("full", validForm("first-"+p.lang))
	p.check("failure-503", p.submitForm("full", validForm("second-"+p.lang)), 503)
}

func (p *everyPage) emails() {
	mail := httptest.NewServer(p.env.mail.Handler())
	defer mail.Close()
	p.allowOrigin(mail.URL)
	p.signUp("club", "reader")
	known := "known-" + p.lang + "@example.org"
	p.env.env.must(p.signUpAgain(known))
	p.env.eventually("the email to "+known, func() bool { return p.env.env.emailsTo(known) == 1 })
	for _, m := range p.env.mail.Messages() {
		name := map[string]string{"reader-" + p.lang + "@example.org": "email-confirm", known: "email-known"}[m.To[0]]
		if name != "" {
			p.open(mail.URL + "/inbox/" + m.ID + "/html")
			p.checkAccessibility(p.lang+"-"+name, emailAccessibility, 360, 700)
		}
	}
}

// signUpAgain signs an address up that has confirmed long ago.
func (p *everyPage) signUpAgain(email string) error {
	resp, err := http.Post(p.env.base+"/v1/sites/gazette/subscriptions", "application/json",
		strings.NewReader(fmt.Sprintf(`{"email":%q,"consent":true,"locale":%q}`, email, p.lang)))
	if err == nil {
		resp.Body.Close()
	}
	return err
}
