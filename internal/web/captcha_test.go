package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// withCaptcha gives the gazette a captcha that is verified at an address.
func withCaptcha(t testing.TB, o *Options, kind challenge.Kind, at string) {
	t.Helper()
	c, err := challenge.NewCaptcha(kind,
		challenge.CaptchaOptions{SiteKey: "a-site-key", Secret: "a-secret", URL: at, SendIP: true})
	must(t, err)
	g := o.Sites["gazette"]
	g.Captcha = c
	o.Sites["gazette"] = g
}

// service verifies captchas: the token "good" once, any other never. While it is broken it gives no answer.
type service struct {
	*httptest.Server
	mu     sync.Mutex
	broken bool
	spent  bool
	asked  []string // token and IP
}

func newService(t *testing.T) *service {
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		token := r.FormValue("response")
		s.asked = append(s.asked, token+" "+r.FormValue("remoteip"))
		good := token == "good" && !s.spent
		switch {
		case s.broken:
			w.WriteHeader(http.StatusBadGateway)
			return
		case good:
			s.spent = true
		}
		_, _ = fmt.Fprintf(w, `{"success":%t,"error-codes":["invalid-input-response"]}`, good)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) set(broken bool) { s.mu.Lock(); defer s.mu.Unlock(); s.broken = broken }
func (s *service) questions() int  { s.mu.Lock(); defer s.mu.Unlock(); return len(s.asked) }

// newCaptchaEnv returns an env whose gazette has Turnstile, verified by a service.
func newCaptchaEnv(t *testing.T, terms func(*surge.Site)) (*env, *service) {
	t.Helper()
	s := newService(t)
	return newChallengeEnv(t, terms, func(o *Options) { withCaptcha(t, o, challenge.Turnstile, s.URL) }), s
}

// bring signs an address up with a token and a proof of work.
func (e *env) bring(email, token, proof string) answer {
	e.Helper()
	return e.send("POST", signupPath,
		fmt.Sprintf(`{"email":%q,"consent":true,"cf-turnstile-response":%q,"altcha":%q}`, email, token, proof),
		"Content-Type", request.MediaJSON)
}

