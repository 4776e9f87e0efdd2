package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// easyWork is work that takes a test no time, under the same secret on every replica.
func easyWork(t testing.TB, o Options) *challenge.Work {
	t.Helper()
	w, err := challenge.NewWork(func() [][]byte { return o.Keyring.Keys("challenge") },
		challenge.WorkOptions{Max: 50, Now: o.Now})
	must(t, err)
	return w
}

// newChallengeEnv returns an env whose sites ask for a proof as terms says.
func newChallengeEnv(t *testing.T, terms func(*surge.Site), change ...func(*Options)) *env {
	t.Helper()
	return newEnv(t, append([]func(*Options){asking(terms)}, change...)...)
}

func asking(terms func(*surge.Site)) func(*Options) {
	return func(o *Options) {
		var site surge.Site
		terms(&site)
		o.Surge = surgeOf(o, site)
	}
}

func always(t *surge.Site) { t.Policy = surge.ChallengeAlways }

// oneIsMany makes a sixth signup in ten minutes too many.
func oneIsMany(t *surge.Site) { t.Policy, t.NormalSignups = surge.ChallengeOnSurge, 1 }

// solved is the payload that ALTCHA's widget would send.
func solved(c challenge.Challenge) string {
	for n := range c.MaxNumber + 1 {
		if sum := sha256.Sum256([]byte(c.Salt + strconv.Itoa(n))); hex.EncodeToString(sum[:]) == c.Challenge {
			b, _ := json.Marshal(map[string]any{"algorithm": c.Algorithm, "challenge": c.Challenge, "number": n,
				"salt": c.Salt, "signature": c.Signature})
			return base64.StdEncoding.EncodeToString(b)
		}
	}
	panic("no solution")
}

// proof is a fresh one for a site.
func (e *env) proof(site string) string {
	e.Helper()
	var c challenge.Challenge
	e.send("GET", "/v1/sites/"+site+"/challenge", "").read(e, http.StatusOK, &c)
	return solved(c)
}

// asked is what a refusal asks for.
func (a answer) asked(t testing.TB) (d challenge.Requirement) {
	t.Helper()
	must(t, json.Unmarshal([]byte(a.body), &d))
	return d
}

// way is one of the ways in of a signup.
type way struct {
	name    string
	headers []string
	body    func(w *env, email, proof string) string
	taken   int
}

func ways() []way {
	asJSON := func(_ *env, email, proof string) string {
		return fmt.Sprintf(`{"email":%q,"consent":true,"altcha":%q}`, email, proof)
	}
	asForm := func(_ *env, email, proof string) string {
		return url.Values{"email": {email}, "consent": {"on"}, "altcha": {proof}}.Encode()
	}
	hosted := func(e *env, email, proof string) string {
		return e.hosted("gazette", asForm(e, email, proof))
	}
	parts := func(_ *env, email, proof string) string {
		b := ""
		for _, f := range [][2]string{{"email", email}, {"consent", "on"}, {"altcha", proof}} {
			b += "--B\r\nContent-Disposition: form-data; name=\"" + f[0] + "\"\r\n\r\n" + f[1] + "\r\n"
		}
		return b + "--B--\r\n"
	}
	return []way{
		{"a program", []string{"Content-Type", request.MediaJSON}, asJSON, 202},
		{"a website's script", []string{"Content-Type", request.MediaJSON, "Origin", "https://gazette.example"}, asJSON,
			202},
		{"a website's form", []string{"Content-Type", request.MediaForm, "Origin", "https://gazette.example"}, asForm,
			303},
		{"a form in parts", []string{"Content-Type", `multipart/form-data; boundary=B`}, parts, 303},
		{"our own page", []string{"Content-Type", request.MediaForm, "Origin", publicURL}, hosted, 303},
		{"our own page's script", []string{"Content-Type", request.MediaJSON, "Origin", publicURL}, asJSON, 202},
	}
}

