package challenge

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// question is a request that a service got.
type question struct {
	Method, Media, Key string
	Fields             map[string]string
}

// service answers like a captcha service, and records its requests.
func service(t *testing.T, status int, body string) (at string, asked *[]question) {
	t.Helper()
	asked = &[]question{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := question{Method: r.Method, Media: r.Header.Get("Content-Type"), Key: r.Header.Get("X-API-Key"),
			Fields: map[string]string{}}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if q.Media == "application/json" {
			err = json.Unmarshal(b, &q.Fields)
		} else {
			var form url.Values
			form, err = url.ParseQuery(string(b))
			for name := range form {
				q.Fields[name] = form.Get(name)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", b, err)
		}
		*asked = append(*asked, q)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func captcha(t *testing.T, kind Kind, at string, change ...func(*CaptchaOptions)) *Captcha {
	t.Helper()
	o := CaptchaOptions{SiteKey: "a-site-key", Secret: "a-secret", URL: at}
	for _, c := range change {
		c(&o)
	}
	c, err := NewCaptcha(kind, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The answers that the services' manuals show.
const (
	turnstileYes = `{"success":true,"challenge_ts":"2022-02-28T15:14:30.096Z","hostname":"example.com","error-codes":[],"action":"login","cdata":"sessionid-123456789"}`
	turnstileNo  = `{"success":false,"error-codes":["invalid-input-response"]}`
	hcaptchaYes  = `{"success":true,"challenge_ts":"2024-01-01T00:00:00Z","hostname":"example.com"}`
	friendlyYes  = `{"success":true,"data":{"event_id":"ev_x","challenge":{"timestamp":"2026-02-05T13:01:25Z","origin":"https://example.com"},"risk_intelligence":null}}`
	friendlyNo   = `{"success":false,"error":{"error_code":"response_invalid","detail":"..."}}`
)

func TestEachServiceIsAskedAsItsManualSays(t *testing.T) {
	form := "application/x-www-form-urlencoded"
	for _, row := range []struct {
		kind   Kind
		yes    string
		sendIP bool
		want   question
	}{
		{Turnstile, turnstileYes, false,
			question{"POST", form, "", map[string]string{"secret": "a-secret", "response": "a.token"}}},
		{Turnstile, turnstileYes, true, question{"POST", form, "",
			map[string]string{"secret": "a-secret", "response": "a.token", "remoteip": "192.0.2.7"}}},
		{HCaptcha, hcaptchaYes, false, question{"POST", form, "",
			map[string]string{"secret": "a-secret", "response": "a.token", "sitekey": "a-site-key"}}},
		{HCaptcha, hcaptchaYes, true, question{"POST", form, "",
			map[string]string{"secret": "a-secret", "response": "a.token", "sitekey": "a-site-key", "remoteip": "192.0.2.7"}}},
		{Friendly, friendlyYes, false, question{"POST", "application/json", "a-secret",
			map[string]string{"response": "a.token", "sitekey": "a-site-key"}}},
		{Friendly, friendlyYes, true, question{"POST", "application/json", "a-secret",
			map[string]string{"response": "a.token", "sitekey": "a-site-key"}}},
	} {
		at, asked := service(t, 200, row.yes)
		c := captcha(t, row.kind, at, func(o *CaptchaOptions) { o.SendIP = row.sendIP })
		if err := c.Verify(t.Context(), "a.token", "192.0.2.7"); err != nil {
			t.Errorf("%s: %v", row.kind, err)
		}
		if d := cmp.Diff([]question{row.want}, *asked); d != "" {
			t.Errorf("%s, IP %v: %s", row.kind, row.sendIP, d)
		}
	}
}

func TestAnAnswerIsAcceptanceRefusalOrUnavailable(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		want   error
	}{
		{200, turnstileYes, nil}, {200, hcaptchaYes, nil}, {200, friendlyYes, nil},
		{200, turnstileNo, ErrInvalid}, {200, friendlyNo, ErrInvalid},
		{200, `{"success":false}`, ErrInvalid},
		{200, `{"success":false,"error-codes":["timeout-or-duplicate"]}`, ErrInvalid},
		// caused by a token of another site
		{200, `{"success":false,"error-codes":["sitekey-secret-mismatch"]}`, ErrInvalid},
		{200, `{"success":false,"error":{"error_code":"response_duplicate"}}`, ErrInvalid},
		{400, `{"success":false,"error-codes":["bad-request"]}`, ErrInvalid},
		{400, `{"success":false,"error":{"error_code":"bad_request"}}`, ErrInvalid},
		{200, `{"success":false,"error-codes":["invalid-input-secret"]}`, ErrUnavailable},
		{200, `{"success":false,"error-codes":["invalid-input-response","missing-input-secret"]}`, ErrUnavailable},
		{200, `{"success":false,"error-codes":["internal-error"]}`, ErrUnavailable},
		{401, `{"success":false,"error":{"error_code":"auth_invalid"}}`, ErrUnavailable},
		{400, `{"success":false,"error":{"error_code":"sitekey_invalid"}}`, ErrUnavailable},
		{500, turnstileYes, ErrUnavailable}, {503, turnstileNo, ErrUnavailable}, {429, turnstileNo, ErrUnavailable},
		{302, turnstileNo, ErrUnavailable}, {201, turnstileYes, ErrUnavailable},
		{302, turnstileYes, ErrUnavailable}, {401, turnstileYes, ErrUnavailable},
		{200, ``, ErrUnavailable}, {200, `<html>`, ErrUnavailable}, {200, `{}`, ErrUnavailable},
		{200, `null`, ErrUnavailable}, {200, `true`, ErrUnavailable}, {403, `Forbidden`, ErrUnavailable},
		{200, `{"success":"true"}`, ErrUnavailable}, {200, `{"success":1}`, ErrUnavailable},
		{200, turnstileYes + `x`, ErrUnavailable},
		{200, turnstileYes + strings.Repeat(" ", maxAnswer), ErrUnavailable},
	} {
		at, asked := service(t, row.status, row.body)
		err := captcha(t, Turnstile, at).Verify(t.Context(), "a.token", "")
		if !errors.Is(err, row.want) || len(*asked) != 1 {
			t.Errorf("%d %.90s: %v, asked %d times", row.status, row.body, err, len(*asked))
		}
	}
}

func TestAMalformedTokenIsNotSentToTheService(t *testing.T) {
	at, asked := service(t, 200, turnstileYes)
	for _, token := range []string{"", " ", "a b", "a\r\nb", "é", "\x00", strings.Repeat("x", maxToken+1)} {
		if err := captcha(t, Turnstile, at).Verify(t.Context(), token, ""); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.10q: %v", token, err)
		}
	}
	if len(*asked) != 0 {
		t.Errorf("asked %d times", len(*asked))
	}
}

func TestAServiceThatIsDownOrSlowIsUnavailable(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(release) })
	late := captcha(t, Turnstile, slow.URL)
	if late.client.Timeout != 3*time.Second {
		t.Errorf("the service may take %s", late.client.Timeout)
	}
	late.client.Timeout = 50 * time.Millisecond
	left, leave := context.WithCancel(t.Context())
	leave()
	for name, err := range map[string]error{
		"gone": captcha(t, Turnstile, gone.URL).Verify(t.Context(), "a.token", "192.0.2.7"),
		"slow": late.Verify(t.Context(), "a.token", "192.0.2.7"),
		"left": captcha(t, Turnstile, slow.URL).Verify(left, "a.token", "192.0.2.7"),
	} {
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "a.token") ||
			strings.Contains(err.Error(), "192.0.2.7") ||
			strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyCodesOfAServiceGetIntoAnError(t *testing.T) {
	at, _ := service(t, 200, `{"success":false,"error-codes":["invalid-input-response","<a.token>\n","ada@b.example"]}`)
	err := captcha(t, HCaptcha, at).Verify(t.Context(), "a.token", "")
	if err == nil || err.Error() != "challenge: not solved: codes [invalid-input-response ? ?]" {
		t.Error(err)
	}
}
