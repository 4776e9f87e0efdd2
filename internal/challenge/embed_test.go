package challenge

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const signupPath = "/v1/sites/gazette/subscriptions"

// sent is one post of embed.js.
type sent struct {
	altcha, token, once, media, email string
}

// optin serves signups for a website's page: one answer after another, then always the last. Each CHALLENGE in them is
// a new one.
func optin(t *testing.T, w *Work, pages map[string]string, answers ...string) (at string, posts *[]sent) {
	t.Helper()
	posts = &[]sent{}
	at = serve(t, "", pages, func(mux *http.ServeMux) {
		mux.HandleFunc("OPTIONS "+signupPath, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Allow-Headers", "Content-Type, Idempotency-Key")
		})
		mux.HandleFunc("POST "+signupPath, func(rw http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			var body map[string]any
			_ = json.Unmarshal(b, &body)
			text := func(name string) string { s, _ := body[name].(string); return s }
			*posts = append(*posts, sent{
				text("altcha"), text("cf-turnstile-response"), r.Header.Get("Idempotency-Key"),
				r.Header.Get("Content-Type"), text("email"),
			})
			question, _ := json.Marshal(w.Make("gazette"))
			status, said := 0, ""
			_, _ = fmt.Sscanf(answers[min(len(*posts), len(answers))-1], "%d %s", &status, &said)
			rw.Header().Set("Access-Control-Allow-Origin", "*")
			rw.Header().Set("Content-Type", "application/problem+json")
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, strings.ReplaceAll(said, "CHALLENGE", string(question)))
		})
	})
	return at, posts
}

const (
	accepted = `202 {"status":"accepted"}`
	needed   = `422 {"status":422,"code":"challenge_required","errors":[{"field":"altcha","code":"challenge_required"}],"challenge":CHALLENGE}`
	another  = `422 {"status":422,"code":"email_undeliverable","errors":[{"field":"email","code":"email_undeliverable"},{"field":"altcha","code":"challenge_required"}],"challenge":CHALLENGE}`
	captchas = `422 {"status":422,"code":"challenge_required","errors":[{"field":"captcha","code":"challenge_required"}],` +
		`"captcha":{"kind":"turnstile","site_key":"k","script":"https://challenges.cloudflare.com/turnstile/v0/api.js","field":"cf-turnstile-response"}}`
	busy = `503 {"status":503,"code":"unavailable"}`
)

// website serves a page of another origin with a form for optin, under the strictest policy that works.
func website(t *testing.T, optin, more string) string {
	t.Helper()
	page := `<!doctype html><html lang="fr"><title>x</title><script src="OPTIN/embed.js" defer></script><script src="/watch.js" defer></script>
<form data-optin="gazette" method="post" action="OPTIN` + signupPath + `"><input name="email" type="email"><label><input type="checkbox" name="consent" value="true"> oui</label>
` + more + `<button>OK</button></form>`
	watch := `window.seen = []; document.addEventListener("DOMContentLoaded", () => { const status = document.querySelector("[role=status]");
		new MutationObserver(() => seen.push(status.textContent)).observe(status, { childList: true }); });`
	policy := "default-src 'self'; script-src 'self' OPTIN; connect-src OPTIN; form-action OPTIN; base-uri 'none'"
	return serve(t, strings.ReplaceAll(policy, "OPTIN", optin),
		map[string]string{"/{$}": strings.ReplaceAll(page, "OPTIN", optin), "/watch.js": watch})
}

func (p *person) signUp(page string) {
	p.Helper()
	p.do(chromedp.Navigate(page), chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.example"),
		chromedp.Click(chromedp.CSS("[name=consent]")))
	p.press()
}

