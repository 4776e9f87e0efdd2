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

// Verify asks the service whether a token of its widget is good, within three seconds; a token is good once. The visitor's IP is sent
// only where the options say so, and may be empty. ErrInvalid is a refusal.
//
// ErrUnavailable means that there is no verdict: the service cannot be reached, does not know our secret, or answers something else. That is no
// fault of the person's, so they must not be locked out. But it must not open the door either, because a visitor may be able to bring it
// about: ask for Work in its place, and tell the operator. The errors' texts name the service's own codes, never the token.
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

// question is a form for Turnstile and hCaptcha, and JSON with a header for Friendly Captcha.
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
			form.Set("sitekey", c.widget.SiteKey) // else a token of any site of the account is good
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

// judge reads a verdict. Friendly Captcha names one code, the others list theirs.
func parseOutcome(status int, body []byte) error {
	var said struct {
		Success *bool    `json:"success"`
		Codes   []string `json:"error-codes"`
		Error   struct {
			Code string `json:"error_code"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &said); err != nil || said.Success == nil {
		return unavailable(fmt.Sprintf("status %d without a verdict", status))
	}
	codes := said.Codes
	if said.Error.Code != "" {
		codes = append(codes, said.Error.Code)
	}
	refusing := status == http.StatusOK || status/100 == 4 && status != http.StatusTooManyRequests
	switch {
	case *said.Success && status == http.StatusOK:
		return nil
	case *said.Success || !refusing || slices.ContainsFunc(codes, isOurFault):
		return unavailable(fmt.Sprintf("status %d, %s", status, codesForLog(codes)))
	}
	return fmt.Errorf("%w: %s", ErrInvalid, codesForLog(codes))
}

// notTheirs tells the codes that no visitor's token brings about: they are ours to mend, or the service's.
func isOurFault(code string) bool {
	return slices.Contains([]string{"missing-input-secret", "invalid-input-secret", "internal-error",
		"auth_required", "auth_invalid", "sitekey_invalid"}, code)
}

// words are codes for a log, unless they are no codes.
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