func TestEveryWayOfSigningUpNeedsAProofAlike(t *testing.T) {
	for _, by := range ways() {
		e := newChallengeEnv(t, always)
		try := func(proof string) answer {
			return e.send("POST", signupPath, by.body(e, "ada@b.example", proof),
				append(by.headers, "Accept", request.MediaJSON)...)
		}
		old := e.proof("gazette")
		e.clock.pass(11 * time.Minute)
		good := e.proof("gazette")
		for name, row := range map[string]struct{ proof, code string }{
			"none":            {"", "challenge_required"},
			"no proof":        {"x", "challenge_invalid"},
			"damaged":         {good[:40] + "A" + good[41:], "challenge_invalid"},
			"of another site": {e.proof("club"), "challenge_invalid"},
			"too late":        {old, "challenge_invalid"},
		} {
			a := try(row.proof)
			if a.status != 422 {
				t.Fatalf("%s, %s: %d %s", by.name, name, a.status, a.body)
			}
			code, fields := a.problem(t)
			d := a.asked(t)
			if code != row.code || len(fields) != 1 || fields[0] != row.code ||
				!strings.Contains(a.body, `"field":"altcha"`) || d.Captcha != nil {
				t.Errorf("%s, %s: %s", by.name, name, a.body)
			}
			if _, _, err := e.web.Options.Work.Check("gazette", solved(*d.Work)); err != nil {
				t.Errorf("%s, %s: what it is asked for: %v", by.name, name, err)
			}
		}
		e.untouched()
		if a := try(good); a.status != 202 || e.state("ada@b.example") != consent.Pending {
			t.Errorf("%s: with a proof: %d %s", by.name, a.status, a.body)
		}
	}
}

func TestProofsAreRequiredOnlyDuringASurge(t *testing.T) {
	e := newChallengeEnv(t, oneIsMany)
	for i := range 5 {
		e.signUp(fmt.Sprintf("p%d@b.example", i))
	}
	body := func(email, proof string) string {
		return fmt.Sprintf(`{"email":%q,"consent":true,"altcha":%q}`, email, proof)
	}
	json := []string{"Content-Type", request.MediaJSON}
	if a := e.send("POST", signupPath, body("ada@b.example", ""), json...); a.status != 422 || a.asked(t).Work == nil {
		t.Fatalf("the sixth: %d %s", a.status, a.body)
	}
	if a := e.send("POST", "/v1/sites/club/subscriptions", `{"email":"ada@b.example","consent":true,"purposes":"news"}`,
		json...); a.status != 202 {
		t.Errorf("at another site: %d", a.status)
	}
	if a := e.send("POST", signupPath, body("ada@b.example", e.proof("gazette")), json...); a.status != 202 {
		t.Errorf("with a proof: %d %s", a.status, a.body)
	}
	e.clock.pass(10 * time.Minute)
	for i := range 20 { // who brings a proof is no crowd
		if a := e.send("POST", signupPath, body(fmt.Sprintf("q%d@b.example", i), e.proof("gazette")),
			json...); a.status != 202 {
			t.Fatalf("%d, with a proof: %d %s", i, a.status, a.body)
		}
	}
	for _, proof := range []string{"", "nonsense"} { // which nobody asks for
		if a := e.send("POST", signupPath, body("bob@b.example", proof), json...); a.status != 202 {
			t.Errorf("the surge is over, and %q is %d %s", proof, a.status, a.body)
		}
	}
}

