package web

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
)

func TestTakingBackIsOnePost(t *testing.T) {
	e := newEnv(t)
	contentType, body := parts(t, "List-Unsubscribe=One-Click")
	for name, row := range map[string]struct {
		contentType, body string
		left              int
	}{
		"RFC 8058":              {request.MediaForm, "List-Unsubscribe=One-Click", 0},
		"RFC 8058 in parts":     {contentType, body, 0},
		"the button":            {request.MediaForm, "", 0},
		"nothing":               {"", "", 0},
		"one purpose":           {request.MediaForm, "purposes=news", 1},
		"both":                  {request.MediaForm, "purposes=news&purposes=offers", 0},
		"none by an empty name": {request.MediaForm, "purposes=", 0},
		"one purpose one-click": {request.MediaForm, "List-Unsubscribe=One-Click&purposes=offers", 1},
	} {
		email := strings.ReplaceAll(name, " ", "-") + "@b.example"
		a := e.send("POST", "/v1/sites/club/subscriptions",
			`{"email":"`+email+`","consent":true,"locale":"en","purposes":["news","offers"]}`, "Content-Type",
			request.MediaJSON)
		if a.status != 202 {
			t.Fatalf("%s: %d %s", name, a.status, a.body)
		}
		confirmation := e.path(e.email().Confirm)
		done := e.send("POST", confirmation, "")
		link := e.path(done.page(t).Find(`a[href*="/u/"]`).AttrOr("href", ""))
		if p := e.send("GET", link, ""); p.status != 200 || p.page(t).Find(".agreed li").Length() != 2 ||
			p.forms(t)[0] != link {
			t.Errorf("%s: what is agreed to: %d %s", name, p.status, p.body)
		}
		for _, bad := range []string{"purposes=other", "purposes=news&purposes=", "PURPOSES=news", "purposes[]=news"} {
			if a := e.send("POST", link, bad, "Content-Type", request.MediaForm, "Accept",
				request.MediaJSON); a.status != 422 {
				t.Errorf("%s: %s: %d %s", name, bad, a.status, a.body)
			}
		}
		headers := []string{}
		if row.contentType != "" {
			headers = append(headers, "Content-Type", row.contentType)
		}
		first := e.send("POST", link, row.body, headers...)
		again := e.send("POST", link, row.body, headers...)
		if first.status != 200 || first.header.Get("Set-Cookie") != "" || comparable(first) != comparable(again) {
			t.Errorf("%s: %d, then %d", name, first.status, again.status)
		}
		if got := first.page(t).Find(".purposes li").Length(); got != 2 {
			t.Errorf("%s: the page names %d purposes", name, got)
		}
		p := e.send("GET", link, "")
		if got := p.page(t).Find("form button.main").Length(); got != row.left {
			t.Errorf("%s: %d purposes are left, want %d", name, got, row.left)
		}
		if p := e.send("GET", confirmation, ""); p.page(t).Find(".purposes li").Length() != row.left {
			t.Errorf("%s: the letter's link shows %d purposes, want %d", name, p.page(t).Find(".purposes li").Length(),
				row.left)
		}
		var state struct{ State string }
		must(t, json.Unmarshal([]byte(e.send("POST", link, "", "Accept", request.MediaJSON).body), &state))
		if state.State != "withdrawn" {
			t.Errorf("%s: %s", name, state.State)
		}
	}
}

