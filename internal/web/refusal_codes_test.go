package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/optin/optin/internal/web/request"
)

// codeOf is the code of a problem.
func codeOf(t *testing.T, body string) string {
	t.Helper()
	var p struct{ Code string }
	must(t, json.Unmarshal([]byte(body), &p))
	return p.Code
}

func TestRefusalsOfWholeRequestsHaveTheirCodes(t *testing.T) {
	e := newEnv(t)
	link := e.paths()["/c/{token}"]
	for _, row := range []struct {
		method, path string
		headers      []string
		status       int
		code         string
	}{
		{"POST", link, []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross_site"},
		{"POST", link, []string{"Origin", "https://evil.example"}, 403, "cross_site"},
		{"PUT", "/s/gazette", nil, 405, "method_not_allowed"},
		{"DELETE", link, nil, 405, "method_not_allowed"},
	} {
		a := e.send(row.method, row.path, "", append([]string{"Accept", request.MediaJSON}, row.headers...)...)
		if got := codeOf(t, a.body); a.status != row.status || got != row.code {
			t.Errorf("%s %.12s: %d %s, want %d %s", row.method, row.path, a.status, got, row.status, row.code)
		}
	}
}

// slow is a body that has not all come by the time the server stops waiting.
type slow struct{}

func (slow) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func TestABodyThatDoesNotArriveHasItsCode(t *testing.T) {
	e := newEnv(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, signupPath, slow{})
	r.Header.Set("Content-Type", request.MediaJSON)
	r.Header.Set("Accept", request.MediaJSON)
	answered := &httptest.ResponseRecorder{Body: &bytes.Buffer{}}
	begun := time.Now()
	e.web.echo.ServeHTTP(answered, r)
	answer{answered.Code, answered.Header(), answered.Body.String()}.asDescribed(t, http.MethodPost, signupPath)
	if got := codeOf(t, answered.Body.String()); answered.Code != http.StatusRequestTimeout || got != "too_slow" ||
		time.Since(begun) > requestTimeout {
		t.Errorf("%d %s", answered.Code, got)
	}
}
