package web

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/internal/oidc"
	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/web/admin"
)

const (
	clientID     = "optin"
	clientSecret = "the secret of a client"
)

// provider is a small provider of OpenID Connect: it holds a login to its client, its secret, the redirect and PKCE.
type provider struct {
	*httptest.Server
	t      *testing.T
	key    *rsa.PrivateKey
	claims map[string]any // of the next token, beside or in the place of the usual ones; nil values are left out
	sign   func(head, body string) string
	alg    string

	mu    sync.Mutex
	codes map[string]url.Values // what was asked for, by code
}

func newProvider(t *testing.T, now func() time.Time) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	p := &provider{t: t, key: key, codes: map[string]url.Values{}}
	b64 := base64.RawURLEncoding.EncodeToString
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"none", "HS256", "RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "kid": "k", "use": "sig", "alg": "RS256", "n": b64(key.N.Bytes()), "e": "AQAB",
		}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		asked, ok := p.codes[r.PostFormValue("code")]
		delete(p.codes, r.PostFormValue("code"))
		challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		id, secret, basic := r.BasicAuth()
		secret, _ = url.QueryUnescape(secret)
		if !ok || !basic || id != clientID || secret != clientSecret ||
			b64(challenge[:]) != asked.Get("code_challenge") ||
			r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		claims := map[string]any{
			"iss": p.URL, "sub": "1", "aud": clientID, "exp": now().Add(time.Minute).Unix(), "iat": now().Unix(),
			"nonce": asked.Get("nonce"), "email": "Ada@example.org", "email_verified": true,
		}
		for name, v := range p.claims {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		}
		head, err := json.Marshal(map[string]string{"alg": p.alg, "kid": "k"})
		must(t, err)
		body, err := json.Marshal(claims)
		must(t, err)
		signed := b64(head) + "." + b64(body)
		answer(w, map[string]any{
			"access_token": "x", "token_type": "Bearer", "id_token": signed + "." + p.sign(b64(head), b64(body)),
		})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.honest()
	return p
}

// honest makes the provider sign what is right.
func (p *provider) honest() {
	p.claims, p.alg = nil, "RS256"
	p.sign = func(head, body string) string {
		sum := sha256.Sum256([]byte(head + "." + body))
		signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
		must(p.t, err)
		return base64.RawURLEncoding.EncodeToString(signature)
	}
}

// logIn is the way back after somebody has logged in where a browser was sent.
func (p *provider) logIn(to string) (back url.Values) {
	p.t.Helper()
	at, err := url.Parse(to)
	must(p.t, err)
	q := at.Query()
	if !strings.HasPrefix(to, p.URL+"/authorize?") || q.Get("response_type") != "code" ||
		q.Get("client_id") != clientID || q.Get("redirect_uri") != publicURL+admin.ReturnPath ||
		q.Get("code_challenge_method") != "S256" || len(q.Get("state")) < 43 || len(q.Get("nonce")) < 43 ||
		!strings.Contains(q.Get("scope"), "openid") {
		p.t.Fatalf("the browser is sent to %s", to)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := fmt.Sprint("code-", len(p.codes), q.Get("state"))
	p.codes[code] = q
	return url.Values{"code": {code}, "state": {q.Get("state")}}
}

// newOIDCEnv has operators who log in at a provider.
func newOIDCEnv(t *testing.T) (*env, *provider) {
	t.Helper()
	var p *provider
	e := newAdminEnv(t, func(o *Options) {
		p = newProvider(t, o.Now)
		o.Admin.OIDC = oidcOf(p, o.Now)
		o.Admin.Operators = []operator.Operator{{Name: "ada@example.org", Role: operator.Act, Sites: []string{"club"}}}
	})
	return e, p
}

func oidcOf(p *provider, now func() time.Time) *admin.OIDC {
	return &admin.OIDC{
		Roles: map[string]operator.Role{"staff": operator.See, "owners": operator.Admin},
		Provider: oidc.New(oidc.Options{
			Issuer: p.URL, ClientID: clientID, ClientSecret: clientSecret, Now: now,
			Return: publicURL + admin.ReturnPath,
		}),
	}
}

// start begins a login, and returns where the browser is sent and its cookie.
func (e *env) start() (to, cookie string) {
	e.Helper()
	a := e.send("GET", admin.StartPath, "")
	c, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil || a.status != http.StatusSeeOther || c.Name != "__Host-optin-admin-oidc" || !c.HttpOnly ||
		!c.Secure || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 600 {
		e.Fatalf("%d %v %v", a.status, a.header, err)
	}
	return a.header.Get("Location"), a.cookie()
}

// returns is what a browser gets that comes back, and the cookie of its session.
func (e *env) returns(back url.Values, cookie string) (a answer, session string) {
	e.Helper()
	a = e.send("GET", admin.ReturnPath+"?"+back.Encode(), "", "Cookie", cookie)
	for _, line := range a.header.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && c.Name == "__Host-optin-admin" {
			session = c.Name + "=" + c.Value
		}
	}
	return a, session
}

