package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// ear is a test that only notes what it is told.
type ear struct {
	testing.TB
	told []string
}

func (l *ear) Error(args ...any) { l.told = append(l.told, fmt.Sprint(args...)) }

// long is a body that is too long to be held, and no JSON.
func long() string { return strings.Repeat(" ", maxHeld) + "{" }

// careless answers as its query says, with little regard for openapi.yaml.
func careless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.RawQuery {
	case "right":
		fmt.Fprint(w, `{"status":"ok"}`)
	case "wrong":
		fmt.Fprint(w, `{"status":"splendid"}`)
	case "long":
		fmt.Fprint(w, long())
	case "long-and-wrong":
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, long())
	case "broken":
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "{")
	}
}

// get gets the same twice, and answers what a test reads of it.
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

func TestAnAnswerThatIsNotAsDescribedFailsTheTestThatGotItOnce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(careless))
	defer server.Close()
	for _, row := range []struct {
		target, told, body string
		broken             bool
	}{
		{target: "/healthz?right", body: `{"status":"ok"}`},
		{target: "/healthz?wrong", body: `{"status":"splendid"}`, told: "body.status is splendid"},
		{target: "/metrics?wrong", body: `{"status":"splendid"}`},
		{target: "/healthz?long", body: long()},
		{target: "/healthz?long-and-wrong", body: long(), told: "healthz answers 201"},
		{target: "/healthz?broken", body: "{", broken: true},
	} {
		t.Run(row.target, func(t *testing.T) {
			heard, by := &ear{TB: t}, contracted{&http.Transport{}, newBreaches()}
			defer by.CloseIdleConnections()
			by.found.claim(heard, server.Listener.Addr().String())
			if body, broken := get(t, by, server.URL+row.target); body != row.body || broken != row.broken {
				t.Errorf("the test reads %.80q, broken: %t", body, broken)
			}
			if row.told == "" && len(heard.told) > 0 || row.told != "" && (len(heard.told) != 1 || !strings.Contains(heard.told[0], row.told)) {
				t.Errorf("the test is told %.200q, want %q", heard.told, row.told)
			}
			if len(by.found.nobody) > 0 {
				t.Errorf("nobody is told %.200q", by.found.nobody)
			}
		})
	}
}

func TestAnAnswerToNoTestThatIsKnownFailsThemAll(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(careless))
	defer server.Close()
	for query, want := range map[string][]string{"right": nil, "wrong": {"body.status is splendid"}} {
		by := contracted{&http.Transport{}, newBreaches()}
		defer by.CloseIdleConnections()
		t.Run(query, func(t *testing.T) { by.found.claim(&ear{TB: t}, server.Listener.Addr().String()) }) // and ends
		get(t, by, server.URL+"/healthz?"+query)
		if len(by.found.nobody) != len(want) || len(want) > 0 && !strings.Contains(by.found.nobody[0], want[0]) {
			t.Errorf("nobody is told %q, want %q", by.found.nobody, want)
		}
		if code := by.found.exit(io.Discard, 0); (code != 0) != (len(want) > 0) {
			t.Errorf("the tests exit with %d after %q", code, by.found.nobody)
		}
	}
}
