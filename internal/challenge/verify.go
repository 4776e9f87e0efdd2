package challenge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	maxToken  = 16 << 10 // bytes; Friendly Captcha's are the longest
	maxAnswer = 64 << 10 // bytes
)

// Verify asks the service whether a token of its widget is valid, within three seconds. A token is valid once. The
// visitor's IP may be empty, and is sent only if CaptchaOptions.SendIP is set.
//
// ErrInvalid is a refusal. ErrUnavailable means that there is no answer: the service cannot be reached, does not know
// our secret, or sends something unexpected. The person is not to blame, so they must not be locked out. But the signup
// must not simply be accepted either, because a visitor may be able to cause the failure: ask for Work instead, and
// tell the operator. Error texts contain the service's codes, never the token.
func (c *Captcha) Verify(ctx context.Context, token, remoteIP string) error {
	if isNotToken(token) || len(token) > maxToken {
		return ErrInvalid
	}
	r, err := c.newRequest(ctx, token, remoteIP)
	if err != nil {
		return unavailable(err.Error())
	}
	answer, err := c.client.Do(r)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err
		}
		return unavailable(err.Error())
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return unavailable(err.Error())
	case len(body) > maxAnswer:
		return unavailable("its answer is too large")
	}
	return parseOutcome(answer.StatusCode, body)
}

// newRequest returns a form for Turnstile and hCaptcha, and JSON with a header for Friendly Captcha.
func (c *Captcha) newRequest(ctx context.Context, token, remoteIP string) (*http.Request, error) {
	text, media := "", "application/x-www-form-urlencoded"
	if c.widget.Kind == Friendly {
		b, err := json.Marshal(map[string]string{"response": token, "sitekey": c.widget.SiteKey})
		if err != nil {
			return nil, err
		}
		text, media = string(b), "application/json"
	} else {
		form := url.Values{"secret": {c.secret}, "response": {token}}
		if c.widget.Kind == HCaptcha {
			form.Set("sitekey", c.widget.SiteKey) // otherwise a token of any site of the account is valid
		}
		if c.sendIP && remoteIP != "" {
			form.Set("remoteip", remoteIP)
		}
		text = form.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", media)
	r.Header.Set("Accept", "application/json")
	if c.widget.Kind == Friendly {
		r.Header.Set("X-API-Key", c.secret)
	}
	return r, nil
}

// parseOutcome reads a service's answer. Friendly Captcha sends one error code, the others a list.
func parseOutcome(status int, body []byte) error {
	var outcome struct {
		Success *bool    `json:"success"`
		Codes   []string `json:"error-codes"`
		Error   struct {
			Code string `json:"error_code"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &outcome); err != nil || outcome.Success == nil {
		return unavailable(fmt.Sprintf("status %d without an outcome", status))
	}
	codes := outcome.Codes
	if outcome.Error.Code != "" {
		codes = append(codes, outcome.Error.Code)
	}
	refusing := status == http.StatusOK || status/100 == 4 && status != http.StatusTooManyRequests
	switch {
	case *outcome.Success && status == http.StatusOK:
		return nil
	case *outcome.Success || !refusing || slices.ContainsFunc(codes, isOurFault):
		return unavailable(fmt.Sprintf("status %d, %s", status, codesForLog(codes)))
	}
	return fmt.Errorf("%w: %s", ErrInvalid, codesForLog(codes))
}

// isOurFault reports whether a code cannot be caused by a visitor's token: the operator or the service has to fix it.
func isOurFault(code string) bool {
	switch code {
	case "missing-input-secret", "invalid-input-secret", "internal-error",
		"auth_required", "auth_invalid", "sitekey_invalid":
		return true
	}
	return false
}

// codesForLog formats the first codes for a log, and leaves out what does not look like a code.
func codesForLog(codes []string) string {
	var all []string
	for _, c := range codes[:min(len(codes), 4)] {
		if len(c) > 64 || strings.Trim(c, "abcdefghijklmnopqrstuvwxyz-_") != "" {
			c = "?"
		}
		all = append(all, c)
	}
	return "codes [" + strings.Join(all, " ") + "]"
}

func unavailable(why string) error { return fmt.Errorf("%w: %s", ErrUnavailable, why) }
