package web

import (
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// ours are the headers of a browser that posts our own page; its cookie makes its answers comparable.
func ours(accept string) []string {
	return []string{"Content-Type", request.MediaForm, "Accept", accept, "Origin", publicURL, "Cookie",
		"__Host-optin=AAAAAAAAAAAAAAAAAAAAAA"}
}

func TestASignupInTheTrapIsAnsweredAsAnyOtherAndDropped(t *testing.T) {
	for name, bait := range map[string]string{"a word": "subject=x", "several": "subject=&subject=x",
		"a control character": "subject=%00"} {
		e := newEnv(t)
		const fields = "email=secret%40b.example&consent=on&"
		quick := e.send("POST", signupPath, fields+bait, ours("text/html")...) // without a stamp, too
		got := e.send("POST", signupPath, e.hosted("gazette", fields+bait), ours("text/html")...)
		program := e.send("POST", signupPath, e.hosted("gazette", fields+bait), ours(request.MediaJSON)...)
		e.untouched()
		if n := strings.Count(e.log.String(), `"dropped":"trap"`); n != 3 ||
			strings.Contains(e.log.String(), "secret") {
			t.Errorf("%s: %d lines say so: %s", name, n, e.log)
		}
		want := e.send("POST", signupPath, e.hosted("gazette", fields), ours("text/html")...)
		if comparable(got) != comparable(want) || comparable(quick) != comparable(want) || want.status != 303 {
			t.Errorf("%s: %s\nwithout: %s", name, comparable(got), comparable(want))
		}
		if want := e.send("POST", signupPath, e.hosted("gazette", fields),
			ours(request.MediaJSON)...); comparable(program) != comparable(want) {
			t.Errorf("%s: a script is answered %s\nwithout: %s", name, comparable(program), comparable(want))
		}
		if e.state("secret@b.example") != consent.Pending || strings.Count(e.log.String(), "dropped") != 3 {
			t.Errorf("%s: who left it empty is %q", name, e.state("secret@b.example"))
		}
	}
}

func TestASignupInTheTrapIsCountedAndCorrectedAsAnyOther(t *testing.T) {
	e := newEnv(t, limitedTo(Limits{SignupsPerIP: []store.Limit{{N: 1, Per: time.Minute}}}))
	for _, row := range []struct {
		fields string
		want   int
	}{{"email=nobody&consent=on", 422}, {"email=a%40b.example", 422}, {"email=a%40b.example&consent=on", 303},
		{"email=a%40b.example&consent=on", 429}} {
		if a := e.send("POST", signupPath, row.fields+"&subject=x", ours("text/html")...); a.status != row.want {
			t.Errorf("%s: %d, want %d", row.fields, a.status, row.want)
		}
	}
	e.untouched()
}

func TestTheFieldsOfOurPageAreNobodyElses(t *testing.T) {
	for name, row := range map[string]struct{ media, body, origin string }{
		"a program": {request.MediaJSON, `{"email":"ada@b.example","consent":true,"subject":"x","stamp":["y"]}`,
			""},
		"a script": {request.MediaJSON, `{"email":"ada@b.example","consent":true,"subject":{},"Stamp":1}`,
			"https://gazette.example"},
		"our own script": {request.MediaJSON, `{"email":"ada@b.example","consent":true,"subject":"x"}`, publicURL},
		"a website form": {request.MediaForm, "email=ada@b.example&consent=on&subject=x&subject=y&stamp=z",
			"https://gazette.example"},
		"a form": {request.MediaForm, "email=ada@b.example&consent=on&subject=x&stamp=1.z", ""},
	} {
		e := newEnv(t)
		headers := []string{"Content-Type", row.media}
		if row.origin != "" {
			headers = append(headers, "Origin", row.origin)
		}
		if a := e.send("POST", signupPath, row.body, headers...); a.status >= 400 ||
			e.state("ada@b.example") != consent.Pending {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestAPersonWhoIsTooQuickPressesOnceMore(t *testing.T) {
	for lang, words := range map[string]string{"en": "faster than a person", "fr": "plus rapide que d’ordinaire"} {
		e := newEnv(t)
		form := e.send("GET", "/s/gazette?lang="+lang, "").formOf(t)
		form.Set("email", "ada@b.example")
		form.Set("consent", "true")
		e.clock.pass(defaultFill - time.Millisecond)
		a := e.send("POST", signupPath, form.Encode(), ours("text/html")...)
		p := a.page(t)
		if a.status != 422 || !strings.Contains(p.Find(".errors li").Text(), words) ||
			p.Find(".errors li").Length() != 1 || p.Find("input[checked]").Length() != 0 {
			t.Fatalf("%s: %d %s", lang, a.status, a.body)
		}
		e.untouched()
		again := a.formOf(t)
		if again.Get("email") != "ada@b.example" || again.Get("locale") != lang {
			t.Errorf("%s: %v came back", lang, again)
		}
		again.Set("consent", "true")
		if a := e.send("POST", signupPath, again.Encode(), ours("text/html")...); a.status != 303 ||
			e.state("ada@b.example") != consent.Pending {
			t.Errorf("%s: the second press: %d %s", lang, a.status, a.body)
		}
	}
}

func TestAPersonWhoCorrectsAMistakeNeedNotWait(t *testing.T) {
	e := newEnv(t)
	form := e.send("POST", signupPath, "email=ada%40b.example", ours("text/html")...).formOf(t)
	form.Set("consent", "true")
	if a := e.send("POST", signupPath, form.Encode(), ours("text/html")...); a.status != 303 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestOnlyAFreshPageOfThisSiteCounts(t *testing.T) {
	e := newEnv(t, func(o *Options) { o.Keyring = ringOf(t, "n", "o") })
	now := e.clock.now()
	made := func(secret, site string, ago time.Duration) string {
		form := &signupPage{stamps: &stamps{ring: ringOf(t, secret)}, fill: defaultFill}
		return form.stamp(e.web.sites[site], now.Add(-ago))
	}
	good := made("n", "gazette", time.Hour)
	at, sum, _ := strings.Cut(good, ".")
	for name, row := range map[string]struct{ fields, code string }{
		"a page":               {"stamp=" + good, ""},
		"by an older secret":   {"stamp=" + made("o", "gazette", time.Hour), ""},
		"just slow enough":     {"stamp=" + made("n", "gazette", defaultFill), ""},
		"a day old":            {"stamp=" + made("n", "gazette", stampLife), ""},
		"older than a day":     {"stamp=" + made("n", "gazette", stampLife+time.Millisecond), "page_expired"},
		"too quick":            {"stamp=" + made("n", "gazette", defaultFill-time.Millisecond), "too_quick"},
		"of tomorrow":          {"stamp=" + made("n", "gazette", -24*time.Hour), "too_quick"},
		"none":                 {"", "page_expired"},
		"an empty one":         {"stamp=", "page_expired"},
		"two":                  {"stamp=" + good + "&stamp=" + good, "page_expired"},
		"in another spelling":  {"STAMP=" + good, "page_expired"},
		"another site's":       {"stamp=" + made("n", "club", time.Hour), "page_expired"},
		"by a secret not ours": {"stamp=" + made("x", "gazette", time.Hour), "page_expired"},
		"another moment":       {"stamp=" + at[:len(at)-1] + "." + sum, "page_expired"},
		"another sum":          {"stamp=" + at + "." + strings.Repeat("A", len(sum)), "page_expired"},
		"no sum":               {"stamp=" + at + ".", "page_expired"},
		"a moment alone":       {"stamp=" + at, "page_expired"},
		"a sum alone":          {"stamp=." + sum, "page_expired"},
		"no moment":            {"stamp=x." + e.web.stamps.sums("signup page", "gazette", "x")[0], "page_expired"},
	} {
		a := e.send("POST", signupPath, "email=ada%40b.example&consent=on&"+row.fields, ours("text/html")...)
		if (row.code == "") != (a.status == 303) || row.code != "" && a.status != 422 {
			t.Errorf("%s: %d", name, a.status)
		}
		if row.code == "" {
			continue
		}
		j := e.send("POST", signupPath, "email=ada%40b.example&consent=on&"+row.fields, ours(request.MediaJSON)...)
		if code, _ := j.problem(t); code != row.code {
			t.Errorf("%s: %s, want %s", name, code, row.code)
		}
	}
}

func TestWithoutALeastTimeNoPageHasAStamp(t *testing.T) {
	e := newEnv(t, func(o *Options) { o.Fill = -1 })
	if form := e.send("GET", "/s/gazette", "").formOf(t); form.Has(fieldStamp) || !form.Has(fieldTrap) {
		t.Errorf("the page's form: %v", form)
	}
	if a := e.send("POST", signupPath, "email=ada%40b.example&consent=on", ours("text/html")...); a.status != 303 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := e.send("POST", signupPath, "email=bob%40b.example&consent=on&subject=x",
		ours("text/html")...); a.status != 303 || e.state("bob@b.example") != "" {
		t.Errorf("the trap: %d, %q", a.status, e.state("bob@b.example"))
	}
}

func TestOurOwnPageComesBackWithWhatToCorrect(t *testing.T) {
	e := newEnv(t)
	ours := []string{"Content-Type", request.MediaForm, "Accept", "text/html", "Origin", publicURL}
	a := e.send("POST", "/v1/sites/club/subscriptions", `email=%22%3E%3Cscript%3E&locale=en`, ours...)
	p := a.page(t)
	if a.status != 422 || p.Find("input[name=email]").AttrOr("value", "") != `"><script>` ||
		p.Find("script").Length() != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if p.Find("input[checked]").Length() != 0 || p.Find(".errors li").Length() != 3 ||
		a.header.Get("Content-Language") != "en" {
		t.Errorf("the page: %s", a.body)
	}
	if a.header.Get("Referrer-Policy") != "same-origin" { // or the next post would have no origin
		t.Errorf("Referrer-Policy: %s", a.header.Get("Referrer-Policy"))
	}
	ours[5] = "null" // a browser's privacy setting
	if a := e.send("POST", "/v1/sites/club/subscriptions", "email=x",
		append(ours, "Sec-Fetch-Site", "same-origin")...); a.status != 422 || a.page(t).Find("form").Length() != 1 {
		t.Errorf("without an origin: %d %s", a.status, a.body)
	}
	e.untouched()
}

func TestTheHostedPageSpeaksTheReadersLanguage(t *testing.T) {
	e := newEnv(t)
	for _, row := range []struct{ path, accept, want string }{
		{"/s/gazette", "", "en"}, {"/s/gazette", "fr-CH, en;q=0.5", "fr"}, {"/s/gazette?lang=fr", "en", "fr"},
		{"/s/gazette?lang=%00%ff", "de", "en"}, {"/s/club", "", "fr"}, {"/s/club?lang=en", "", "en"},
	} {
		a := e.send("GET", row.path, "", "Accept-Language", row.accept)
		p := a.page(t)
		if a.status != 200 || a.header.Get("Content-Language") != row.want ||
			p.Find("html").AttrOr("lang", "") != row.want ||
			p.Find("input[name=locale]").AttrOr("value", "") != row.want || p.Find("input[checked]").Length() != 0 {
			t.Errorf("%s %s: %d %v", row.path, row.accept, a.status, a.header)
		}
	}
	if a := e.send("GET", "/s/other", "", "Accept", "text/html"); a.status != 404 ||
		a.page(t).Find("h1").Length() != 1 {
		t.Errorf("another site: %d", a.status)
	}
	csp := e.send("GET", "/s/gazette", "").header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "form-action 'self' https://gazette.example;") || strings.Contains(csp, "script-src") {
		t.Errorf("policy of the hosted page: %s", csp)
	}
}
