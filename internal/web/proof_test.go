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

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/store"
)

// easyWork is work that takes a test no time, under the same secret on every replica.
func easyWork(t testing.TB, o Options) *challenge.Work {
	t.Helper()
	w, err := challenge.NewWork(func() [][]byte { return o.Keyring.Keys("challenge") }, challenge.WorkOptions{Max: 50, Now: o.Now})
	must(t, err)
	return w
}

// wary is a world whose sites ask for a proof as terms says.
func wary(t *testing.T, terms func(*confirm.Site), change ...func(*Options)) *world {
	t.Helper()
	return newWorld(t, append([]func(*Options){asking(t, terms)}, change...)...)
}

func asking(t testing.TB, terms func(*confirm.Site)) func(*Options) {
	return func(o *Options) {
		sites := rules()
		for i := range sites {
			terms(&sites[i])
		}
		var err error
		o.Service, err = confirm.New(confirm.Options{Store: o.Store, Keyring: o.Keyring, PublicURL: publicURL, Sites: sites, Now: o.Now})
		must(t, err)
	}
}

func always(t *confirm.Site) { t.Challenge = confirm.ChallengeAlways }

// oneIsMany makes a sixth signup in ten minutes too many.
func oneIsMany(t *confirm.Site) { t.Challenge, t.NormalSignups = confirm.ChallengeInSurge, 1 }

// solved is the payload that ALTCHA's widget would send.
func solved(c challenge.Challenge) string {
	for n := range c.MaxNumber + 1 {
		if sum := sha256.Sum256([]byte(c.Salt + strconv.Itoa(n))); hex.EncodeToString(sum[:]) == c.Challenge {
			b, _ := json.Marshal(map[string]any{"algorithm": c.Algorithm, "challenge": c.Challenge, "number": n, "salt": c.Salt, "signature": c.Signature})
			return base64.StdEncoding.EncodeToString(b)
		}
	}
	panic("no solution")
}

// proof is a fresh one for a site.
func (w *world) proof(site string) string {
	w.Helper()
	var c challenge.Challenge
	w.send("GET", "/v1/sites/"+site+"/challenge", "").read(w, http.StatusOK, &c)
	return solved(c)
}

// asked is what a refusal asks for.
func (a answer) asked(t testing.TB) (d demand) {
	t.Helper()
	must(t, json.Unmarshal([]byte(a.body), &d))
	return d
}

// way is one of the ways in of a signup.
type way struct {
	name    string
	headers []string
	body    func(w *world, email, proof string) string
	taken   int
}

func ways() []way {
	asJSON := func(_ *world, email, proof string) string {
		return fmt.Sprintf(`{"email":%q,"consent":true,"altcha":%q}`, email, proof)
	}
	asForm := func(_ *world, email, proof string) string {
		return url.Values{"email": {email}, "consent": {"on"}, "altcha": {proof}}.Encode()
	}
	hosted := func(w *world, email, proof string) string {
		return w.hosted("gazette", asForm(w, email, proof))
	}
	parts := func(_ *world, email, proof string) string {
		b := ""
		for _, f := range [][2]string{{"email", email}, {"consent", "on"}, {"altcha", proof}} {
			b += "--B\r\nContent-Disposition: form-data; name=\"" + f[0] + "\"\r\n\r\n" + f[1] + "\r\n"
		}
		return b + "--B--\r\n"
	}
	return []way{
		{"a program", []string{"Content-Type", mediaJSON}, asJSON, 202},
		{"a website's script", []string{"Content-Type", mediaJSON, "Origin", "https://gazette.example"}, asJSON, 202},
		{"a website's form", []string{"Content-Type", mediaForm, "Origin", "https://gazette.example"}, asForm, 303},
		{"a form in parts", []string{"Content-Type", `multipart/form-data; boundary=B`}, parts, 303},
		{"our own page", []string{"Content-Type", mediaForm, "Origin", publicURL}, hosted, 303},
		{"our own page's script", []string{"Content-Type", mediaJSON, "Origin", publicURL}, asJSON, 202},
	}
}

