package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// wrong is a request that is to be refused.
type wrong struct{ method, where, body, media string }

const (
	signupPath = "/v1/sites/gazette/subscriptions"
	mediaJSON  = "application/json"
	mediaForm  = "application/x-www-form-urlencoded"
)

// misbehave does everything wrong that can be done with what is confidential, and answers all that is said to it, headers and all.
func (a *actor) misbehave(c confidence) []byte {
	a.t.Helper()
	email, token, long := c["the address"], c["the token"], strings.Repeat(c["the address"], 1000)
	return a.refused(c,
		wrong{"POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":false,"source":%q}`, email, sealedSource), mediaJSON},
		wrong{"POST", signupPath, fmt.Sprintf(`{"email":"%s@@%s","consent":true}`, sealedLocal, sealedDomain), mediaJSON},
		wrong{"POST", signupPath, fmt.Sprintf(`{%q:true}`, email), mediaJSON},
		wrong{"POST", signupPath, fmt.Sprintf(`{"email":%q`, email), mediaJSON},
		wrong{"POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true,"purposes":[%q]}`, email, token), mediaJSON},
		wrong{"POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true,"redirect":%q}`, email, "https://"+sealedDomain+"/"+token), mediaJSON},
		wrong{"POST", signupPath, url.Values{"email": {email, email}, email: {token}}.Encode(), mediaForm},
		wrong{"POST", signupPath + "?email=" + email, email, "text/" + sealedLocal},
		wrong{"POST", signupPath, long, mediaJSON},
		wrong{"GET", signupPath + "/" + email, "", ""},
		wrong{"POST", "/v1/sites/" + email + "/subscriptions", "{}", mediaJSON},
		wrong{"POST", "/v1/sites/gazette/lookup", fmt.Sprintf(`{"email":%q,%q:1}`, email, token), mediaJSON},
		wrong{"GET", "/s/" + sealedLocal, "", ""},
		wrong{"GET", "/" + email, "", ""},
		wrong{"GET", "/c/" + email, "", ""},
		wrong{"GET", "/c/" + token[:len(token)-3], "", ""},
		wrong{"POST", "/c/" + token[:len(token)-3], "", ""},
		wrong{"POST", "/u/" + token, "", ""},
		wrong{"PUT", "/c/" + token, email, ""},
		wrong{"POST", "/c/" + token, long, mediaForm},
		wrong{sealedLocal, "/c/" + token, "", ""},
		wrong{"GET", "/c/" + token + "/" + email, "", ""},
		wrong{"GET", "/assets/" + token, "", ""},
		wrong{"GET", "/metrics?" + email, "", ""},
	)
}

// comeInVain does what would be right if there were a store.
func (a *actor) comeInVain(c confidence) []byte {
	a.t.Helper()
	token := c["the token"]
	return a.refused(c,
		wrong{"POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true}`, c["the address"]), mediaJSON},
		wrong{"POST", signupPath, url.Values{"email": {c["the address"]}, "consent": {"true"}}.Encode(), mediaForm},
		wrong{"GET", "/c/" + token, "", ""},
		wrong{"POST", "/c/" + token, "", ""},
		wrong{"POST", "/c/" + token + "/decline", "", ""},
		wrong{"GET", "/readyz", "", ""},
	)
}

// refused sends wrong requests as a browser of a stranger's page, as one of no page, and as a program. What is confidential is also in
// their headers.
func (a *actor) refused(c confidence, all ...wrong) []byte {
	a.t.Helper()
	var said bytes.Buffer
	for _, w := range all {
		for accept, origin := range map[string]string{"text/html": "", mediaJSON: "", "text/html;q=1": "https://" + sealedDomain} {
			h := http.Header{
				"Accept": {accept}, "Cookie": {"optin=" + c["the cookie"]}, "Referer": {sealedSource},
				"Authorization": {"Bearer " + testKey + c["the token"]}, "Idempotency-Key": {c["the token"]},
			}
			if w.media != "" {
				h.Set("Content-Type", w.media)
			}
			if origin != "" {
				h.Set("Origin", origin)
			}
			resp, body := a.ask(w.method, w.where, w.body, h)
			if resp.StatusCode < 400 {
				a.t.Errorf("%s %.20s is not refused: %s", w.method, w.where, resp.Status)
			}
			fmt.Fprintln(&said, resp.StatusCode)
			_ = resp.Header.Write(&said) // to memory
			said.Write(body)
		}
	}
	return said.Bytes()
}

// metrics asks for them as Prometheus does.
func (a *actor) metrics() []byte {
	a.t.Helper()
	resp, body := a.ask(http.MethodGet, "/metrics", "", http.Header{
		"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("prometheus:a-password-for-tests"))},
	})
	if resp.StatusCode != http.StatusOK {
		a.t.Fatalf("/metrics answers %s", resp.Status)
	}
	return body
}
