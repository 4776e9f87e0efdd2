package config

import (
	"errors"
	"strconv"
	"strings"
)

// readChallenge reads when a signup must come with a proof, and of which kind.
func readChallenge(v value) Challenge {
	g := v.group("when", "normal", "captcha")
	c := Challenge{
		When:   optional(g.get("when"), DefaultWhen, parseWhen),
		Normal: optional(g.get("normal"), "", parseNormal),
	}
	if service := g.get("captcha"); service.given() {
		k := service.group("kind", "site_key", "secret", "secret_file")
		c.Captcha = &Captcha{
			Kind: required(k.get("kind"), parseCaptcha), SiteKey: required(k.get("site_key"), parseSiteKey),
			Secret: checked(k.requiredSecret("secret"), parseCaptchaSecret),
		}
	}
	return c
}

func parseWhen(s string) (ChallengePolicy, error) {
	switch w := ChallengePolicy(s); w {
	case ChallengeOnSurge, ChallengeAlways, ChallengeNever:
		return w, nil
	}
	return "", errors.New("must be busy, always or never")
}

// parseNormal parses the usual number of signups in ten minutes.
func parseNormal(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n < 1 || n > 20_000 {
		return 0, errors.New("must be the usual number of signups in ten minutes, from 1 to 20000")
	}
	return int(n), nil
}

func parseCaptcha(s string) (string, error) {
	switch s {
	case "turnstile", "hcaptcha", "friendlycaptcha":
		return s, nil
	}
	return "", errors.New("must be turnstile, hcaptcha or friendlycaptcha")
}

// parseSiteKey parses a captcha service's public key, which is written into pages.
func parseSiteKey(s string) (string, error) {
	if s == "" || len(s) > 128 || strings.Trim(s, keyLetters+".") != "" {
		return "", errors.New("must be the public key that the service gave, of letters, digits, . - and _")
	}
	return s, nil
}

func parseCaptchaSecret(s string) (Secret, error) {
	if len(s) < 8 || strings.ContainsFunc(s, isControl) {
		return nil, errors.New("must be the secret key that the service gave, on one line")
	}
	return Secret(s), nil
}
