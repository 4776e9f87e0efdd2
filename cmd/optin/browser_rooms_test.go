package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

func (g *gallery) signups() {
	g.pass("signup", g.open(g.s.base+"/s/gazette?lang="+g.lang), 200)
	g.pass("signup-several", g.open(g.s.base+"/s/club?lang="+g.lang), 200)
	g.pass("signup-refused", g.form("gazette", `form.email.value = "ada@example";`), 422)
	g.pass("signup-refused-several", g.form("club", ``), 422)
	g.pass("sent", g.form("gazette", right("form-"+g.lang)), 200)
}

func (g *gallery) ways() {
	link, _ := g.join("gazette", "one")
	g.pass("confirm", g.open(link), 200)
	g.pass("confirmed", g.press("#confirm button"), 200)
	g.pass("confirmed-already", g.open(link), 200)
	g.pass("agreements-one", g.press(`a[href*="/u/"]`), 200)
	g.pass("withdrawn", g.press("button.main"), 200)
	g.pass("taken-back", g.open(link), 409)

	link, _ = g.join("club", "many")
	g.pass("confirm-several", g.open(link), 200)
	g.pass("confirmed-several", g.press("#confirm button"), 200)
	g.pass("agreements", g.press(`a[href*="/u/"]`), 200)
	agreements := ask[string](g.profile, "location.href")
	g.pass("withdrawn-in-part", g.press(`button[value="events"]`), 200)
	g.pass("agreements-in-part", g.open(agreements), 200)
	g.press(".agreed button")
	g.pass("agreements-none", g.open(agreements), 200)

	link, decline := g.join("gazette", "other")
	g.pass("decline", g.open(decline), 200)
	g.pass("declined", g.press("main form button"), 200)
	g.pass("declined-already", g.open(link), 409)
	g.pass("lifted", g.press(`form[action$="/lift"] button`), 200)

	g.pass("expired", g.open(g.old["late-"+g.lang+"@example.org"]), 410)
	g.pass("renewed", g.press(`form[action$="/renew"] button`), 202)
	g.s.until("forgotten", func() bool { return time.Since(g.since) > 3*time.Second })
	g.pass("expired-for-good", g.open(g.old["later-"+g.lang+"@example.org"]), 410)
	g.pass("unknown-link", g.open(g.s.base+"/c/cut-off"), 404)
}

func (g *gallery) failures() {
	g.pass("failure-400", g.form("gazette", right("x")+`form.acceptCharset = "iso-8859-1"; form.locale.value = "é";`), 400)
	link, _ := g.join("gazette", "foreign")
	foreign := func(action string) int64 {
		g.do(chromedp.Navigate(`data:text/html,<form method="post" action="` + action + `"><button>Press</button></form>`))
		return g.press("button")
	}
	g.pass("failure-403", foreign(link), 403)
	g.pass("failure-403-signup", foreign(g.s.base+"/v1/sites/gazette/subscriptions"), 403)
	g.pass("failure-404", g.open(g.s.base+"/nowhere"), 404)
	g.pass("failure-404-site", g.open(g.s.base+"/s/nobody"), 404)
	g.pass("failure-405", g.open(g.s.base+"/v1/sites/gazette/lookup"), 405)
	g.pass("failure-413", g.form("gazette", right("x")+`form.locale.value = "x".repeat(20000);`), 413)
	g.pass("failure-415", g.form("gazette", right("x")+`form.enctype = "text/plain";`), 415)
	g.do(chromedp.Navigate(g.site.URL))
	g.pass("failure-422", g.press("button"), 422)
	g.form("hasty", right("first-"+g.lang))
	g.pass("failure-429", g.form("hasty", right("second-"+g.lang)), 429)
	g.form("full", right("first-"+g.lang))
	g.pass("failure-503", g.form("full", right("second-"+g.lang)), 503)
}

func (g *gallery) letters() {
	mail := httptest.NewServer(g.s.mail.Handler())
	defer mail.Close()
	g.mayAsk(mail.URL)
	g.join("club", "reader")
	known := "known-" + g.lang + "@example.org"
	g.s.w.must(g.again(known))
	g.s.until("the letter to "+known, func() bool { return g.s.w.lettersTo(known) == 1 })
	for _, l := range g.s.mail.Messages() {
		name := map[string]string{"reader-" + g.lang + "@example.org": "email-confirm", known: "email-known"}[l.To[0]]
		if name != "" {
			g.open(mail.URL + "/inbox/" + l.ID + "/html")
			g.look(g.lang+"-"+name, letterSight, 360, 700)
		}
	}
}

// again signs an address up that has confirmed long ago.
func (g *gallery) again(email string) error {
	resp, err := http.Post(g.s.base+"/v1/sites/gazette/subscriptions", "application/json",
		strings.NewReader(fmt.Sprintf(`{"email":%q,"consent":true,"locale":%q}`, email, g.lang)))
	if err == nil {
		resp.Body.Close()
	}
	return err
}
