package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/internal/childtest"
)

func TestNoSecretIsInStoreLogsMetricsSpansOrErrors(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		folder := t.TempDir()
		testSecrets(t, newEnv(t, "sqlite://"+filepath.Join(folder, "optin.db")), folder, func() {}, nil)
	})
	t.Run("redis", func(t *testing.T) {
		server := redisServer(t)
		dump := func() {
			server.ask("CONFIG SET rdbcompression no") // what is compressed cannot be searched
			if answer := server.ask("SAVE"); answer != "+OK\r\n" {
				t.Fatalf("SAVE returns %q", answer)
			}
		}
		testSecrets(t, newEnv(t, server.url()), server.dir, dump, server.kill)
	})
}

// testSecrets sends secrets to optin, lets it work, fail and stop, and then searches for them. dump writes all of the
// store into its folder; away, if not nil, stops the store.
func testSecrets(t *testing.T, e *env, folder string, dump, away func()) {
	metrics := childtest.FreeAddr(t)
	e.topYAML = "trusted_proxies: [127.0.0.0/8]\nmetrics: {listen: \"" + metrics + "\"}\n"
	collector := e.traced()
	e.endpoint = newEndpoint(t)
	e.endpoint.status = http.StatusInternalServerError // and it repeats what it got
	e.siteYAML = e.endpoint.yaml()
	p, a := e.spawn(e.listen)
	s := a.signUpWithSecrets()
	outputs := map[string][]byte{"an error page": a.sendBadRequests(s)}
	a.eventually("the event", func() bool { return len(e.endpoint.eventsAbout(secretLocal+"@"+secretDomain)) > 0 })
	outputs["metrics"] = a.metrics(metrics)
	outputs["metrics with exemplars"] = []byte(a.openMetrics(metrics))
	dump()
	searchFolder(t, s, folder, "while it runs")
	log := p.stopAndRead()

	e.relayAddr = refusingRelay(t)
	p, a = e.spawn(e.listen)
	a.signUpHosted(unknownLocal + "@" + secretDomain)
	a.eventually("the refusal is recorded",
		func() bool { return a.Lookup(unknownLocal+"@"+secretDomain).State == "undeliverable" })
	a.eventually("the attempt is counted", func() bool { // a moment after it is recorded
		outputs["more metrics"] = a.metrics(metrics)
		return bytes.Contains(outputs["more metrics"], []byte("optin_outbox_jobs_total"))
	})
	dump()
	if away != nil {
		away()
		outputs["an error page without a store"] = a.sendWithoutStore(s)
	}
	outputs["the log"] = append(log, p.stopAndRead()...)
	outputs["the spans"] = collector.Bodies()
	if names := s.found(outputs["the spans"]); len(names) > 0 { // not even the domain, as searchOutput allows
		t.Errorf("the spans hold %v", names)
	}
	searchFolder(t, s, folder, "afterwards")
	searchOutput(t, s, outputs)
}

// stopAndRead stops a process, and returns all of its output.
func (p *process) stopAndRead() []byte {
	p.t.Helper()
	if code := p.stop(); code != exitOK {
		p.t.Errorf("it exits with %d", code)
	}
	return []byte(p.stdout.String() + p.stderr.String())
}

// searchOutput searches the program's output. The domain of a masked address may be there: "a…@example.org".
func searchOutput(t *testing.T, s secrets, outputs map[string][]byte) {
	t.Helper()
	delete(s, "the domain")
	for where, text := range outputs {
		if names := s.found(text); len(names) > 0 {
			t.Errorf("%s holds %v", where, names)
		}
	}
	for where, known := range map[string]string{
		"the log": `"site":"gazette"`, "metrics": "optin_http_requests_total",
		"more metrics": "optin_outbox_jobs_total", "an error page": "404", "metrics with exemplars": "trace_id=",
		"the spans": "/c/{token}",
	} {
		if !bytes.Contains(outputs[where], []byte(known)) {
			t.Errorf("%s does not even have %s: this test looks in the wrong place:\n%s", where, known, outputs[where])
		}
	}
}

