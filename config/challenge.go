package config

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// readServiceLimits reads the limits over all sites.
func readServiceLimits(v value) ServiceLimits {
	g := v.group("letters_per_address", "letters")
	return ServiceLimits{
		LettersPerAddress: optional(g.get("letters_per_address"), DefaultLettersPerMailbox, parseLimits),
		Letters:           optional(g.get("letters"), DefaultLetters, parseLimits),
	}
}

// readLetters reads what else a site says of its letters.
func (s *Site) readLetters(g group) {
	if a := g.get("reply_to"); a.given() {
		reply := optional(a, "", parseFrom)
		s.ReplyTo = &reply
	}
	s.BounceDomain = optional(g.get("bounce_domain"), "", parseDomain)
	reminder := g.get("reminder")
	s.Reminder = optional(reminder, "", parseReminder(s.LinkTTL))
	for _, l := range s.Limits.LettersPerAddress {
		if s.Reminder > 0 && l.N == 1 && s.Reminder <= l.Per {
			reminder.onNode().fail("would never be sent: limits.letters_per_address allows an address no second letter so soon; write a longer time here, or other limits")
		}
	}
}

// parseReminder makes a parser of how long to wait for somebody whose link is good for ttl; nothing of that is told again if ttl is wrong.
func parseReminder(ttl time.Duration) func(string) (time.Duration, error) {
	return func(s string) (time.Duration, error) {
		d, ok := duration(s)
		if !ok || d < time.Minute || ttl > 0 && d >= ttl {
			return 0, errors.New("must be shorter than the link is good (link_ttl), 1m at least, in s, m, h or d, such as 24h; leave it out and nobody is reminded")
		}
		return d, nil
	}
}

// readChallenge reads what is asked of who signs up.
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
			Secret: checked(k.needed("secret"), parseCaptchaSecret),
		}
	}
	return c
}

func parseWhen(s string) (When, error) {
	switch w := When(s); w {
	case WhenBusy, WhenAlways, WhenNever:
		return w, nil
	}
	return "", errors.New("must be busy, always or never")
}

// parseNormal takes how many signups in ten minutes are nothing unusual.
func parseNormal(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n < 1 || n > 20_000 {
		return 0, errors.New("must be how many signups in ten minutes are usual, from 1 to 20000")
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

// parseSiteKey takes a service's public key, which is written into pages.
func parseSiteKey(s string) (string, error) {
	if s == "" || len(s) > 128 || strings.Trim(s, keyLetters+".") != "" {
		return "", errors.New("must be the public key that the service gave, of letters, digits, . - and _")
	}
	return s, nil
}

func parseCaptchaSecret(s string) (Secret, error) {
	if len(s) < 8 || strings.ContainsFunc(s, breaks) {
		return nil, errors.New("must be the secret key that the service gave, on one line")
	}
	return Secret(s), nil
}
