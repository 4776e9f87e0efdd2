package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// What is told to optin in confidence, each of a kind that nothing else could contain.
const (
	sealedLocal  = "zaphod.beeblebrox"
	sealedDomain = "heartofgold.test"
	refusedLocal = "slartibartfast" // whom the relay does not know
	sealedIP     = "203.0.113.77"
	sealedAgent  = "Zarquon/42.7"
	sealedSource = "https://gazette.example/magrathea"
)

// confidence is what may stand nowhere, by what it is.
type confidence map[string]string

// found are the kinds of what stands in a text after all: as it is, in another case, or in base64, hex or a URL's escapes.
func (c confidence) found(in []byte) (kinds []string) {
	lower := bytes.ToLower(in)
	for kind, what := range c {
		hit := bytes.Contains(lower, bytes.ToLower([]byte(what)))
		for _, d := range disguises(what) {
			hit = hit || bytes.Contains(in, d)
		}
		if hit {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// disguises are the ways in which something can be written down without being sealed.
func disguises(what string) [][]byte {
	plain := [][]byte{[]byte(what)}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(what); err == nil && len(b) >= 12 {
			plain = append(plain, b) // what is random is known by its bytes too
		}
	}
	all := append(plain, []byte(url.QueryEscape(what)), []byte(url.PathEscape(what)))
	for _, p := range plain {
		all = append(all, []byte(hex.EncodeToString(p)), []byte(strings.ToUpper(hex.EncodeToString(p))))
		for shift := range 3 { // where it begins within a group of three bytes
			for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				s := e.EncodeToString(append(make([]byte, shift), p...))
				all = append(all, []byte(s[(shift*8+5)/6:len(s)-1])) // without what its neighbours have a part in
			}
		}
	}
	return all
}

// confide signs up on the hosted page and confirms, and answers all that was said in confidence. The letter holds some of it.
func (a *actor) confide() confidence {
	a.t.Helper()
	email := sealedLocal + "@" + sealedDomain
	cookie := a.signUpHosted(email)
	letter := a.Letter(email)
	link := confirmLink(letter)
	token := strings.TrimPrefix(path(link), "/c/")
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Jti string }
	if err != nil || json.Unmarshal(payload, &claims) != nil || len(claims.Jti) < 20 {
		a.t.Fatalf("the token's claims are %s, %v", payload, err)
	}
	c := confidence{
		"the address": email, "the local part": sealedLocal, "the domain": sealedDomain, "a refused local part": refusedLocal,
		"the IP": sealedIP, "the user agent": sealedAgent, "the source": sealedSource,
		"the token": token, "the token's claims": parts[1], "the token's signature": parts[2], "the nonce": claims.Jti,
		"the cookie": cookie, "the secret": testSecret, "the API key": testKey, "the webhook's secret": strings.TrimPrefix(hookSecret, "whsec_"),
		"the admin password": "a-password-for-tests",
	}
	c.mustFind(a, []byte(letter.Text+strings.Join(letter.To, "")))
	if code, state := a.Press(link); code != http.StatusOK || state != "confirmed" {
		a.t.Fatalf("pressing answers %d %q", code, state)
	}
	return c
}

// mustFind sees that what is there is found, so that nothing found says something.
func (c confidence) mustFind(a *actor, letter []byte) {
	a.t.Helper()
	found := fmt.Sprint(c.found(letter))
	for _, kind := range []string{"the address", "the token", "the token's signature"} {
		if !strings.Contains(found, kind) {
			a.t.Fatalf("in the letter are found %v, and not %s", found, kind)
		}
	}
	for kind, what := range c {
		for _, around := range []string{"", "x", "xy"} {
			hidden := []byte(around + what + around)
			b64 := []byte(base64.StdEncoding.EncodeToString(hidden))
			if len((confidence{kind: what}).found(b64)) == 0 || len((confidence{kind: what}).found([]byte(hex.EncodeToString(hidden)))) == 0 {
				a.t.Fatalf("%s is not found in base64 or hex after %q", kind, around)
			}
		}
	}
}

// signUpHosted signs somebody up on our own page, from far away through the proxy, and answers the browser's cookie.
func (a *actor) signUpHosted(email string) (cookie string) {
	a.t.Helper()
	resp, _ := a.ask(http.MethodPost, "/v1/sites/gazette/subscriptions", url.Values{
		"email": {email}, "consent": {"true"}, "purposes": {"letter"}, "locale": {"en"}, "source": {sealedSource},
	}.Encode(), http.Header{"Origin": {a.base}, "Content-Type": {"application/x-www-form-urlencoded"}})
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		a.t.Fatalf("signing up on the hosted page answers %s, %v", resp.Status, resp.Header)
	}
	return resp.Cookies()[0].Value
}

// ask sends one request from far away, and answers it without following where it leads.
func (a *actor) ask(method, where, body string, header http.Header) (*http.Response, []byte) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.base+where, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header = http.Header{"X-Forwarded-For": {sealedIP}, "User-Agent": {sealedAgent}}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp, b
}