// through logs in at the provider, from the beginning to the end.
func (e *env) through(p *provider) (answer, string) {
	e.Helper()
	to, cookie := e.start()
	return e.returns(p.logIn(to), cookie)
}

func TestAnOperatorLogsInAtAProvider(t *testing.T) {
	e, p := newOIDCEnv(t)
	a, session := e.through(p)
	if a.status != http.StatusOK || a.header.Get("Refresh") != "0; url=/admin" || session == "" ||
		reads(a.page(t).Find("[role=status]")) != "You are logged in as ada@example.org. Go on to the dashboard" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	bar := reads(e.view(admin.Path, session).Find(".bar .out"))
	if bar != "ada@example.org Log out" {
		t.Error(bar)
	}
	if a := e.send("GET", textsPath, "", "Cookie", session); a.status != http.StatusNotFound {
		t.Errorf("she sees another site: %d", a.status)
	}
	p.claims = map[string]any{"email": "bob@example.org", "groups": []string{"x", "staff"}}
	_, staff := e.through(p)
	p.claims["groups"] = []string{"owners", "staff"}
	_, owner := e.through(p)
	for _, row := range []struct {
		session, path string
		status        int
	}{
		{staff, textsPath, 200}, {staff, admin.AuditPath, 403}, {owner, textsPath, 200}, {owner, admin.AuditPath, 200},
	} {
		if a := e.send("GET", row.path, "", "Cookie", row.session); a.status != row.status {
			t.Errorf("%s: %d, want %d", row.path, a.status, row.status)
		}
	}
	p.claims["groups"] = []string{"others"}
	if a, session := e.through(p); a.status != 403 || session != "" ||
		!strings.Contains(a.body, "are no operator here") {
		t.Errorf("somebody without a role: %d %s", a.status, a.body)
	}
	kelvin := e.replica(func(o *Options) {
		o.Admin.Operators = []operator.Operator{{Name: "kim@example.org", Role: operator.Admin}}
	})
	p.claims = map[string]any{"email": "Kim@example.org"}
	if a, _ := kelvin.through(p); a.status != http.StatusOK {
		t.Errorf("capitals: %d", a.status)
	}
	p.claims = map[string]any{"email": "\u212aim@example.org", "groups": []string{"owners"}}
	if a, session := kelvin.through(p); a.status != 403 || session != "" {
		t.Errorf("an address that looks like an operator's: %d", a.status)
	}
	for name, change := range map[string]func(*Options){
		"another role of a group": func(o *Options) {
			o.Admin.OIDC = oidcOf(p, o.Now)
			o.Admin.OIDC.Roles["owners"] = operator.Act
		},
		"no provider": func(o *Options) { o.Admin.OIDC = nil },
	} {
		if other := e.replica(change); other.open(owner) || other.open(session) {
			t.Errorf("%s leaves sessions open", name)
		}
	}
	named := e.replica(func(o *Options) {
		bob := operator.Operator{Name: "bob@example.org", Role: operator.See}
		o.Admin.Operators = append([]operator.Operator{bob}, o.Admin.Operators...)
	})
	if a := named.send("GET", admin.AuditPath, "", "Cookie", owner); a.status == http.StatusOK {
		t.Error("the role of a group outlives an entry of one's own")
	}
}