func TestACaptchaIsRequiredInThePlaceOfWork(t *testing.T) {
	e, s := newCaptchaEnv(t, always)
	for name, row := range map[string]struct{ token, proof, code string }{
		"nothing":        {"", "", "challenge_required"},
		"work":           {"", e.proof("gazette"), "challenge_required"},
		"a bad token":    {"bad", "", "challenge_invalid"},
		"one that never": {"good x", e.proof("gazette"), "challenge_invalid"},
	} {
		a := e.bring("ada@b.example", row.token, row.proof)
		code, _ := a.problem(t)
		d := a.asked(t)
		if a.status != 422 || code != row.code || d.Work != nil || d.Captcha == nil ||
			d.Captcha.SiteKey != "a-site-key" || d.Captcha.Script == "" ||
			!strings.Contains(a.body, `"field":"cf-turnstile-response","code"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	e.untouched()
	if a := e.bring("ada@b.example", "good", ""); a.status != 202 || e.state("ada@b.example") != consent.Pending {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := e.bring("bob@b.example", "good", ""); a.status != 422 || e.state("bob@b.example") != "" {
		t.Errorf("a second time: %d %s", a.status, a.body)
	}
	if s.asked[len(s.asked)-1] != "good "+clientIP {
		t.Errorf("the service is told %q", s.asked[len(s.asked)-1])
	}
	if a := e.send("POST", "/v1/sites/club/subscriptions", `{"email":"ada@b.example","consent":true,"purposes":"news"}`,
		"Content-Type", request.MediaJSON); a.asked(t).Work == nil {
		t.Errorf("a site without a captcha: %s", a.body)
	}
	a := e.send("POST", signupPath, `{"email":"ada@b.example","consent":true,"cf-turnstile-response":["good"]}`,
		"Content-Type", request.MediaJSON)
	if code, _ := a.problem(t); code != "field_invalid" {
		t.Errorf("a list of tokens: %s", a.body)
	}
}

func TestWithoutASurgeNoServiceIsAskedAndNoPageShowsTheCaptcha(t *testing.T) {
	e, s := newCaptchaEnv(t, oneIsMany)
	for i := range 5 {
		if a := e.bring(fmt.Sprintf("p%d@b.example", i), "bad", ""); a.status != 202 {
			t.Fatalf("%d: %d %s", i, a.status, a.body)
		}
	}
	if p := e.send("GET", "/s/gazette", "").page(t); s.questions() != 0 || p.Find("script, noscript").Length() != 0 {
		t.Errorf("%d questions; the page: %s", s.questions(), p.Text())
	}
	a := e.send("POST", signupPath, e.hosted("gazette", "email=ada%40b.example&consent=on"), ours("text/html")...)
	p := a.page(t)
	if a.status != 422 || p.Find("form .cf-turnstile[data-sitekey=a-site-key]").Length() != 1 ||
		p.Find("script").AttrOr("src", "") != "https://challenges.cloudflare.com/turnstile/v0/api.js" ||
		!strings.Contains(p.Find(".errors li").Text(), "the check above the button") ||
		!strings.Contains(a.header.Get("Content-Security-Policy"),
			"; script-src https://challenges.cloudflare.com; frame-src") {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	form := a.formOf(t)
	form.Set("consent", "on")
	form.Set("cf-turnstile-response", "good")
	if a := e.send("POST", signupPath, form.Encode(), ours("text/html")...); a.status != 303 ||
		e.state("ada@b.example") != consent.Pending {
		t.Errorf("with its token: %d %s", a.status, a.body)
	}
	// who comes now need not go twice
	if p := e.send("GET", "/s/gazette", "").page(t); p.Find(".cf-turnstile").Length() != 1 {
		t.Error("the page does not show it now")
	}
	if a := e.send("POST", signupPath, e.hosted("gazette", "email=x&consent=on"),
		ours("text/html")...); a.page(t).Find(".cf-turnstile").Length() != 1 {
		t.Error("a page that comes back for another reason does not show it")
	}
	e.clock.pass(challenge.ShowCaptchaFor)
	if p := e.send("GET", "/s/gazette", "").page(t); p.Find(".cf-turnstile").Length() != 0 {
		t.Error("the page shows it for ever")
	}
}

func TestASiteStaysOpenWhileItsCaptchasServiceIsUnavailable(t *testing.T) {
	for name, token := range map[string]string{"its widget works": "good", "nor does its widget": ""} {
		e, s := newCaptchaEnv(t, always)
		s.set(true)
		a := e.bring("ada@b.example", token, "")
		if code, _ := a.problem(t); a.status != 422 || code != "challenge_required" || a.asked(t).Captcha != nil ||
			a.asked(t).Work == nil {
			t.Fatalf("%s: %d %s", name, a.status, a.body)
		}
		if a := e.bring("ada@b.example", token, "x"); codeOf(t, a.body) != "challenge_invalid" { // the door is not open
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		e.untouched()
		proof := solved(*a.asked(t).Work)
		if a := e.bring("ada@b.example", token, proof); a.status != 202 || e.state("ada@b.example") != consent.Pending {
			t.Errorf("%s: with the work: %d %s", name, a.status, a.body)
		}
		if a := e.bring("bob@b.example", token, proof); codeOf(t, a.body) != "challenge_invalid" {
			t.Errorf("%s: the same once more: %d %s", name, a.status, a.body)
		}
		page := e.send("GET", "/s/gazette", "")
		if p := page.page(t); p.Find("form[data-challenge]").Length() != 1 || p.Find(".cf-turnstile").Length() != 0 ||
			!strings.HasSuffix(page.header.Get("Content-Security-Policy"), "; script-src 'self'") {
			t.Errorf("%s: the page still asks for the captcha", name)
		}
		if n := s.questions(); n != 1 { // nobody waits for it each time
			t.Errorf("%s: the service was asked %d times", name, n)
		}
		if log := e.log.String(); strings.Count(log, `"level":"WARN"`) != 1 ||
			!strings.Contains(log, "the captcha service gives no answer") || strings.Contains(log, "a-secret") {
			t.Errorf("%s: the log: %s", name, log)
		}
		s.set(false)
		e.clock.pass(challenge.AskAgainAfter)
		if a := e.bring("eve@b.example", "", e.proof("gazette")); a.status != 422 || a.asked(t).Captcha == nil {
			t.Errorf("%s: it is back: %d %s", name, a.status, a.body)
		}
	}
}

func TestAServiceThatIsThereIsNotAskedAfterEachTime(t *testing.T) {
	e, s := newCaptchaEnv(t, always)
	for i, want := range []int{1, 1, 1, 2} {
		if a := e.bring("ada@b.example", "", ""); a.status != 422 || s.questions() != want {
			t.Errorf("%d: %d, %d questions, want %d", i, a.status, s.questions(), want)
		}
		if i == 2 {
			e.clock.pass(challenge.AskAgainAfter)
		}
	}
}

func TestAServiceThatSaysYesToEverythingStillWantsAToken(t *testing.T) { // as Turnstile does with its secret for tests
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = io.WriteString(w, `{"success":true}`)
	}))
	t.Cleanup(s.Close)
	e := newChallengeEnv(t, always, func(o *Options) { withCaptcha(t, o, challenge.Turnstile, s.URL) })
	for range 2 {
		if a := e.bring("ada@b.example", "", ""); codeOf(t, a.body) != "challenge_required" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	e.untouched()
	if a := e.bring("ada@b.example", "x", ""); a.status != 202 {
		t.Errorf("with one: %d %s", a.status, a.body)
	}
}

func TestAClientThatHangsUpDoesNotMakeTheServiceLookUnavailable(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	e := newChallengeEnv(t, always, func(o *Options) { withCaptcha(t, o, challenge.Turnstile, s.URL) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, "POST", signupPath,
		strings.NewReader(`{"email":"ada@b.example","consent":true,"cf-turnstile-response":"x"}`))
	r.Header.Set("Content-Type", request.MediaJSON)
	rec := httptest.NewRecorder()
	e.web.echo.ServeHTTP(rec, r)
	if away, known := e.web.gate.Unavailable("gazette"); rec.Code != 503 || away || known {
		t.Errorf("%d, away %t", rec.Code, away)
	}
}

func TestACaptchasServiceIsAskedSoManyQuestionsAtOnceAndNoMore(t *testing.T) {
	var asked atomic.Int32
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		<-release
		_, _ = io.WriteString(w, `{"success":true}`)
	}))
	t.Cleanup(s.Close)
	e := newChallengeEnv(t, always, func(o *Options) { withCaptcha(t, o, challenge.Turnstile, s.URL) })
	var all sync.WaitGroup
	for i := range challenge.MaxQuestions {
		all.Go(func() {
			if a := e.bring(fmt.Sprintf("p%d@b.example", i), "x", ""); a.status != 202 {
				t.Errorf("%d: %d %s", i, a.status, a.body)
			}
		})
	}
	for end := time.Now().Add(2 * time.Second); asked.Load() < challenge.MaxQuestions && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	a := e.bring("ada@b.example", "x", "")
	if asked.Load() != challenge.MaxQuestions || a.status != 422 || a.asked(t).Work == nil {
		t.Errorf("%d are asked; one more: %d %s", asked.Load(), a.status, a.body)
	}
	close(release)
	all.Wait()
	if a := e.bring("ada@b.example", "x", ""); a.status != 202 {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}

func TestOneClientCannotKeepACaptchasServiceBusy(t *testing.T) {
	s := newService(t)
	e := newChallengeEnv(t, always, limitedTo(Limits{SignupsPerIP: []store.Limit{{N: 3, Per: time.Minute}}}),
		func(o *Options) { withCaptcha(t, o, challenge.Turnstile, s.URL) })
	for i, want := range []int{422, 422, 422, 429, 429} {
		if a := e.bring("ada@b.example", "bad", ""); a.status != want {
			t.Errorf("%d: %d %s", i, a.status, a.body)
		}
	}
	if n := s.questions(); n != 3 {
		t.Errorf("the service was asked %d times", n)
	}
}

func TestACaptchaNeedsWorkToFallBackTo(t *testing.T) {
	e := newEnv(t)
	o := e.web.Options
	o.Work = nil
	withCaptcha(t, &o, challenge.Turnstile, "")
	if _, err := newApp(o); err == nil || !strings.Contains(err.Error(), "site gazette: a captcha needs Options.Work") {
		t.Errorf("%v", err)
	}
}
