package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// emailRequest asks for an email to an address, or for one more by a link or by a subscription's id.
type emailRequest func(a *actor, email, link, id string) *http.Response

// emailRequests are all ways to ask for an email.
func emailRequests() map[string]emailRequest {
	form := func(email string) string {
		return url.Values{"email": {email}, "consent": {"on"}, "purposes": {"letter"}, "locale": {"en"}}.Encode()
	}
	return map[string]emailRequest{
		"JSON": func(a *actor, email, _, _ string) *http.Response {
			return a.post(signupPath, `{"email":"`+email+`","consent":true,"locale":"en"}`,
				http.Header{"Content-Type": {mediaJSON}})
		},
		"a website's form": func(a *actor, email, _, _ string) *http.Response {
			return a.post(signupPath, form(email), http.Header{
				"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"https://gazette.example"},
			})
		},
		"the hosted page": func(a *actor, email, _, _ string) *http.Response {
			return a.post(signupPath, form(email), http.Header{
				"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {a.base},
			})
		},
		"renew": func(a *actor, _, link, _ string) *http.Response {
			return a.post(path(link)+"/renew", "", http.Header{"Accept": {mediaJSON}})
		},
		"resend": func(a *actor, _, _, id string) *http.Response {
			return a.post(signupPath+"/"+id+"/resend", "", http.Header{"Authorization": {"Bearer " + testKey}})
		},
	}
}

func (a *actor) post(where, body string, header http.Header) *http.Response {
	a.t.Helper()
	resp, _ := a.ask(http.MethodPost, where, body, header)
	return resp
}

// idOf looks up the id of a subscription.
func (a *actor) idOf(email string) (id string) {
	a.t.Helper()
	_, b := a.ask(http.MethodPost, "/v1/sites/gazette/lookup", `{"email":"`+email+`"}`,
		http.Header{"Authorization": {"Bearer " + testKey}, "Content-Type": {mediaJSON}})
	var found struct{ ID string }
	if err := json.Unmarshal(b, &found); err != nil || found.ID == "" {
		a.t.Fatalf("a lookup returns %q", b)
	}
	return found.ID
}

// The same limits apply however an email is asked for: that of an address is silent, that of an IP is a 429, that of a
// site a 503.
func TestTheSameLimitsApplyHoweverAnEmailIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]struct {
		each, budget, perIP string
		want                func(request string) int
	}{
		"an address": {"1/24h", "1000/1h", "1000/1m", func(request string) int {
			return map[string]int{"a website's form": 303, "the hosted page": 303}[request]
		}},
		"an IP": {"1000/1m", "1000/1h", "1/1h", func(request string) int {
			if request == "resend" {
				return 0 // a site's server asks, for anybody
			}
			return http.StatusTooManyRequests
		}},
		"a site": {"1000/1m", "1/1h", "1000/1m", func(string) int { return http.StatusServiceUnavailable }},
	} {
		t.Run(name, func(t *testing.T) {
			for request, send := range emailRequests() {
				e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
				e.topYAML, e.perAddress, e.perSite, e.signupsPerIP = behindProxy, limit.each, limit.budget, limit.perIP
				a := e.start()
				first := emailRequests()["JSON"](a, "ada@people.test", "", "")
				link := confirmLink(a.Email("ada@people.test"))
				a.eventually("the email is recorded",
					func() bool { return a.Lookup("ada@people.test").State == "pending" })
				resp := send(a, "ada@people.test", link, a.idOf("ada@people.test"))
				want := limit.want(request)
				if want == 0 {
					want = http.StatusAccepted
				}
				if first.StatusCode != http.StatusAccepted || resp.StatusCode != want {
					t.Errorf("%s: returns %d, then %d; want %d", request, first.StatusCode, resp.StatusCode, want)
				}
				limited := resp.Header.Get("RateLimit") != "" && strings.HasPrefix(resp.Header.Get("RateLimit-Policy"),
					`"ip";q=1;w=3600`)
				if limited != (want == http.StatusTooManyRequests) ||
					(resp.Header.Get("Retry-After") != "") != (want >= 400) {
					t.Errorf("%s: %v", request, resp.Header)
				}
				// hers would arrive before one that is asked for later, in the queue of the same domain
				if name == "an address" {
					emailRequests()["JSON"](a, "bob@people.test", "", "")
					a.Email("bob@people.test")
				}
				if n := e.emailsTo("ada@people.test"); n != 1 && (want >= 400 || name == "an address") {
					t.Errorf("%s: %d emails", request, n)
				}
			}
		})
	}
}