func TestALoginAtAProviderThatProvesNobodyIsRefused(t *testing.T) {
	e, p := newOIDCEnv(t)
	claim := func(name string, v any) func() {
		return func() { p.claims = map[string]any{name: v} }
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	for name, dishonest := range map[string]func(){
		"another nonce":          claim("nonce", "another"),
		"no nonce":               claim("nonce", nil),
		"another audience":       claim("aud", "another"),
		"two audiences":          claim("aud", []string{clientID, "another"}),
		"for another client":     claim("azp", "another"),
		"another issuer":         claim("iss", "https://evil.example"),
		"expired":                claim("exp", e.clock.now().Add(-time.Minute).Unix()),
		"an unverified address":  claim("email_verified", false),
		"no word on the address": claim("email_verified", nil),
		"verified, as a text":    claim("email_verified", "true"),
		"no address":             claim("email", nil),
		"a name for an address":  claim("email", "operator"),
		"no signature":           func() { p.alg, p.sign = "none", func(string, string) string { return "" } },
		"signed with the secret": func() {
			p.alg, p.sign = "HS256", func(head, body string) string {
				h := hmac.New(sha256.New, []byte(clientSecret))
				h.Write([]byte(head + "." + body))
				return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
			}
		},
		"another key": func() {
			mine := p.key
			p.key = other
			sign := p.sign
			p.sign = func(head, body string) string {
				p.key = other
				defer func() { p.key = mine }()
				return sign(head, body)
			}
			p.key = mine
		},
		"another body": func() {
			sign := p.sign
			p.sign = func(head, body string) string { return sign(head, body+"A") }
		},
	} {
		p.honest()
		dishonest()
		a, session := e.through(p)
		if a.status != http.StatusForbidden || session != "" ||
			!strings.Contains(a.body, "The login was not completed") {
			t.Errorf("%s: %d %q %s", name, a.status, session, reads(a.page(t).Find("main")))
		}
		e.clock.pass(10 * time.Minute)
	}
	p.honest()
	if _, session := e.through(p); !e.open(session) {
		t.Error("an honest one is refused")
	}
}

func TestAWayBackFromAProviderIsGoodOnceInTheBrowserThatBegan(t *testing.T) {
	e, p := newOIDCEnv(t)
	to, cookie := e.start()
	back := p.logIn(to)
	stranger, theirs := e.start()
	for name, row := range map[string]struct {
		back   url.Values
		cookie string
	}{
		"another browser":        {back, ""},
		"a flow of another":      {back, theirs},
		"another's way back":     {p.logIn(stranger), cookie},
		"no state":               {url.Values{"code": back["code"]}, cookie},
		"a cookie of one's own":  {back, "__Host-optin-admin-oidc=AAAA"},
		"what the provider said": {url.Values{"error": {"access_denied"}, "state": {"x"}}, cookie},
	} {
		if a, session := e.returns(row.back, row.cookie); a.status != http.StatusForbidden || session != "" {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	a, session := e.returns(back, cookie)
	if a.status != http.StatusOK || !e.open(session) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	again := p.logIn(to) // a new code for the same state
	if a, session := e.returns(again, cookie); a.status != http.StatusForbidden || session != "" {
		t.Errorf("the state is used twice: %d", a.status)
	}
	to, cookie = e.start()
	back = p.logIn(to)
	back.Set("code", "another")
	if a, session := e.returns(back, cookie); a.status != http.StatusForbidden || session != "" {
		t.Errorf("a code that is none: %d", a.status)
	}
	to, cookie = e.start()
	back = p.logIn(to)
	e.clock.pass(10 * time.Minute)
	if a, session := e.returns(back, cookie); a.status != http.StatusForbidden || session != "" {
		t.Errorf("too late: %d", a.status)
	}
}

func TestAProviderThatIsAwayIsSaidAndPasswordsStillWork(t *testing.T) {
	e, p := newOIDCEnv(t)
	p.Close()
	if a := e.send("GET", admin.StartPath, ""); a.status != http.StatusBadGateway ||
		!strings.Contains(reads(a.page(t).Find("[role=alert]")), "cannot be reached") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := e.enterAs("operator", adminPassword); a.status != http.StatusSeeOther {
		t.Errorf("%d", a.status)
	}
	page := e.send("GET", admin.LoginPath, "").page(t)
	if page.Find("a[href='/admin/login/oidc']").Length() != 1 || page.Find("form input[type=password]").Length() != 1 {
		t.Error(reads(page.Find("main")))
	}
}