// The link is the whole act: what mail programs and webmails write around it makes it neither more nor less.
func TestTakingBackNeverFailsOnALabel(t *testing.T) {
	e := newEnv(t)
	multi, inParts := parts(t, "List-Unsubscribe=One-Click")
	one, named := parts(t, "purposes=news")
	const form = request.MediaForm
	const oneClick, both, left = "List-Unsubscribe=One-Click", 0, 1
	for name, row := range map[string]struct {
		headers []string
		body    string
		left    int // of two purposes
	}{
		"no type":               {nil, oneClick, both},
		"text":                  {[]string{"Content-Type", "text/plain;charset=UTF-8"}, oneClick, both},
		"bytes":                 {[]string{"Content-Type", "application/octet-stream"}, oneClick, both},
		"no type that there is": {[]string{"Content-Type", "?;="}, oneClick, both},
		"two types":             {[]string{"Content-Type", "text/plain", "Content-Type", "x/y"}, oneClick, both},
		"utf8":                  {[]string{"Content-Type", form + "; charset=utf8"}, oneClick, both},
		"latin-1":               {[]string{"Content-Type", form + "; charset=ISO-8859-1"}, oneClick, both},
		"utf-16":                {[]string{"Content-Type", form + "; charset=utf-16"}, "\xff\xfeL\x00", both},
		"parts in latin-1":      {[]string{"Content-Type", multi + "; charset=ISO-8859-1"}, inParts, both},
		"parts, unlabelled":     {nil, inParts, both},
		"parts without a mark":  {[]string{"Content-Type", request.MediaMultipart}, inParts, both},
		"parts that are none":   {[]string{"Content-Type", multi}, oneClick, both},
		"other fields":          {[]string{"Content-Type", form}, oneClick + "&x=%ff&y=100%&z", both},
		"JSON":                  {[]string{"Content-Type", request.MediaJSON}, "{}", both},
		"JSON, null":            {[]string{"Content-Type", request.MediaJSON}, `{"purposes":null}`, both},
		"JSON, none":            {[]string{"Content-Type", request.MediaJSON}, `{"purposes":[]}`, both},
		"JSON, a number":        {[]string{"Content-Type", request.MediaJSON}, `{"purposes":7}`, both},
		"JSON, other fields":    {[]string{"Content-Type", request.MediaJSON}, `{"reason":"spam"}`, both},
		"JSON that is cut":      {[]string{"Content-Type", request.MediaJSON}, `{"purposes":["ne`, both},
		"JSON, one":             {[]string{"Content-Type", request.MediaJSON}, `{"purposes":["news"]}`, left},
		"JSON labelled a form":  {[]string{"Content-Type", form}, `{"purposes":["news"]}`, left},
		"a form labelled JSON":  {[]string{"Content-Type", request.MediaJSON}, "purposes=news", left},
		"a form labelled text":  {[]string{"Content-Type", "text/plain"}, "purposes=news", left},
		"parts, one":            {[]string{"Content-Type", one}, named, left},
		"parts labelled text":   {[]string{"Content-Type", "text/plain"}, named, left},
		"compressed":            {[]string{"Content-Encoding", "gzip"}, "\x1f\x8b\x08", both},
		"a webmail":             {[]string{"Sec-Fetch-Site", "cross-site", "Content-Type", form}, oneClick, both},
		"a webmail of old":      {[]string{"Origin", "https://mail.example", "Content-Type", form}, oneClick, both},
		"a page that hides":     {[]string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, "", both},
		"several origins":       {[]string{"Origin", "null", "Origin", "x"}, "", both},
		"with strange cookies": {
			[]string{"Cookie", "a=b; __Host-optin=x", "Authorization", "Basic x"}, oneClick, both,
		},
		"one, from another site": {[]string{"Sec-Fetch-Site", "cross-site"}, "purposes=offers", left},
	} {
		link := e.agreedToBoth(strings.NewReplacer(" ", "-", ",", "").Replace(name) + "@b.example")
		a := e.send("POST", link, row.body, row.headers...)
		if a.status != 200 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if got := e.send("GET", link, "").page(t).Find("form button.main").Length(); got != row.left {
			t.Errorf("%s: %d purposes are left, want %d", name, got, row.left)
		}
	}
	// A wrong link stays one, and purposes that the site does not have are not all of them.
	link := e.agreedToBoth("ada@b.example")
	for name, row := range map[string]struct {
		path, media, body string
		status            int
	}{
		"a link that was cut":      {link[:len(link)-3], request.MediaForm, oneClick, 404},
		"a link that was changed":  {link + "x", request.MediaForm, oneClick, 404},
		"another purpose":          {link, "text/plain", "purposes=other", 422},
		"another purpose, JSON":    {link, request.MediaJSON, `{"purposes":["news","other"]}`, 422},
		"another spelling":         {link, request.MediaJSON, `{"Purposes":["news"]}`, 422},
		"purposes named two times": {link, request.MediaJSON, `{"purposes":["news"],"purposes":["offers"]}`, 422},
	} {
		a := e.send("POST", row.path, row.body, "Content-Type", row.media, "Accept", request.MediaJSON)
		if a.status != row.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if got := e.send("GET", link, "").page(t).Find("form button.main").Length(); got == 0 {
		t.Error("a call that was refused took something back")
	}
}

// The right to take consent back does not depend on what a program sends beside the link. Of a body that is too large,
// or that breaks off, no more than the bound is read, and nothing is believed.
func TestTakingBackNeverFailsOnItsBody(t *testing.T) {
	e := newEnv(t)
	many := "List-Unsubscribe=One-Click&x=" + strings.Repeat("x", MaxBody)
	const chunked = "Transfer-Encoding: chunked\r\n"
	for name, row := range map[string]struct{ headers, body string }{
		"too much, said":       {fmt.Sprintf("Content-Length: %d\r\n", len(many)), many},
		"too much, only said":  {"Content-Length: 100000000\r\n", ""},
		"too much, in chunks":  {chunked, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(many), many)},
		"a broken chunk":       {chunked, "zz\r\npurposes=news\r\n"},
		"broken behind a name": {chunked, "d\r\npurposes=news\r\nzz\r\n"},
		"too much behind a name": {
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 20000\r\n",
			"purposes=news&x=" + strings.Repeat("x", 19984),
		},
	} {
		link := e.agreedToBoth(strings.NewReplacer(" ", "-", ",", "").Replace(name) + "@b.example")
		if status := e.raw("POST", link, row.headers+"\r\n"+row.body); status != 200 {
			t.Errorf("%s: %d", name, status)
		}
		if left := e.send("GET", link, "").page(t).Find("form button.main").Length(); left != 0 {
			t.Errorf("%s: %d purposes are left", name, left)
		}
	}
	if status := e.raw("POST", "/u/unknown", "Content-Length: 100000000\r\n"); status != 404 {
		t.Errorf("a link that is none: %d", status)
	}
}

