package web

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web/request"
)

// workOf is the work that a page brings along.
func (a answer) workOf(t testing.TB) (c challenge.Challenge) {
	t.Helper()
	must(t, json.Unmarshal([]byte(a.page(t).Find("form.signup").AttrOr("data-challenge", "none")), &c))
	return c
}

func TestTheHostedPagesPolicyAllowsWhatItsProofNeedsAndNoMore(t *testing.T) {
	const base = "default-src 'none'; style-src 'self'; img-src 'self'; " +
		"form-action 'self' https://gazette.example; base-uri 'none'; frame-ancestors 'none'"
	busy := func(t *surge.Site) { t.Policy = surge.ChallengeOnSurge }
	never := func(t *surge.Site) { t.Policy = surge.ChallengeNever }
	for name, row := range map[string]struct {
		terms   func(*surge.Site)
		captcha challenge.Kind
		want    string
	}{
		"never":                 {never, "", base},
		"never, with a captcha": {never, challenge.Turnstile, base},
		"busy":                  {busy, "", base}, // nobody was asked for a proof yet
		"always":                {always, "", base + "; script-src 'self'"},
		"busy, with a captcha":  {busy, challenge.Turnstile, base},
		"always, by Turnstile": {always, challenge.Turnstile,
			base + "; script-src https://challenges.cloudflare.com; frame-src https://challenges.cloudflare.com"},
		"always, by Friendly": {always, challenge.Friendly,
			base + "; script-src https://cdn.jsdelivr.net/npm/@friendlycaptcha/sdk@0.2.0/site.min.js; frame-src " +
				"https://*.frcapi.com"},
		"always, by hCaptcha": {always, challenge.HCaptcha,
			strings.Replace(base, "style-src 'self'", "style-src 'self' https://hcaptcha.com https://*.hcaptcha.com",
				1) +
				"; script-src https://hcaptcha.com https://*.hcaptcha.com; frame-src https://hcaptcha.com " +
				"https://*.hcaptcha.com; connect-src https://hcaptcha.com https://*.hcaptcha.com"},
	} {
		e := newChallengeEnv(t, row.terms, func(o *Options) {
			if row.captcha != "" {
				withCaptcha(t, o, row.captcha, "https://captcha.invalid/")
			}
		})
		if got := e.send("GET", "/s/gazette", "").header.Get("Content-Security-Policy"); got != row.want {
			t.Errorf("%s:\n%s", name, cmp.Diff(row.want, got))
		}
		for _, path := range []string{"/s/gazette/sent", "/s/club/sent", "/docs", "/healthz", "/s/other"} {
			if got := e.send("GET", path, "", "Accept",
				"text/html").header.Get("Content-Security-Policy"); strings.Contains(got, "script-src") ||
				strings.Contains(got, "https://challenges") {
				t.Errorf("%s, %s: %s", name, path, got)
			}
		}
	}
}

func TestWithoutJavaScriptThePageComesBackWithNothingLost(t *testing.T) {
	for lang, rows := range map[string]map[string]struct {
		terms func(*surge.Site)
		words string
	}{
		"en": {"busy": {oneIsMany, "Very many people are signing up just now"},
			"always": {always, "Please send this once more, with JavaScript on."}},
		"fr": {"busy": {oneIsMany, "Les inscriptions sont très nombreuses en ce moment"},
			"always": {always, "Merci d’envoyer encore une fois, avec JavaScript activé."}},
	} {
		for name, row := range rows {
			e := newChallengeEnv(t, row.terms)
			for i := range 5 {
				e.send("POST", signupPath, `{"email":"p`+string(rune('0'+i))+`@b.example","consent":true}`,
					"Content-Type", request.MediaJSON)
			}
			before := len(e.emails())
			a := e.send("POST", signupPath, e.hosted("gazette", "email=ada%40b.example&consent=true&locale="+lang),
				ours("text/html")...)
			p := a.page(t)
			if a.status != 422 || p.Find(".errors li").Length() != 1 ||
				!strings.Contains(p.Find(".errors li").Text(), row.words) ||
				p.Find("input[name=email]").AttrOr("value", "") != "ada@b.example" ||
				p.Find("input[checked]").Length() != 0 {
				t.Fatalf("%s, %s: %d %s", lang, name, a.status, a.body)
			}
			if csp := a.header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "; script-src 'self'") ||
				p.Find("html").AttrOr("lang", "") != lang {
				t.Errorf("%s, %s: %s", lang, name, csp)
			}
			if e.state("ada@b.example") != "" || len(e.emails()) != 0 || name == "busy" && before != 5 {
				t.Errorf("%s, %s: something was done", lang, name)
			}
			form := a.formOf(t)
			form.Set("consent", "true")
			form.Set("altcha", solved(a.workOf(t)))
			if a := e.send("POST", signupPath, form.Encode(), ours("text/html")...); a.status != 303 ||
				e.state("ada@b.example") != consent.Pending {
				t.Errorf("%s, %s: with the proof: %d %s", lang, name, a.status, a.body)
			}
		}
	}
}

func TestAProofThatDoesNotCountShowsThePageWithFreshWork(t *testing.T) {
	e := newChallengeEnv(t, always)
	proof := e.proof("gazette")
	fields := "email=ada%40b.example&consent=true&altcha=" + url.QueryEscape(proof)
	if a := e.send("POST", signupPath, e.hosted("gazette", fields), ours("text/html")...); a.status != 303 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a := e.send("POST", signupPath, e.hosted("gazette", strings.Replace(fields, "ada", "bob", 1)), ours("text/html")...)
	if a.status != 422 || !strings.Contains(a.page(t).Find(".errors li").Text(), "came too late, or was used before") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if _, _, err := e.web.Options.Work.Check("gazette", solved(a.workOf(t))); err != nil {
		t.Error(err)
	}
}

func TestAWebsitesFormWithoutAProofLeadsToOurPage(t *testing.T) {
	e := newChallengeEnv(t, always)
	form := []string{"Content-Type", request.MediaForm, "Origin", "https://gazette.example", "Accept", "text/html"}
	a := e.send("POST", signupPath,
		"email=ada%40b.example&consent=on&locale=fr&redirect=https://gazette.example/thanks/x", form...)
	if a.status != 422 || a.page(t).Find("form.signup").AttrOr("action", "") != signupPath ||
		a.header.Get("Referrer-Policy") != "same-origin" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	again := a.formOf(t)
	again.Set("consent", "true")
	again.Set("altcha", solved(a.workOf(t)))
	done := e.send("POST", signupPath, again.Encode(), ours("text/html")...)
	if done.status != 303 || done.header.Get("Location") != "https://gazette.example/thanks/x" ||
		e.email().Locale != "fr" {
		t.Errorf("%d %v", done.status, done.header)
	}
	// What is wrong in itself is told as before; and a program is told as a program.
	if a := e.send("POST", signupPath, "email=ada&consent=on", form...); a.status != 422 ||
		a.page(t).Find("form").Length() != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := e.send("POST", signupPath, `{"email":"ada@b.example","consent":true}`, "Content-Type", request.MediaJSON,
		"Accept", "text/html"); a.status != 422 || a.page(t).Find("form").Length() != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Where it may not send its people, it is told so first.
	a = e.send("POST", signupPath, "email=ada%40b.example&consent=on&redirect=https://evil.example/", form...)
	if a.status != 422 || strings.Contains(a.body, "evil.example") || a.page(t).Find("form").Length() != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
