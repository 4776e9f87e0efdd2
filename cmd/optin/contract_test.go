package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/optin/optin/internal/openapi/contract"
)

// maxChecked is the longest body that is checked against the description, in bytes. Of a longer one, such as an export,
// only status and headers are checked.
const maxChecked = 1 << 20

// checkedTransport checks every response against openapi.yaml. It is the default transport of all tests, so that none
// can forget it.
type checkedTransport struct {
	*http.Transport
	mismatches *mismatches
}

// mismatches are responses that are not as described. Each is reported once, to the test that claimed its host.
type mismatches struct {
	mu        sync.Mutex
	tests     map[string]testing.TB // by host:port
	reported  map[string]bool
	unclaimed []string // of hosts that no test claims
}

func newMismatches() *mismatches {
	return &mismatches{tests: map[string]testing.TB{}, reported: map[string]bool{}}
}

// checkResponses runs tests with their responses checked, and returns their exit code.
func checkResponses(run func() int) int {
	own, found := http.DefaultTransport, newMismatches()
	http.DefaultTransport = checkedTransport{own.(*http.Transport), found}
	defer func() { http.DefaultTransport = own }()
	return found.exit(os.Stderr, run())
}

// exit prints the mismatches that no test claimed, and makes the exit code a failure if there are any.
func (b *mismatches) exit(to io.Writer, code int) int {
	for _, wrong := range b.unclaimed {
		fmt.Fprintln(to, wrong)
		code = max(code, 1)
	}
	return code
}

// checked returns a transport whose responses are checked as the default one's.
func checked(by *http.Transport) checkedTransport {
	return checkedTransport{by, http.DefaultTransport.(checkedTransport).mismatches}
}

// claim reports mismatches in the responses of a host to a test.
func claim(t testing.TB, host string) {
	http.DefaultTransport.(checkedTransport).mismatches.claim(t, host)
}

func (c checkedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.Transport.RoundTrip(r)
	target := r.URL.RequestURI()
	if err != nil || contract.Operation(r.Method, target) == nil {
		return resp, err
	}
	body, broken := io.ReadAll(io.LimitReader(resp.Body, maxChecked+1))
	rest := io.Reader(resp.Body)
	if broken != nil {
		rest = iotest.ErrReader(broken) // which the test must see
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), resp.Body}
	whole := body
	if broken != nil || len(body) > maxChecked {
		whole = nil
	}
	for _, wrong := range contract.CheckResponse(r.Method, target, resp.StatusCode, resp.Header, whole) {
		c.mismatches.report(r.URL.Host, wrong, fmt.Sprintf("%s %s: %s\n%.1000s", r.Method, target, wrong, body))
	}
	return resp, nil
}

// report reports a mismatch once for each host.
func (b *mismatches) report(host, wrong, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reported[host+wrong] {
		return
	}
	b.reported[host+wrong] = true
	if t := b.tests[host]; t != nil {
		t.Error(text)
		return
	}
	b.unclaimed = append(b.unclaimed, text)
}

// claim reports mismatches in the responses of a host to a test until it ends.
func (b *mismatches) claim(t testing.TB, host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tests[host] == t {
		return
	}
	b.tests[host] = t
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.tests[host] == t {
			delete(b.tests, host)
		}
	})
}

// recorder is a testing.TB that only records its errors.
type recorder struct {
	testing.TB
	reported []string
}

func (r *recorder) Error(args ...any) { r.reported = append(r.reported, fmt.Sprint(args...)) }

// longBody is too long to be checked, and is not JSON.
func longBody() string { return strings.Repeat(" ", maxChecked) + "{" }

// answerByQuery answers as its query says, with or against openapi.yaml.
func answerByQuery(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.RawQuery {
	case "right":
		fmt.Fprint(w, `{"status":"ok"}`)
	case "wrong":
		fmt.Fprint(w, `{"status":"splendid"}`)
	case "long":
		fmt.Fprint(w, longBody())
	case "long-and-wrong":
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, longBody())
	case "broken":
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "{")
	}
}

// get sends a request twice, and returns what a test reads.
func get(t *testing.T, by http.RoundTripper, from string) (body string, broken bool) {
	t.Helper()
	for range 2 {
		resp, err := (&http.Client{Transport: by}).Get(from)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		body, broken = string(b), err != nil
	}
	return body, broken
}

func TestAMismatchedResponseFailsTheTestThatGotItOnce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(answerByQuery))
	defer server.Close()
	for _, row := range []struct {
		target, reported, body string
		broken                 bool
	}{
		{target: "/healthz?right", body: `{"status":"ok"}`},
		{target: "/healthz?wrong", body: `{"status":"splendid"}`, reported: "body.status is splendid"},
		{target: "/metrics?wrong", body: `{"status":"splendid"}`},
		{target: "/healthz?long", body: longBody()},
		{target: "/healthz?long-and-wrong", body: longBody(), reported: "healthz answers 201"},
		{target: "/healthz?broken", body: "{", broken: true},
	} {
		t.Run(row.target, func(t *testing.T) {
			heard, by := &recorder{TB: t}, checkedTransport{&http.Transport{}, newMismatches()}
			defer by.CloseIdleConnections()
			by.mismatches.claim(heard, server.Listener.Addr().String())
			if body, broken := get(t, by, server.URL+row.target); body != row.body || broken != row.broken {
				t.Errorf("the test reads %.80q, broken: %t", body, broken)
			}
			if row.reported == "" && len(heard.reported) > 0 || row.reported != "" &&
				(len(heard.reported) != 1 || !strings.Contains(heard.reported[0], row.reported)) {
				t.Errorf("the test reports %.200q, want %q", heard.reported, row.reported)
			}
			if len(by.mismatches.unclaimed) > 0 {
				t.Errorf("unclaimed: %.200q", by.mismatches.unclaimed)
			}
		})
	}
}

func TestAMismatchedResponseOfNoKnownTestFailsThemAll(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(answerByQuery))
	defer server.Close()
	for query, want := range map[string][]string{"right": nil, "wrong": {"body.status is splendid"}} {
		by := checkedTransport{&http.Transport{}, newMismatches()}
		defer by.CloseIdleConnections()
		// and ends
		t.Run(query, func(t *testing.T) { by.mismatches.claim(&recorder{TB: t}, server.Listener.Addr().String()) })
		get(t, by, server.URL+"/healthz?"+query)
		unclaimed := by.mismatches.unclaimed
		if len(unclaimed) != len(want) || len(want) > 0 && !strings.Contains(unclaimed[0], want[0]) {
			t.Errorf("unclaimed: %q, want %q", unclaimed, want)
		}
		if code := by.mismatches.exit(io.Discard, 0); (code != 0) != (len(want) > 0) {
			t.Errorf("the tests exit with %d after %q", code, by.mismatches.unclaimed)
		}
	}
}
