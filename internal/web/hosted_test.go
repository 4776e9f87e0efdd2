package web

import (
	"strings"
	"testing"

	"github.com/optin/optin/internal/web/request"
)

func TestOurOwnPageComesBackWithWhatToMend(t *testing.T) {
	w := newEnv(t)
	ours := []string{"Content-Type", request.MediaForm, "Accept", "text/html", "Origin", publicURL}
	a := w.send("POST", "/v1/sites/club/subscriptions", `email=%22%3E%3Cscript%3E&locale=en`, ours...)
	p := a.page(t)
	if a.status != 422 || p.Find("input[name=email]").AttrOr("value", "") != `"><script>` || p.Find("script").Length() != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if p.Find("input[checked]").Length() != 0 || p.Find(".errors li").Length() != 3 || a.header.Get("Content-Language") != "en" {
		t.Errorf("the page: %s", a.body)
	}
	if a.header.Get("Referrer-Policy") != "same-origin" { // or the next post would have no origin
		t.Errorf("Referrer-Policy: %s", a.header.Get("Referrer-Policy"))
	}
	ours[5] = "null" // a browser's privacy setting
	if a := w.send("POST", "/v1/sites/club/subscriptions", "email=x", append(ours, "Sec-Fetch-Site", "same-origin")...); a.status != 422 || a.page(t).Find("form").Length() != 1 {
		t.Errorf("without an origin: %d %s", a.status, a.body)
	}
	w.untouched()
}

func TestTheHostedPageSpeaksTheReadersLanguage(t *testing.T) {
	w := newEnv(t)
	for _, row := range []struct{ path, accept, want string }{
		{"/s/gazette", "", "en"}, {"/s/gazette", "fr-CH, en;q=0.5", "fr"}, {"/s/gazette?lang=fr", "en", "fr"},
		{"/s/gazette?lang=%00%ff", "de", "en"}, {"/s/club", "", "fr"}, {"/s/club?lang=en", "", "en"},
	} {
		a := w.send("GET", row.path, "", "Accept-Language", row.accept)
		p := a.page(t)
		if a.status != 200 || a.header.Get("Content-Language") != row.want || p.Find("html").AttrOr("lang", "") != row.want ||
			p.Find("input[name=locale]").AttrOr("value", "") != row.want || p.Find("input[checked]").Length() != 0 {
			t.Errorf("%s %s: %d %v", row.path, row.accept, a.status, a.header)
		}
	}
	if a := w.send("GET", "/s/other", "", "Accept", "text/html"); a.status != 404 || a.page(t).Find("h1").Length() != 1 {
		t.Errorf("another site: %d", a.status)
	}
	csp := w.send("GET", "/s/gazette", "").header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "form-action 'self' https://gazette.example;") || strings.Contains(csp, "script-src") {
		t.Errorf("policy of the hosted page: %s", csp)
	}
}