// searchFolder searches every file of a store.
func searchFolder(t *testing.T, s secrets, folder, when string) {
	t.Helper()
	var files []string
	known := false
	err := filepath.WalkDir(folder, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		files = append(files, filepath.Base(file))
		known = known || bytes.Contains(b, []byte("gazette"))
		if names := s.found(b); len(names) > 0 {
			slices.Sort(names)
			t.Errorf("%s, the store's file %s holds %v", when, filepath.Base(file), names)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%s: searched %v", when, files); !known {
		t.Errorf("not even the site's id is in the store's files %v: this test looks in the wrong place", files)
	}
}

// The secrets are texts that occur nowhere else.
const (
	secretLocal  = "zaphod.beeblebrox"
	secretDomain = "heartofgold.test"
	unknownLocal = "slartibartfast" // unknown to the relay
	secretIP     = "203.0.113.77"
	secretAgent  = "Zarquon/42.7"
	secretSource = "https://gazette.example/magrathea"
)

// secrets are the texts that may be nowhere, by their kinds.
type secrets map[string]string

// found returns the kinds of the secrets in a text: plain, in another case, or in base64, hex or percent-encoding.
func (s secrets) found(in []byte) (names []string) {
	lower := bytes.ToLower(in)
	for kind, what := range s {
		hit := bytes.Contains(lower, bytes.ToLower([]byte(what)))
		for _, d := range encodings(what) {
			hit = hit || bytes.Contains(in, d)
		}
		if hit {
			names = append(names, kind)
		}
	}
	return names
}

// encodings returns the ways to write a text without encrypting it.
func encodings(what string) [][]byte {
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

// signUpWithSecrets signs up on the hosted page and confirms, and returns the secrets of it. The email contains some of
// them.
func (a *actor) signUpWithSecrets() secrets {
	a.t.Helper()
	email := secretLocal + "@" + secretDomain
	cookie := a.signUpHosted(email)
	message := a.Email(email)
	link := confirmLink(message)
	token := strings.TrimPrefix(path(link), "/c/")
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]string
	if err != nil || json.Unmarshal(payload, &claims) != nil || len(claims) != 1 {
		a.t.Fatalf("the token's claims are %s, %v", payload, err)
	}
	const nonceLength = 12 // in bytes, at the end of the link
	packed, err := base64.RawURLEncoding.DecodeString(claims["l"])
	if err != nil || len(packed) <= nonceLength {
		a.t.Fatalf("the token's link is %q, %v", claims["l"], err)
	}
	s := secrets{
		"the address": email, "the local part": secretLocal, "the domain": secretDomain,
		"a refused local part": unknownLocal,
		"the IP":               secretIP, "the user agent": secretAgent, "the source": secretSource,
		"the cookie": cookie, "the secret": testSecret, "the API key": testKey,
		"the webhook's secret": strings.TrimPrefix(hookSecret, "whsec_"),
		"the admin password":   "a-password-for-tests",
	}
	if names := s.found(slices.Concat(payload, packed)); len(names) > 0 { // anybody can read a token
		a.t.Errorf("the token holds %v", names)
	}
	s["the token"], s["the token's claims"], s["the token's signature"] = token, parts[1], parts[2]
	s["the nonce"] = base64.RawURLEncoding.EncodeToString(packed[len(packed)-nonceLength:])
	s.checkDetection(a, []byte(message.Text+strings.Join(message.To, "")))
	if code, state := a.Confirm(link); code != http.StatusOK || state != "confirmed" {
		a.t.Fatalf("confirming returns %d %q", code, state)
	}
	return s
}

// checkDetection checks that found finds secrets that are there, so that finding none means something.
func (s secrets) checkDetection(a *actor, message []byte) {
	a.t.Helper()
	found := fmt.Sprint(s.found(message))
	for _, kind := range []string{"the address", "the token", "the token's signature"} {
		if !strings.Contains(found, kind) {
			a.t.Fatalf("the email has %v, but not %s", found, kind)
		}
	}
	for kind, what := range s {
		for _, around := range []string{"", "x", "xy"} {
			hidden := []byte(around + what + around)
			b64 := []byte(base64.StdEncoding.EncodeToString(hidden))
			if len((secrets{kind: what}).found(b64)) == 0 ||
				len((secrets{kind: what}).found([]byte(hex.EncodeToString(hidden)))) == 0 {
				a.t.Fatalf("%s is not found in base64 or hex after %q", kind, around)
			}
		}
	}
}

// signUpHosted signs somebody up on the hosted page, through the proxy, and returns the browser's cookie.
func (a *actor) signUpHosted(email string) (cookie string) {
	a.t.Helper()
	resp, _ := a.ask(http.MethodPost, "/v1/sites/gazette/subscriptions", url.Values{
		"email": {email}, "consent": {"true"}, "purposes": {"letter"}, "locale": {"en"}, "source": {secretSource},
	}.Encode(), http.Header{"Origin": {a.base}, "Content-Type": {"application/x-www-form-urlencoded"}})
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		a.t.Fatalf("signing up on the hosted page returns %s, %v", resp.Status, resp.Header)
	}
	return resp.Cookies()[0].Value
}

// ask sends one request through the proxy, and returns its response without following redirects.
func (a *actor) ask(method, where, body string, header http.Header) (*http.Response, []byte) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.base+where, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header = http.Header{"X-Forwarded-For": {secretIP}, "User-Agent": {secretAgent}}
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