func TestEveryWayInIsAskedForAProofAlike(t *testing.T) {
	for _, by := range ways() {
		w := wary(t, always)
		try := func(proof string) answer {
			return w.send("POST", signupPath, by.body(w, "ada@b.example", proof), append(by.headers, "Accept", mediaJSON)...)
		}
		old := w.proof("gazette")
		w.clock.pass(11 * time.Minute)
		good := w.proof("gazette")
		for name, row := range map[string]struct{ proof, code string }{
			"none":            {"", "challenge_required"},
			"no proof":        {"x", "challenge_invalid"},
			"damaged":         {good[:40] + "A" + good[41:], "challenge_invalid"},
			"of another site": {w.proof("club"), "challenge_invalid"},
			"too late":        {old, "challenge_invalid"},
		} {
			a := try(row.proof)
			if a.status != 422 {
				t.Fatalf("%s, %s: %d %s", by.name, name, a.status, a.body)
			}
			code, fields := a.problem(t)
			d := a.asked(t)
			if code != row.code || len(fields) != 1 || fields[0] != row.code || !strings.Contains(a.body, `"field":"altcha"`) || d.Captcha != nil {
				t.Errorf("%s, %s: %s", by.name, name, a.body)
			}
			if _, _, err := w.web.opt.Work.Check("gazette", solved(*d.Work)); err != nil {
				t.Errorf("%s, %s: what it is asked for: %v", by.name, name, err)
			}
		}
		w.untouched()
		if a := try(good); a.status != 202 || w.state("ada@b.example") != consent.Pending {
			t.Errorf("%s: with a proof: %d %s", by.name, a.status, a.body)
		}
	}
}

func TestProofsAreAskedForOnlyWhileTooManySignUp(t *testing.T) {
	w := wary(t, oneIsMany)
	for i := range 5 {
		w.signUp(fmt.Sprintf("p%d@b.example", i))
	}
	body := func(email, proof string) string {
		return fmt.Sprintf(`{"email":%q,"consent":true,"altcha":%q}`, email, proof)
	}
	json := []string{"Content-Type", mediaJSON}
	if a := w.send("POST", signupPath, body("ada@b.example", ""), json...); a.status != 422 || a.asked(t).Work == nil {
		t.Fatalf("the sixth: %d %s", a.status, a.body)
	}
	if a := w.send("POST", "/v1/sites/club/subscriptions", `{"email":"ada@b.example","consent":true,"purposes":"news"}`, json...); a.status != 202 {
		t.Errorf("at another site: %d", a.status)
	}
	if a := w.send("POST", signupPath, body("ada@b.example", w.proof("gazette")), json...); a.status != 202 {
		t.Errorf("with a proof: %d %s", a.status, a.body)
	}
	w.clock.pass(10 * time.Minute)
	for i := range 20 { // who brings a proof is no crowd
		if a := w.send("POST", signupPath, body(fmt.Sprintf("q%d@b.example", i), w.proof("gazette")), json...); a.status != 202 {
			t.Fatalf("%d, with a proof: %d %s", i, a.status, a.body)
		}
	}
	for _, proof := range []string{"", "nonsense"} { // which nobody asks for
		if a := w.send("POST", signupPath, body("bob@b.example", proof), json...); a.status != 202 {
			t.Errorf("it is calm again, and %q is %d %s", proof, a.status, a.body)
		}
	}
}