// agreedToBoth confirms both purposes of the club, and returns the link that takes them back.
func (e *env) agreedToBoth(email string) string {
	e.Helper()
	a := e.send("POST", "/v1/sites/club/subscriptions",
		`{"email":"`+email+`","consent":true,"locale":"en","purposes":["news","offers"]}`,
		"Content-Type", request.MediaJSON)
	if a.status != 202 {
		e.Fatalf("%s: %d %s", email, a.status, a.body)
	}
	done := e.send("POST", e.path(e.email().Confirm), "")
	return e.path(done.page(e).Find(`a[href*="/u/"]`).AttrOr("href", ""))
}

func TestAConsentThatWasTakenBackIsNotBroughtBackByItsLink(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	link := e.path(e.email().Confirm)
	back := e.path(e.send("POST", link, "").page(t).Find(`a[href*="/u/"]`).AttrOr("href", ""))
	e.send("POST", back, "")
	for _, method := range []string{"GET", "POST"} {
		if a := e.send(method, link, ""); a.status != 409 || a.page(t).Find(`a[href="/s/gazette"]`).Length() != 1 {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
		if top, _ := e.send(method, link, "", "Accept", request.MediaJSON).problem(t); top != "withdrawn" {
			t.Errorf("%s: %s", method, top)
		}
	}
	if e.state("ada@b.example") != consent.Withdrawn {
		t.Errorf("the state is %s", e.state("ada@b.example"))
	}
}

func TestATextKeepsTheLanguageItWasShownIn(t *testing.T) {
	e := newEnv(t)
	st := e.web.sites["club"]
	got := e.web.pages.purposes(st, "en",
		[]consent.PurposeStatus{{ID: "news", Text: "Recevoir news"}, {ID: "news", Text: "Receive news"},
			{ID: "gone", Text: "?"}})
	langs := []string{got[0].Lang, got[1].Lang, got[2].Lang}
	if !slices.Equal(langs, []string{"fr", "", ""}) {
		t.Errorf("languages %q of %v", langs, got)
	}
	same := &site{Site: Site{Locales: []string{"fr", "en"}},
		rules: confirm.Site{Purposes: []confirm.Purpose{{ID: "news",
			Text: map[string]string{"fr": "Info", "en": "Info"}}}}}
	if got := same.languageOf(consent.PurposeStatus{ID: "news", Text: "Info"}, "en"); got != "en" {
		t.Errorf("a text that is the same in both languages is shown as %s", got)
	}
}

// forget starts the gazette again, with one purpose fewer than before.
func (e *env) forget(purpose string) {
	e.Helper()
	sites := rules()
	sites[0].Purposes = slices.DeleteFunc(sites[0].Purposes, func(p confirm.Purpose) bool { return p.ID == purpose })
	o := e.web.Options
	e.service = serviceWith(e, o, sites)
	o.Service = e.service
	var err error
	e.web, err = newApp(o)
	must(e, err)
	e.http = httptest.NewServer(e.web.echo)
	e.Cleanup(e.http.Close)
}

func TestAServerTakesBackWhatTheSiteNoLongerOffers(t *testing.T) {
	e := newEnv(t, func(o *Options) {
		sites := rules()
		sites[0].Purposes = append(sites[0].Purposes,
			confirm.Purpose{ID: "paper", Text: map[string]string{"en": "Receive paper", "fr": "Recevoir paper"}})
		o.Service = serviceWith(t, *o, sites)
	})
	e.service = e.web.Options.Service
	for _, email := range []string{"ada@b.example", "bob@b.example"} {
		purposes := `"letter","paper"`
		if email == "bob@b.example" {
			purposes = `"letter"`
		}
		e.send("POST", signupPath, `{"email":"`+email+`","consent":true,"purposes":[`+purposes+`]}`, "Content-Type",
			request.MediaJSON)
		e.send("POST", e.path(e.email().Confirm), "")
	}
	e.forget("paper")
	take := func(email, body string) answer {
		return e.send("POST", e.subscriptionPath(email)+"/withdraw", body,
			asSite(writeKey, "Content-Type", request.MediaJSON)...)
	}
	for _, row := range []struct{ email, body string }{
		{"bob@b.example", `{"purposes":["paper"]}`}, {"ada@b.example", `{"purposes":["paper","weather"]}`},
		{"ada@b.example", `{"purposes":["weather"]}`},
	} {
		if code, _ := take(row.email, row.body).problem(t); code != "purpose_unknown" {
			t.Errorf("%s %s: %s", row.email, row.body, code)
		}
	}
	if a := e.send("POST", signupPath+"/AAAAAAAAAAAAAAAAAAAAAA/withdraw", `{"purposes":["paper"]}`,
		asSite(writeKey, "Content-Type", request.MediaJSON)...); a.status != 404 {
		t.Errorf("of nobody: %d %s", a.status, a.body)
	}
	var st consent.Status
	take("ada@b.example", `{"purposes":["paper"]}`).read(t, 200, &st)
	states := map[string]consent.State{}
	for _, p := range st.Purposes {
		states[p.ID] = p.State
	}
	if states["paper"] != consent.Withdrawn || states["letter"] != consent.Confirmed ||
		e.state("bob@b.example") != consent.Confirmed {
		t.Errorf("afterwards: %v, bob %s", states, e.state("bob@b.example"))
	}
}