func TestASitesServerNeedsNoProof(t *testing.T) {
	e := newChallengeEnv(t, always)
	const body = `{"email":"ada@b.example","consent":true,"visitor_ip":"203.0.113.7"}`
	for name, row := range map[string]struct {
		key  string
		want int
	}{"its key": {gazetteKey, 202}, "one that only reads": {readKey, 403}, "another site's": {clubKey, 403},
		"the operator's": {ownerKey, 401}, "no key of anybody": {"x", 401}} {
		if a := e.send("POST", signupPath, body,
			asSite(row.key, "Content-Type", request.MediaJSON)...); a.status != row.want {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestWithoutProofOfWorkNobodyNeedsAProof(t *testing.T) {
	e := newChallengeEnv(t, always, func(o *Options) { o.Work = nil })
	e.signUp("ada@b.example")
	if a := e.send("GET", "/v1/sites/gazette/challenge", ""); a.status != 404 || codeOf(t, a.body) != "not_found" {
		t.Errorf("a challenge: %d %s", a.status, a.body)
	}
	if p := e.send("GET", "/s/gazette", "").page(t); p.Find("script, [data-challenge]").Length() != 0 {
		t.Error("the page asks for work")
	}
}

func TestAChallengeIsFreshAndReadByTheSitesPagesOnly(t *testing.T) {
	e := newEnv(t)
	const at = "/v1/sites/gazette/challenge"
	mine, foreign := e.send("GET", at, "", "Origin", "https://gazette.example"),
		e.send("GET", at, "", "Origin", "https://evil.example")
	if mine.status != 200 || mine.header.Get("Access-Control-Allow-Origin") != "https://gazette.example" ||
		mine.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", mine.status, mine.header)
	}
	if foreign.header.Get("Access-Control-Allow-Origin") != "" || mine.body == foreign.body {
		t.Errorf("a foreign page may read %v, or it is the same", foreign.header)
	}
	if a := e.send("GET", "/v1/sites/other/challenge", ""); a.status != 404 || codeOf(t, a.body) != "site_unknown" {
		t.Errorf("of no site: %d %s", a.status, a.body)
	}
	must(t, e.store.Close()) // it asks nobody
	if a := e.send("GET", at, ""); a.status != 200 {
		t.Errorf("without a store: %d", a.status)
	}
}

func TestALackingProofIsReportedAfterWhatIsWrongInItself(t *testing.T) {
	e := newChallengeEnv(t, always)
	a := e.send("POST", signupPath, `{"email":"ada@nomail.example","consent":true}`, "Content-Type", request.MediaJSON)
	if _, fields := a.problem(t); fmt.Sprint(fields) != "[challenge_required]" { // nobody's domain is asked after
		t.Errorf("%v", fields)
	}
	for body, want := range map[string]string{
		`{"email":"ada","consent":true}`:                                       "[email_invalid]",
		`{"email":"ada@b.example","consent":true,"altcha":"x","altcha":"x"}`:   "[field_repeated]",
		`{"email":"ada@b.example","consent":true,"altcha":["x"]}`:              "[field_invalid]",
		`{"email":"ada@b.example","consent":true,"altcha":"x","ALTCHA[]":"x"}`: "[field_repeated]",
	} {
		a := e.send("POST", signupPath, body, "Content-Type", request.MediaJSON)
		if _, fields := a.problem(t); fmt.Sprint(fields) != want || a.asked(t).Work != nil {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	if a := e.send("POST", signupPath,
		fmt.Sprintf(`{"email":"ada@b.example","consent":true,"altcha":%q}`, e.proof("gazette")), "Content-Type",
		request.MediaJSON); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAStoreThatIsUnreachableLetsNoSignupPass(t *testing.T) {
	for name, terms := range map[string]func(*surge.Site){"always": always, "busy": oneIsMany} {
		e := newChallengeEnv(t, terms)
		proof := e.proof("gazette")
		must(t, e.store.Close())
		for _, p := range []string{"", proof} {
			want := 503
			if p == "" && name == "always" {
				want = 422
			}
			if a := e.send("POST", signupPath, fmt.Sprintf(`{"email":"ada@b.example","consent":true,"altcha":%q}`, p),
				"Content-Type", request.MediaJSON); a.status != want {
				t.Errorf("%s, with %d bytes of proof: %d %s", name, len(p), a.status, a.body)
			}
		}
	}
}

func TestOneClientCannotUseUpWhatASiteTakesWithoutAProof(t *testing.T) {
	e := newChallengeEnv(t, oneIsMany, limitedTo(Limits{SignupsPerIP: []store.Limit{{N: 2, Per: time.Minute}}}))
	for i, want := range []int{202, 202, 429, 429, 429, 429, 429, 429} {
		if a := e.send("POST", signupPath, fmt.Sprintf(`{"email":"p%d@b.example","consent":true}`, i), "Content-Type",
			request.MediaJSON); a.status != want {
			t.Errorf("%d: %d %s", i, a.status, a.body)
		}
	}
	if a := e.send("POST", signupPath, `{"email":"ada@b.example","consent":true}`, "Content-Type", request.MediaJSON,
		"X-Forwarded-For", "203.0.113.7"); a.status != 202 {
		t.Errorf("somebody else: %d %s", a.status, a.body)
	}
}

func TestAProofThatDoesNotCountUsesUpAnAttempt(t *testing.T) {
	e := newChallengeEnv(t, always, limitedTo(Limits{SignupsPerIP: []store.Limit{{N: 2, Per: time.Minute}}}))
	for i, want := range []int{422, 422, 429} {
		if a := e.send("POST", signupPath, `{"email":"ada@b.example","consent":true,"altcha":"x"}`, "Content-Type",
			request.MediaJSON); a.status != want {
			t.Errorf("%d: %d %s", i, a.status, a.body)
		}
	}
}