func TestASitesServerIsNeverAskedForAProof(t *testing.T) {
	w := wary(t, always)
	const body = `{"email":"ada@b.example","consent":true,"visitor_ip":"203.0.113.7"}`
	for name, row := range map[string]struct {
		key  string
		want int
	}{"its key": {gazetteKey, 202}, "one that only reads": {readKey, 403}, "another site's": {clubKey, 403}, "the operator's": {ownerKey, 401}, "no key of anybody": {"x", 401}} {
		if a := w.send("POST", signupPath, body, asSite(row.key, "Content-Type", mediaJSON)...); a.status != row.want {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestWhereWorkIsNotSetUpNobodyIsAsked(t *testing.T) {
	w := wary(t, always, func(o *Options) { o.Work = nil })
	w.signUp("ada@b.example")
	if a := w.send("GET", "/v1/sites/gazette/challenge", ""); a.status != 404 || codeOf(t, a.body) != "not_found" {
		t.Errorf("a challenge: %d %s", a.status, a.body)
	}
	if p := w.send("GET", "/s/gazette", "").page(t); p.Find("script, [data-challenge]").Length() != 0 {
		t.Error("the page asks for work")
	}
}

func TestAChallengeIsFreshAndReadByTheSitesPagesOnly(t *testing.T) {
	w := newWorld(t)
	const at = "/v1/sites/gazette/challenge"
	mine, foreign := w.send("GET", at, "", "Origin", "https://gazette.example"), w.send("GET", at, "", "Origin", "https://evil.example")
	if mine.status != 200 || mine.header.Get("Access-Control-Allow-Origin") != "https://gazette.example" || mine.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", mine.status, mine.header)
	}
	if foreign.header.Get("Access-Control-Allow-Origin") != "" || mine.body == foreign.body {
		t.Errorf("a foreign page may read %v, or it is the same", foreign.header)
	}
	if a := w.send("GET", "/v1/sites/other/challenge", ""); a.status != 404 || codeOf(t, a.body) != "site_unknown" {
		t.Errorf("of no site: %d %s", a.status, a.body)
	}
	must(t, w.store.Close()) // it asks nobody
	if a := w.send("GET", at, ""); a.status != 200 {
		t.Errorf("without a store: %d", a.status)
	}
}

func TestWhoLacksAProofIsToldAfterWhatIsWrongInItself(t *testing.T) {
	w := wary(t, always)
	a := w.send("POST", signupPath, `{"email":"ada@nomail.example","consent":true}`, "Content-Type", mediaJSON)
	if _, fields := a.problem(t); fmt.Sprint(fields) != "[challenge_required]" { // nobody's domain is asked after
		t.Errorf("%v", fields)
	}
	for body, want := range map[string]string{
		`{"email":"ada","consent":true}`:                                       "[email_invalid]",
		`{"email":"ada@b.example","consent":true,"altcha":"x","altcha":"x"}`:   "[field_repeated]",
		`{"email":"ada@b.example","consent":true,"altcha":["x"]}`:              "[field_invalid]",
		`{"email":"ada@b.example","consent":true,"altcha":"x","ALTCHA[]":"x"}`: "[field_repeated]",
	} {
		a := w.send("POST", signupPath, body, "Content-Type", mediaJSON)
		if _, fields := a.problem(t); fmt.Sprint(fields) != want || a.asked(t).Work != nil {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	if a := w.send("POST", signupPath, fmt.Sprintf(`{"email":"ada@b.example","consent":true,"altcha":%q}`, w.proof("gazette")), "Content-Type", mediaJSON); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAStoreThatIsAwayOpensNoDoor(t *testing.T) {
	for name, terms := range map[string]func(*confirm.Site){"always": always, "busy": oneIsMany} {
		w := wary(t, terms)
		proof := w.proof("gazette")
		must(t, w.store.Close())
		for _, p := range []string{"", proof} {
			want := 503
			if p == "" && name == "always" {
				want = 422
			}
			if a := w.send("POST", signupPath, fmt.Sprintf(`{"email":"ada@b.example","consent":true,"altcha":%q}`, p), "Content-Type", mediaJSON); a.status != want {
				t.Errorf("%s, with %d bytes of proof: %d %s", name, len(p), a.status, a.body)
			}
		}
	}
}

func TestOneClientCannotUseUpWhatASiteTakesWithoutAProof(t *testing.T) {
	w := wary(t, oneIsMany, limitedTo(Limits{SignupsPerIP: []store.Limit{{N: 2, Per: time.Minute}}}))
	for i, want := range []int{202, 202, 429, 429, 429, 429, 429, 429} {
		if a := w.send("POST", signupPath, fmt.Sprintf(`{"email":"p%d@b.example","consent":true}`, i), "Content-Type", mediaJSON); a.status != want {
			t.Errorf("%d: %d %s", i, a.status, a.body)
		}
	}
	if a := w.send("POST", signupPath, `{"email":"ada@b.example","consent":true}`, "Content-Type", mediaJSON, "X-Forwarded-For", "203.0.113.7"); a.status != 202 {
		t.Errorf("somebody else: %d %s", a.status, a.body)
	}
}

func TestAProofThatDoesNotCountUsesUpATry(t *testing.T) {
	w := wary(t, always, limitedTo(Limits{SignupsPerIP: []store.Limit{{N: 2, Per: time.Minute}}}))
	for i, want := range []int{422, 422, 429} {
		if a := w.send("POST", signupPath, `{"email":"ada@b.example","consent":true,"altcha":"x"}`, "Content-Type", mediaJSON); a.status != want {
			t.Errorf("%d: %d %s", i, a.status, a.body)
		}
	}
}