// badRequest is a request that must be refused.
type badRequest struct{ method, where, body, media string }

const (
	signupPath = "/v1/sites/gazette/subscriptions"
	mediaJSON  = "application/json"
	mediaForm  = "application/x-www-form-urlencoded"
)

// sendBadRequests sends secrets in every wrong way, and returns all responses with their headers.
func (a *actor) sendBadRequests(s secrets) []byte {
	a.t.Helper()
	email, token, long := s["the address"], s["the token"], strings.Repeat(s["the address"], 1000)
	redirect := "https://" + secretDomain + "/" + token
	return a.sendRefused(s,
		badRequest{"POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":false,"source":%q}`, email, secretSource),
			mediaJSON},
		badRequest{"POST", signupPath, fmt.Sprintf(`{"email":"%s@@%s","consent":true}`, secretLocal, secretDomain),
			mediaJSON},
		badRequest{"POST", signupPath, fmt.Sprintf(`{%q:true}`, email), mediaJSON},
		badRequest{"POST", signupPath, fmt.Sprintf(`{"email":%q`, email), mediaJSON},
		badRequest{"POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true,"purposes":[%q]}`, email, token),
			mediaJSON},
		badRequest{"POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true,"redirect":%q}`, email, redirect),
			mediaJSON},
		badRequest{"POST", signupPath, url.Values{"email": {email, email}, email: {token}}.Encode(), mediaForm},
		badRequest{"POST", signupPath + "?email=" + email, email, "text/" + secretLocal},
		badRequest{"POST", signupPath, long, mediaJSON},
		badRequest{"GET", signupPath + "/" + email, "", ""},
		badRequest{"POST", "/v1/sites/" + email + "/subscriptions", "{}", mediaJSON},
		badRequest{"POST", "/v1/sites/gazette/lookup", fmt.Sprintf(`{"email":%q,%q:1}`, email, token), mediaJSON},
		badRequest{"GET", "/s/" + secretLocal, "", ""},
		badRequest{"GET", "/" + email, "", ""},
		badRequest{"GET", "/c/" + email, "", ""},
		badRequest{"GET", "/c/" + token[:len(token)-3], "", ""},
		badRequest{"POST", "/c/" + token[:len(token)-3], "", ""},
		badRequest{"POST", "/u/" + token, "", ""},
		badRequest{"PUT", "/c/" + token, email, ""},
		badRequest{"POST", "/c/" + token, long, mediaForm},
		badRequest{secretLocal, "/c/" + token, "", ""},
		badRequest{"GET", "/c/" + token + email, "", ""}, // changed, not only surrounded: nothing can mend it
		badRequest{"GET", "/u/" + token + "/" + email, "", ""},
		badRequest{"GET", "/assets/" + token, "", ""},
		badRequest{"GET", "/metrics?" + email, "", ""},
	)
}

// sendWithoutStore sends requests that would be right if there were a store.
func (a *actor) sendWithoutStore(s secrets) []byte {
	a.t.Helper()
	token := s["the token"]
	return a.sendRefused(s,
		badRequest{"POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true}`, s["the address"]), mediaJSON},
		badRequest{"POST", signupPath, url.Values{"email": {s["the address"]}, "consent": {"true"}}.Encode(),
			mediaForm},
		badRequest{"GET", "/c/" + token, "", ""},
		badRequest{"POST", "/c/" + token, "", ""},
		badRequest{"POST", "/c/" + token + "/decline", "", ""},
		badRequest{"GET", "/readyz", "", ""},
	)
}

// sendRefused sends bad requests as a browser on another site's page, as one on no page, and as a program. Secrets are
// also in their headers.
func (a *actor) sendRefused(s secrets, all ...badRequest) []byte {
	a.t.Helper()
	var output bytes.Buffer
	for _, w := range all {
		for accept, origin := range map[string]string{"text/html": "", mediaJSON: "", "text/html;q=1": "https://" +
			secretDomain} {
			h := http.Header{
				"Accept": {accept}, "Cookie": {"optin=" + s["the cookie"]}, "Referer": {secretSource},
				"Authorization": {"Bearer " + testKey + s["the token"]}, "Idempotency-Key": {s["the token"]},
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
			fmt.Fprintln(&output, resp.StatusCode)
			_ = resp.Header.Write(&output) // to memory
			output.Write(body)
		}
	}
	return output.Bytes()
}

// metrics returns the metrics, as Prometheus reads them.
func (a *actor) metrics(addr string) []byte {
	a.t.Helper()
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		a.t.Fatalf("/metrics returns %s, %v", resp.Status, err)
	}
	return body
}
