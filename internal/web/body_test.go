package web

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
)

// TestNoRouteReadsMoreThanItMust sends what is too much to every route, with its length said and in chunks.
func TestNoRouteReadsMoreThanItMust(t *testing.T) {
	e := newEnv(t)
	paths := e.paths()
	for _, rt := range e.routes() {
		path := paths[rt.pattern]
		if path == "" {
			t.Fatalf("no path for %s", rt.pattern)
		}
		most := rt.most()
		for name, body := range map[string]io.Reader{"said": strings.NewReader(strings.Repeat("x", most+1)),
			"in chunks": io.LimitReader(endless{}, 100<<20)} {
			req, err := http.NewRequestWithContext(t.Context(), rt.method, e.http.URL+path, body)
			must(t, err)
			req.Header.Set("Content-Type", request.MediaForm)
			if rt.key() != "" {
				req.Header.Set("Authorization", "Bearer "+rt.key())
			}
			res, err := e.http.Client().Transport.RoundTrip(req)
			if err != nil {
				t.Errorf("%s %s, %s: %v", rt.method, path, name, err)
				continue
			}
			_ = res.Body.Close()
			want := 413
			if takesAnyBody(rt.method, rt.pattern) {
				want = 404 // the link of these paths is another: see TestTakingBackNeverFailsOnItsBody
			}
			if res.StatusCode != want {
				t.Errorf("%s %s, %s: %d", rt.method, path, name, res.StatusCode)
			}
		}
		packed := []string{"Content-Encoding", "gzip", "Content-Type", request.MediaForm}
		if rt.key() != "" {
			if a := e.send(rt.method, path, strings.Repeat("x", most+1)); a.status != 401 {
				t.Errorf("%s %s without a key: %d", rt.method, path, a.status)
			}
			packed = append(packed, "Authorization", "Bearer "+rt.key())
		}
		want := 415
		if takesAnyBody(rt.method, rt.pattern) {
			want = 404 // the link of these paths is another: see TestTakingBackNeverFailsOnALabel
		}
		if a := e.send(rt.method, path, "x", packed...); a.status != want {
			t.Errorf("%s %s compressed: %d", rt.method, path, a.status)
		}
	}
	if e.state("ada@b.example") != consent.Pending {
		t.Error("something was changed")
	}
	if status := e.raw("POST", signupPath,
		"Content-Type: application/json\r\nContent-Length: 100000000\r\n"); status != 413 {
		t.Errorf("too much that is only said: %d", status) // nothing of it was awaited
	}
	exact := `{"email":"eve@b.example","consent":true}`
	if a := e.send("POST", signupPath, exact+strings.Repeat(" ", MaxBody-len(exact)), "Content-Type",
		request.MediaJSON); a.status != 202 {
		t.Errorf("just within the limit: %d", a.status)
	}
}

// takesAnyBody reports whether a route is carried out whatever its body is.
func takesAnyBody(method, pattern string) bool {
	return method == http.MethodPost && pattern == "/u/{token}"
}

// endless is a body that does not end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func TestTheServerWaitsForNobody(t *testing.T) {
	s := HTTPServer(":0", nil)
	if s.ReadHeaderTimeout != 5*time.Second || s.ReadTimeout == 0 || s.WriteTimeout <= s.ReadTimeout ||
		s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("%+v", s)
	}
	if s.Protocols.UnencryptedHTTP2() {
		t.Error("HTTP/2 in clear is on")
	}
}
