package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
)

func TestEveryFormOfYesSignsUp(t *testing.T) {
	for name, row := range map[string]struct{ media, body string }{
		"true": {request.MediaJSON, `{"email":"ada@b.example","consent":true}`},
		"1": {request.MediaJSON,
			`{"email":"ada@b.example","consent":1,"purposes":"letter","preticked":false}`},
		"a word": {request.MediaJSON,
			`{"email":"ada@b.example","consent":"yes","purposes":["letter","letter"],"preticked":null}`},
		"white space": {request.MediaJSON,
			`{"email":" ada@b.example\n","consent":true,"redirect":"","source":""}`},
		"a box": {request.MediaForm, "email=ada%40b.example&consent=on"},
		"a box with value": {request.MediaForm,
			"email=ada%40b.example&consent=1&purposes=letter&purposes=letter&preticked="},
		"mass assignment": {request.MediaJSON,
			`{"email":"ada@b.example","consent":true,"state":"confirmed","status":"confirmed",` +
				`"confirmed_at":"2020-01-01T00:00:00Z","ip":"1.2.3.4","verified":true,"text":"x","utm_source":"y"}`},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			a := e.send("POST", signupPath, row.body, "Content-Type", row.media)
			if a.status != http.StatusAccepted && a.status != http.StatusSeeOther {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if d := e.email(); d.To.String() != "ada@b.example" || len(d.Purposes) != 1 ||
				e.state("ada@b.example") != consent.Pending {
				t.Errorf("email to %s, state %s", d.To, e.state("ada@b.example"))
			}
		})
	}
}

func TestAFormLeadsOnAndAProgramIsAnswered(t *testing.T) {
	e := newEnv(t)
	const browser, ok = "text/html,application/xhtml+xml,*/*;q=0.8", "email=ada%40b.example&consent=on"
	for name, row := range map[string]struct {
		body, accept string
		status       int
		to           string
	}{
		"to our page": {ok, browser, 303, "/s/gazette/sent?lang=en&to=a%E2%80%A6%40b.example"},
		"in French":   {ok + "&locale=fr-CA", browser, 303, "/s/gazette/sent?lang=fr&to=a%E2%80%A6%40b.example"},
		"to the website": {ok + "&redirect=" + url.QueryEscape("https://gazette.example/thanks/a?b=c"), browser,
			303, "https://gazette.example/thanks/a?b=c"},
		"without preferences": {ok, "*/*", 303, "/s/gazette/sent?lang=en&to=a%E2%80%A6%40b.example"},
		"a script":            {ok, request.MediaJSON, 202, ""},
	} {
		a := e.send("POST", signupPath, row.body, "Content-Type", request.MediaForm, "Accept", row.accept, "Origin",
			"https://gazette.example")
		if a.status != row.status || a.header.Get("Location") != row.to || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %q %v", name, a.status, a.header.Get("Location"), a.header)
		}
	}
	if a := e.send("GET", "/s/gazette/sent?lang=fr", ""); a.status != 200 || a.header.Get("Content-Language") != "fr" ||
		a.page(t).Find("h1").Length() != 1 {
		t.Errorf("the page a form leads to: %d %s", a.status, a.body)
	}
}

// TestTheAnswerTellsNothingOfTheAddress compares whole answers, by JSON, form and our own page.
// comparable is an answer without what differs from one request to the next.
func comparable(a answer) string {
	h := a.header.Clone()
	h.Del("X-Request-Id")
	h.Del("Date")
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		lines = append(lines, name+": "+strings.Join(h[name], " | "))
	}
	return fmt.Sprintf("%d\n%s\n\n%s", a.status, strings.Join(lines, "\n"), a.body)
}