func TestAWebsitesFormIsSentAgainWithTheProofOfWorkThatWasAskedFor(t *testing.T) {
	p, w := newPerson(t), work(t)
	at, posts := optin(t, w, nil, needed, accepted)
	p.signUp(website(t, at, ""))
	p.until(`seen.length > 2 && seen.at(-1).startsWith("Plus qu’une étape")`)
	said := answer[string](p, `seen.slice(0, 2).join("|")`)
	if said != "Envoi…|Un instant\u202f: votre navigateur vérifie l’absence de robot…" {
		t.Errorf("meanwhile it says %q", said)
	}
	if len(*posts) != 2 || (*posts)[0].altcha != "" || (*posts)[1].email != "ada@b.example" {
		t.Fatalf("%+v", *posts)
	}
	if _, _, err := w.Check("gazette", (*posts)[1].altcha); err != nil {
		t.Error(err)
	}
	key := regexp.MustCompile(`^"\d+-\d+-\d+-\d+"$`)
	if first, second := (*posts)[0].once, (*posts)[1].once; !key.MatchString(first) || !key.MatchString(second) ||
		first == second {
		t.Errorf("the keys of two bodies are %s and %s", first, second)
	}
}

func TestAWebsitesFormIsSentAgainOnceOnly(t *testing.T) {
	p, w := newPerson(t), work(t)
	at, posts := optin(t, w, nil, needed)
	p.signUp(website(t, at, ""))
	p.until(`seen.at(-1) === "Cela n’a pas fonctionné. Merci de réessayer dans un instant."`)
	if len(*posts) != 2 {
		t.Errorf("%+v", *posts)
	}
}

func TestNoProofOfWorkIsDoneForASignupThatIsWrongAnyway(t *testing.T) {
	p, w := newPerson(t), work(t)
	at, posts := optin(t, w, nil, another)
	p.signUp(website(t, at, ""))
	p.until(`document.querySelector(".optin-error")?.textContent.startsWith("La partie après")`)
	if len(*posts) != 1 || answer[bool](p, `"optinSolve" in window`) {
		t.Errorf("%+v", *posts)
	}
}

func TestASignupThatFailedForNowIsSentAgainUnderItsKey(t *testing.T) {
	p, w := newPerson(t), work(t)
	at, posts := optin(t, w, nil, busy, busy, accepted, accepted)
	p.signUp(website(t, at, ""))
	p.until(`seen.length === 2`)
	p.press()
	p.until(`seen.length === 4`)
	p.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "\b\bm"))
	p.press()
	p.until(`seen.length === 6`)
	p.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.exampm"),
		chromedp.Click(chromedp.CSS("[name=consent]")))
	p.press()
	p.until(`seen.length === 8`)
	k := *posts
	if len(k) != 4 || k[0].once != k[1].once || k[2].once == k[1].once || k[3].once == k[2].once ||
		k[2].email != k[3].email {
		t.Errorf("%+v", k)
	}
}

// A website that pins embed.js pins challenge.js with it. Any other script does not run, and the form is posted
// plainly.
func TestAChallengeScriptWithAnotherChecksumIsNotRun(t *testing.T) {
	p, w := newPerson(t), work(t)
	at, posts := optin(t, w, map[string]string{"/challenge.js": `window.optinSolve = () => "evil";`}, needed)
	p.signUp(website(t, at, ""))
	p.until(`location.pathname === "` + signupPath + `"`)
	if len(*posts) != 2 || (*posts)[1].media != "application/x-www-form-urlencoded" {
		t.Errorf("%+v", *posts)
	}
}

func TestAFormWithoutTheCaptchaIsPostedPlainly(t *testing.T) {
	p, w := newPerson(t), work(t)
	at, posts := optin(t, w, nil, captchas)
	p.signUp(website(t, at, ""))
	p.until(`location.pathname === "` + signupPath + `"`)
	if len(*posts) != 2 || (*posts)[1].media != "application/x-www-form-urlencoded" {
		t.Errorf("%+v", *posts)
	}
}

func TestAFormsOwnCaptchaIsSentAlong(t *testing.T) {
	p, w := newPerson(t), work(t)
	at, posts := optin(t, w, nil, captchas)
	p.signUp(website(t, at, `<input type="hidden" name="cf-turnstile-response" value="a.token">
<input type="hidden" name="secret-response-x" value="no">`))
	p.until(`seen.at(-1) === "Cela n’a pas fonctionné. Merci de réessayer dans un instant."`)
	if len(*posts) != 1 || (*posts)[0].token != "a.token" || (*posts)[0].media != "application/json" {
		t.Errorf("%+v", *posts)
	}
}
